"""Training of RRDBNet, and of any other super-resolver with one answer, by mean absolute error."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from ..data import SuperResolutionImages
from ..models import RRDBConfig, RRDBNet
from .fit import fit
from .folders import Folder, crops_of, known_size
from .recipe import Recipe, Usual
from .rehearsal import Rehearsal
from .running import Running
from .starting import noted_file, trained_start
from .tasks import Task

RECIPE = Recipe(lr=2e-4, batch=16)
USUAL = {"small": Usual(replace(RECIPE, steps=20_000, batch=8), 64), "full": Usual(RECIPE, 160)}


def rrdb_config(size: str, scale: int = 4) -> RRDBConfig:
    """The configuration of a size: small, or as published."""
    return (
        RRDBConfig(scale, channels=32, growth=16, blocks=4)
        if known_size(size) == "small"
        else RRDBConfig(scale)
    )


class RRDBTask(Task):
    """Mean absolute error of the super-resolved photo, of any super-resolver; the pre-training of ESRGAN.
    Batches are (hr, lr).
    """

    recipe = RECIPE
    unit = "mean absolute error"
    unused = False

    def loss(self, model, batch, generator) -> Tensor:
        hr, lr = batch
        return (model(lr) - hr).abs().mean()


def train_rrdb(
    hr: Folder,
    out: Folder,
    *,
    scale: int = 4,
    size: str = "small",
    start: Folder | None = None,
    validation: Folder | None = None,
    steps: int | None = None,
    batch: int | None = None,
    crop: int | None = None,
    lr: float | None = None,
    seed: int = 0,
    running: Running = Running(),
) -> Path | Rehearsal:
    """Train RRDBNet by mean absolute error: one blurry answer, and a good start for the encoder of SRFlow.

    Args:
        hr: photos of any size and format; the low-resolution ones are made from them.
        out: folder of the run, see :func:`nflib.training.fit`.
        scale: by how much the high resolution is higher: 2, 4, 8 or 16.
        size: "small" (a laptop) or "full" (as published).
        start: a trained model to go on with, a file, the name of a bundled one or an official checkpoint; it
            may be of another size.
        validation: folder of other photos, by which the best model is chosen.
        steps, batch, crop, lr: what the size suggests, by default.
        seed: of weights, crops and noise.
        running: on which devices, how precisely.

    Returns:
        The path of the model.
    """
    usual = USUAL[known_size(size)].but(steps=steps, batch=batch, crop=crop, lr=lr)
    torch.manual_seed(seed)
    model = RRDBNet(rrdb_config(size, scale))
    if start is not None:
        model = trained_start(start, RRDBNet, scale=scale)
    data, held_out = crops_of(SuperResolutionImages, hr, validation, seed=seed, scale=scale, crop=usual.crop)
    task = RRDBTask(model)
    task.notes |= noted_file(start)
    return fit(task, data, out, recipe=usual.recipe, validation=held_out, seed=seed, running=running)
