"""What the trainings of degraders share that play against a critic: two folders without pairs, and the two
halves of every batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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


def train_against_critic(
    model: Callable[[Any], AdversarialDegrader],
    config: Any,
    task: Callable[[Any], AdversarialTask],
    folders: tuple[Folder, Folder],
    out: Folder,
    *,
    usual: Usual,
    validation: tuple[Folder | None, Folder | None],
    last_stage: str,
    seed: int,
    running: Running,
) -> Path | Rehearsal:
    """Train a new degrader on two folders; what the functions of single trainings do with their arguments.

    Args:
        model, config: class and configuration of the degrader.
        task: makes the task of a model.
        folders: of clean and of degraded photos.
        out: folder of the run.
        usual: recipe and side of the crops.
        validation: two more folders, or None twice.
        last_stage: of the degraded photos, as text.
        seed: of weights, crops and noise.
        running: on which devices, how precisely.

    Returns:
        The path of the best model by its noise.
    """
    stage = known_stage(last_stage, *folders)
    config = replace(config, last_stage="" if stage is None else str(stage))
    check_crop(usual.crop, max(config.multiple, 2))
    data, held_out = unpaired_folders(
        *folders,
        *validation,
        crop=usual.crop,
        validation_crop=NOISE_SIDE,
        batch=usual.recipe.batch,
        seed=seed,
        align=1 if stage is None else JPEG_BLOCK,
        stage=stage,
    )
    torch.manual_seed(seed)
    done = fit(
        task(model(config)),
        data,
        out,
        recipe=usual.recipe,
        validation=held_out,
        seed=seed,
        running=running,
    )
    return handed_back(done, start="a new model")


def asked(usual: dict[str, Usual], size: str, **changes: Any) -> Usual:
    """What a size takes, with what was asked for in its place."""
    return usual[known_size(size)].but(**changes)
