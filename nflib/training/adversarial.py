"""What the trainings of degraders share that play against a critic: two folders without pairs, and the two
halves of every batch.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..models.adversarial import (
    AdversarialDegrader,
    PatchCritic,
    PatchCriticConfig,
    critic_loss,
    fooling_loss,
)
from ..models.adversarial.degrader import Source
from .contest import Contest, unmoved
from .fit import fit
from .folders import Folder, check_crop, known_size
from .last_stage import known_stage
from .ludvae import JPEG_BLOCK, NOISE_SIDE
from .recipe import Usual
from .rehearsal import Rehearsal
from .running import Running
from .unpaired import UnpairedTask, handed_back, unpaired_folders


class Sides(NamedTuple):
    """The two halves of a batch, (B, 3, H, W) each, and who draws for each of their images."""

    clean: Tensor
    degraded: Tensor
    of_clean: Source
    of_degraded: Source


class AdversarialTask(Contest, UnpairedTask):
    """A degrader against a critic of degraded images. Batches are (image, domain).

    Both are moved in every step. A subclass says what is played for and what else the degrader is held to.
    Validation is that of all degraders, the noise in dark and bright, flat and textured places: the losses of
    two players who chase each other say nothing about it.

    Args:
        model: the degrader; the critic is built as its configuration says.
    """

    model: AdversarialDegrader
    unit = "degrader's and critic's loss"
    game = "logistic"

    def __init__(self, model: AdversarialDegrader):
        super().__init__(model)
        self.notes = {"game": self.game}

    def play(
        self, judge: Callable[[Tensor], Tensor], critic: nn.Module, real: Tensor, fake: Tensor
    ) -> tuple[Tensor, Tensor]:
        """What made images lose where the critic sees through them, and what the critic loses.

        Args:
            judge: images -> logits of the critic.
            critic: whose weights only the second loss moves.
            real, fake: images; a gradient goes to ``fake`` from the first loss only.
        """
        with unmoved(critic):
            fooling = fooling_loss(self.game, judge(fake))
        return fooling, critic_loss(self.game, judge(real), judge(fake.detach()))


def sides_of(batch: tuple[Tensor, Tensor], generator: Source) -> Sides:
    """The clean and the degraded images of a batch; one of which only one kind is, as when a step is timed,
    stands for both.
    """
    image, domain = batch
    places = [(domain == number).nonzero()[:, 0].tolist() for number in (0, 1)]
    places = [one or places[1 - number] for number, one in enumerate(places)]
    drawing: list[Any] = [
        [generator[i] for i in one] if isinstance(generator, Sequence) else generator for one in places
    ]
    return Sides(image[places[0]], image[places[1]], *drawing)


def critic_of(config: Any, norm: str) -> PatchCritic:
    """A critic of images, as wide as the degrader of this configuration."""
    return PatchCritic(PatchCriticConfig(width=config.width, strides=config.strides, norm=norm))


def sized(config: Any, size: str) -> Any:
    """The configuration of a size, of a class of them: "small", or "full", as published."""
    return config.small() if known_size(size) == "small" else config()


def against_critic(
    model: type[AdversarialDegrader],
    config: Any,
    task: Callable[[Any], AdversarialTask],
    *,
    usual: Mapping[str, Usual],
    about: str,
) -> Callable[..., Path | Rehearsal]:
    """The function that trains a degrader of this family: they differ in what is played, and in nothing that
    they are told.

    Args:
        model, config: classes of the degrader and of its configuration.
        task: makes the task of a model.
        usual: recipe and side of the crops of each size.
        about: what it learns, and how: the first paragraph of its docstring.
    """

    def train(
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
        stage = known_stage(last_stage, clean, degraded)
        made = replace(sized(config, size), last_stage="" if stage is None else str(stage))
        asked = usual[size].but(steps=steps, batch=batch, crop=crop, lr=lr)
        check_crop(asked.crop, max(made.multiple, 2))
        data, held_out = unpaired_folders(
            clean,
            degraded,
            validation_clean,
            validation_degraded,
            crop=asked.crop,
            validation_crop=NOISE_SIDE,
            batch=asked.recipe.batch,
            seed=seed,
            align=1 if stage is None else JPEG_BLOCK,
            stage=stage,
        )
        torch.manual_seed(seed)
        done = fit(
            task(model(made)),
            data,
            out,
            recipe=asked.recipe,
            validation=held_out,
            seed=seed,
            running=running,
        )
        return handed_back(done, start="a new model")

    train.__name__ = train.__qualname__ = f"train_{model.__name__.lower()}"
    train.__module__ = task.__module__
    train.__doc__ = textwrap.fill(about, 106, subsequent_indent="    ") + ARGUMENTS
    return train


# What all of them say of their arguments.
ARGUMENTS = """

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
