"""Training of CycleGAN on two folders without pairs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from torch import Tensor, nn

from ..models import CycleGAN, CycleGANConfig
from ..models.adversarial import TranslatorNet
from .adversarial import AdversarialTask, asked, critic_of, sides_of, train_against_critic
from .folders import Folder, known_size
from .recipe import Recipe, Usual
from .rehearsal import Rehearsal
from .running import Running

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


def cyclegan_config(size: str) -> CycleGANConfig:
    """The configuration of a size."""
    return CycleGANConfig.small() if known_size(size) == "small" else CycleGANConfig()


def train_cyclegan(
    clean: Folder,
    degraded: Folder,
    out: Folder,
    *,
    size: str = "small",
    validation_clean: Folder | None = None,
    validation_degraded: Folder | None = None,
    last_stage: str = "none",
    steps: int | None = None,
    batch: int | None = None,
    crop: int | None = None,
    lr: float | None = None,
    seed: int = 0,
    running: Running = Running(),
) -> Path | Rehearsal:
    """Learn a degradation and its inverse from clean and degraded photos without pairs, by cycles, against
    two critics. One degraded image for one clean one.

    Args:
        clean, degraded: photos of any sizes and formats, of different scenes.
        out: folder of the run, see :func:`nflib.training.fit`.
        size: "small" (minutes on a laptop) or "full" (as published).
        validation_clean, validation_degraded: other photos of both kinds, by whose noise the best model is
            chosen; by default the training photos themselves.
        last_stage: what happened to the degraded photos last: "none", as published, leaves it to the network
            to imitate; "auto" looks for JPEG; such as "jpeg:62" says it. Then the clean photos are compared
            after it, and it is put back when degrading.
        steps, batch, crop, lr: what the size suggests, by default.
        seed: of weights, crops and noise.
        running: see :class:`nflib.training.Running`.

    Returns:
        The path of ``best.safetensors``, the best by the noise in dark and bright, flat and textured places.
        Published trainings hand back the last one, ``model.safetensors``: nothing else tells.
    """
    return train_against_critic(
        CycleGAN,
        cyclegan_config(size),
        CycleGANTask,
        (clean, degraded),
        out,
        usual=asked(USUAL, size, steps=steps, batch=batch, crop=crop, lr=lr),
        validation=(validation_clean, validation_degraded),
        last_stage=last_stage,
        seed=seed,
        running=running,
    )
