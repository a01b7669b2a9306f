"""Training of the inner cycle of CinCGAN on two folders without pairs."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor, nn

from ..models import CinCGAN, CinCGANConfig
from ..models.adversarial import TranslatorNet
from .adversarial import AdversarialTask, against_critic, critic_of, sides_of
from .recipe import Recipe, Usual

# Weights of the cycle, of the identity and of the total variation, beside the adversarial loss.
CYCLE, IDENTITY, VARIATION = 10.0, 5.0, 0.5
RECIPE = Recipe(
    steps=400_000, batch=32, lr=2e-4, betas=(0.5, 0.999), milestones=(0.25, 0.5, 0.75), clip=1e3, every=2000
)
SMALL = replace(RECIPE, steps=500, batch=16, lr=1e-3, average=0.99, every=50)
USUAL = {"small": Usual(SMALL, 40), "full": Usual(RECIPE, 32)}


class CinCGANTask(AdversarialTask):
    """The inner cycle: a denoiser plays by least squares against a critic of clean images; ``10 L2`` of
    degraded images that the degrader is to give back from what the denoiser left of them, ``5 L1`` of clean
    images that the denoiser is to leave alone, ``0.5`` total variation of its results.

    The degrader learns by the cycle alone. The outer cycle, which teaches a super-resolver at the same time,
    does not meet it and is left out: super-resolvers are trained here on the pairs of a degrader.
    """

    model: CinCGAN
    recipe = SMALL
    game = "least squares"

    def __init__(self, model: CinCGAN):
        super().__init__(model)
        self.denoiser = TranslatorNet(model.config)
        self.critic = critic_of(model.config, "none" if model.config.residual else "batch")

    @property
    def opponents(self) -> dict[str, nn.Module]:
        return {"denoiser": self.denoiser, "critic": self.critic}

    def loss(self, model, batch, generator) -> Tensor:
        clean, degraded, *_ = sides_of(batch, generator)
        restored = self.denoiser(degraded)
        fooling, seeing = self.play(self.critic, self.critic, clean, restored)
        return self.summed(
            fooling=fooling,
            cycle=CYCLE * (model.degraded(restored) - degraded).square().mean(),
            identity=IDENTITY * (self.denoiser(clean) - clean).abs().mean(),
            variation=VARIATION * variation(restored),
            critic=seeing,
        )


def variation(images: Tensor) -> Tensor:
    """Mean absolute difference of neighbours, down and across, a scalar."""
    return images.diff(dim=2).abs().mean() + images.diff(dim=3).abs().mean()


train_cincgan = against_critic(
    CinCGAN,
    CinCGANConfig,
    CinCGANTask,
    usual=USUAL,
    about="Learn a degradation from clean and degraded photos without pairs, as what undoes a denoiser that "
    "is trained against a critic. One degraded image for one clean one.",
)
