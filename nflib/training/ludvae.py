"""Training of LUD-VAE on two folders without pairs."""

from __future__ import annotations

import math

import torch

from ..data.folders import numbered_generator
from ..metrics import spectrum_error
from .deflow import FLATTEST
from .tasks import Recipe, Task

# Share of the steps in which the weight of the KL term grows to its final value, as published: or the latent is given up early.
RAMP = 0.05


class LUDVAETask(Task):
    """``-ELBO`` in nats per value, half of it of clean and half of degraded crops. Batches are (image, domain).

    This is the published loss over twice the weight of its KL term, plus the constant of the decoder's normal law: a negative
    number, since that law is narrow. In the first steps the KL term counts less. Validation is not the bound: as for
    DeFlow it is the difference in dB between the spectra of degraded clean crops and of degraded ones, in their flattest windows.
    """

    recipe = Recipe(lr=1e-3, batch=16, average=0.99, every=100, betas=(0.9, 0.999), clip=1e3)
    unit = "nats per value"
    validation_unit = "dB between noise spectra"

    def loss(self, model, batch, generator):
        image, domain = batch
        variance = model.config.kl_weight
        share = min((self.step + 1) / max(RAMP * self.recipe.steps, 1), 1)
        total = model.loss(image[domain == 0], image[domain == 1], share * variance, generator)
        return total / (2 * variance) + math.log(2 * math.pi * variance) / 2

    def score(self, batches):
        batches = [self.transfer_batch_to_device(batch, self.device, 0) for batch in batches]
        images, domains = (torch.cat(parts) for parts in zip(*batches))
        generator = numbered_generator(self.seed, 0)
        fake = torch.cat([self.averaged.degrade(part, generator=generator) for part in images[domains == 0].split(16)])
        return spectrum_error(fake, images[domains == 1], FLATTEST).item()
