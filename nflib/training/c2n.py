"""Training of C2N on two folders without pairs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from torch import Tensor, nn

from ..models import C2N, C2NConfig
from ..models.adversarial import gradient_penalty
from .adversarial import AdversarialTask, asked, critic_of, sides_of, train_against_critic
from .folders import Folder, known_size
from .recipe import Recipe, Usual
from .rehearsal import Rehearsal
from .running import Running

# Weights of the gradient penalty and of the stability loss.
PENALTY, STABILITY = 10.0, 10.0
RECIPE = Recipe(
    steps=200_000, batch=16, lr=1e-4, betas=(0.5, 0.9), milestones=(0.25, 0.5, 0.75), clip=1e3, every=2000
)
SMALL = replace(RECIPE, steps=600, lr=1e-3, average=0.99, every=50)
USUAL = {"small": Usual(SMALL, 40), "full": Usual(RECIPE, 96)}


class C2NTask(AdversarialTask):
    """Wasserstein loss of C2N with the gradient penalty of its critic, by 10, and the stability loss: the
    mean of the noise should be zero in every channel, or colours drift.

    The authors take that mean over a batch, and weigh it by 0.01. Where clean and degraded photos show other
    scenes, as here, the critic then teaches colours and shades, and not the noise alone. Chosen here: the
    mean over each crop, weighed by 10; the form of the critic; that both players move in every step.
    """

    model: C2N
    recipe = SMALL
    game = "wasserstein"

    def __init__(self, model: C2N):
        super().__init__(model)
        self.critic = critic_of(model.config, "none")

    @property
    def opponents(self) -> dict[str, nn.Module]:
        return {"critic": self.critic}

    def loss(self, model, batch, generator) -> Tensor:
        sides = sides_of(batch, generator)
        fake = model.degraded(sides.clean, sides.of_clean)
        fooling, seeing = self.play(self.critic, self.critic, sides.degraded, fake)
        penalty = gradient_penalty(self.critic, sides.degraded, fake, sides.of_degraded)
        drift = (fake - sides.clean).mean((2, 3)).abs().mean()
        return self.summed(
            fooling=fooling, stability=STABILITY * drift, critic=seeing, penalty=PENALTY * penalty
        )


def c2n_config(size: str) -> C2NConfig:
    """The configuration of a size."""
    return C2NConfig.small() if known_size(size) == "small" else C2NConfig()


def train_c2n(
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
    """Learn a noise from clean and degraded photos without pairs, by a generator that draws noise, against a
    critic.

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
        C2N,
        c2n_config(size),
        C2NTask,
        (clean, degraded),
        out,
        usual=asked(USUAL, size, steps=steps, batch=batch, crop=crop, lr=lr),
        validation=(validation_clean, validation_degraded),
        last_stage=last_stage,
        seed=seed,
        running=running,
    )
