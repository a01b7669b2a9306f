"""Training of CycleGAN on two folders without pairs."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor, nn

from ..models import CycleGAN, CycleGANConfig
from ..models.adversarial import TranslatorNet
from .adversarial import AdversarialTask, against_critic, critic_of, sides_of
from .recipe import Recipe, Usual

# Weights of the cycles and of the identities, beside the adversarial losses.
CYCLE, IDENTITY = 10.0, 5.0
RECIPE = Recipe(
    steps=200_000, batch=2, lr=2e-4, betas=(0.5, 0.999), milestones=(0.5, 0.75, 0.9), clip=1e3, every=2000
)
SMALL = replace(RECIPE, steps=400, batch=16, lr=1e-3, average=0.99, every=50)
USUAL = {"small": Usual(SMALL, 40), "full": Usual(RECIPE, 256)}


class CycleGANTask(AdversarialTask):
    """Least squares against two critics, ``10 L1`` of what went there and back, ``5 L1`` of what was there
    already: images of its own domain a translator should leave alone.

    The authors judge by images of the last 50 steps; here by those of this step.
    """

    model: CycleGAN
    recipe = SMALL
    game = "least squares"

    def __init__(self, model: CycleGAN):
        super().__init__(model)
        norm = model.config.norm
        self.back = TranslatorNet(model.config)
        self.critic, self.clean_critic = (critic_of(model.config, norm) for _ in range(2))

    @property
    def opponents(self) -> dict[str, nn.Module]:
        return {"back": self.back, "critic": self.critic, "clean_critic": self.clean_critic}

    def loss(self, model, batch, generator) -> Tensor:
        clean, degraded, *_ = sides_of(batch, generator)
        fake, restored = model.degraded(clean), self.back(degraded)
        cycle = (self.back(fake) - clean).abs().mean() + (model.degraded(restored) - degraded).abs().mean()
        same = (model.degraded(degraded) - degraded).abs().mean() + (self.back(clean) - clean).abs().mean()
        there = self.play(self.critic, self.critic, degraded, fake)
        and_back = self.play(self.clean_critic, self.clean_critic, clean, restored)
        return self.summed(
            fooling=there[0] + and_back[0],
            cycle=CYCLE * cycle,
            identity=IDENTITY * same,
            critic=there[1] + and_back[1],
        )


train_cyclegan = against_critic(
    CycleGAN,
    CycleGANConfig,
    CycleGANTask,
    usual=USUAL,
    about="Learn a degradation and its inverse from clean and degraded photos without pairs, by cycles, "
    "against two critics. One degraded image for one clean one.",
)
