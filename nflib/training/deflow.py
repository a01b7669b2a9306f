"""Training of DeFlow on two folders without pairs."""

from __future__ import annotations

from ..bases import DOMAINS
from ..units import bits_per_dim, rand
from .tasks import Recipe
from .unpaired import UnpairedTask

# Values are moved by up to half of 1/LEVELS: 8 grey levels in all, as published. It hides what 8 bits and JPEG do to dark and flat
# places, and keeps the flow from putting its likelihood there.
LEVELS = 32
# The noise has a few parameters of its own, far from a network's, which may move faster.
NOISE_RATE = 5.0


class DeFlowTask(UnpairedTask):
    """Bits per dimension at 32 levels, half of it of clean and half of degraded crops (DeFlow, eq. 29)."""

    recipe = Recipe(lr=1e-3, batch=8, average=0.99, every=100, betas=(0.9, 0.999))
    unit = "bits/dim at 32 levels"

    def parameter_groups(self):
        noise = list(self.model.flow.base.parameters())
        own = {id(parameter) for parameter in noise}
        return [([p for p in self.model.parameters() if id(p) not in own], 1.0), (noise, NOISE_RATE)]

    def figures(self):
        return {"noise_power": sum(self.model.flow.base.noise_power())}

    def loss(self, model, batch, generator):
        image, domain = batch
        image = dequantised(image, generator)
        nll = model.nll(image, model.condition(image, generator), [DOMAINS[d] for d in domain.tolist()])
        return bits_per_dim(nll, image[0].numel(), LEVELS).mean()

    def degraded(self, clean, generator):
        return self.averaged.match(super().degraded(clean, generator))


def dequantised(image, generator):
    """Uniform noise of width 1/LEVELS and mean zero added: values stay on the image's own scale."""
    return image + (rand(image.shape, image, generator) - 0.5) / LEVELS
