"""Training of a super-resolver against a discriminator: natural texture instead of the mean of all that is possible."""

from __future__ import annotations

import torch
from torch import nn

from ..models import ESRGANDiscriminator
from ..models.esrgan import discriminator_loss, generator_loss, perceptual_loss
from .state import frozen
from .tasks import Recipe, Task

# Weights of ESRGAN's generator loss (section 4.1).
PIXEL, PERCEPTUAL, ADVERSARIAL = 1e-2, 1.0, 5e-3


class ESRGANTask(Task):
    """Mean absolute error, perceptual loss and relativistic average GAN loss of a super-resolver, beside the loss of its discriminator.

    Both networks are moved in every step, by gradients at the same weights, as in the authors' code. Batches are (hr, lr). The start
    should be a trained generator. Validation is without the discriminator, whose opinion changes, and so says how near the results
    are to the truth, not how natural they look.

    Args:
        model: the generator.
        discriminator: takes crops of this size. It is part of the state of a run, and not of its result.
        features: of the perceptual loss, from :func:`nflib.models.esrgan.vgg19_features`; None leaves it out.
    """

    recipe = Recipe(steps=60_000, batch=16, lr=1e-4, betas=(0.9, 0.999), milestones=(1 / 12, 1 / 6, 1 / 3, 1 / 2))
    unit = "generator's and discriminator's loss"

    def __init__(self, model: nn.Module, discriminator: ESRGANDiscriminator, features: nn.Module | None):
        super().__init__(model)
        self.discriminator, self.features = discriminator, features
        self.notes = {"discriminator": str(discriminator.config), "perceptual": "left out" if features is None else "VGG19, conv5_4"}

    @property
    def validation_unit(self):
        return f"{PIXEL} * mean absolute error" + ("" if self.features is None else f" + {PERCEPTUAL} * perceptual loss")

    @property
    def trained(self):
        return nn.ModuleDict({"generator": self.model, "discriminator": self.discriminator})

    def parameter_groups(self):
        return [(list(network.parameters()), 1.0) for network in self.trained.values()]

    def figures(self):
        return self.parts

    def loss(self, model, batch, generator):
        hr, lr = batch
        sr = model(lr)
        real, fake = self.discriminator(hr), self.discriminator(sr.detach())
        self.discriminator.requires_grad_(False)  # the generator's loss is to move the generator alone
        judged = self.discriminator(sr)
        self.discriminator.requires_grad_(True)
        parts = {
            "fidelity": self.fidelity(sr, hr), "adversarial": generator_loss(real.detach(), judged), "discriminator": discriminator_loss(real, fake),
        }
        self.parts = {name: part.item() for name, part in parts.items()}
        return parts["fidelity"] + ADVERSARIAL * parts["adversarial"] + parts["discriminator"]

    def fidelity(self, sr: torch.Tensor, hr: torch.Tensor) -> torch.Tensor:
        """Weighted mean absolute error and perceptual loss, a scalar."""
        pixel = PIXEL * (sr - hr).abs().mean()
        return pixel if self.features is None else pixel + PERCEPTUAL * perceptual_loss(sr, hr, self.features)

    @torch.no_grad()
    def score(self, batches):
        pairs = (self.transfer_batch_to_device(batch, self.device, 0) for batch in batches)
        return torch.stack([self.fidelity(self.averaged(lr), hr) for hr, lr in pairs]).mean().item()

    def keep(self):
        self._good = {**super().keep(), "discriminator": frozen(self.discriminator.state_dict())}
        return self._good

    def _return_to_good(self):
        super()._return_to_good()
        self.discriminator.load_state_dict(self._good["discriminator"])
