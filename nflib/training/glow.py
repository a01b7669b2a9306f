"""Training of Glow on crops of a folder of photos."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from ..data import ImageCrops
from ..flow import Dequantize
from ..models import Glow, GlowConfig
from ..units import bits_per_dim
from .fit import fit
from .folders import Folder, check_crop, crops_of, known_size
from .recipe import Recipe, Usual
from .rehearsal import Rehearsal
from .running import Running
from .starting import noted_file, take_over, trained_start
from .tasks import Task

RECIPE = Recipe(lr=5e-4, batch=16)
USUAL = {"small": Usual(replace(RECIPE, steps=20_000, batch=8), 32), "full": Usual(RECIPE, 32)}


def glow_config(size: str) -> GlowConfig:
    """The configuration of a size."""
    return (
        GlowConfig(levels=3, steps=4, hidden=32)
        if known_size(size) == "small"
        else GlowConfig(levels=3, steps=32, hidden=512)
    )


class GlowTask(Task):
    """Bits per dimension of 8-bit photos. Batches are (B, 3, H, W)."""

    recipe = RECIPE
    unit = "bits/dim"
    unused = False

    def __init__(self, model: Glow):
        super().__init__(model)
        self.dequantize = Dequantize()

    def loss(self, model, batch, generator) -> Tensor:
        nll = model.nll(self.dequantize(batch, generator))
        return bits_per_dim(nll, batch[0].numel(), self.dequantize.bins).mean()

    def example(self, image: Tensor) -> Tensor:
        return image


def train_glow(
    images: Folder,
    out: Folder,
    *,
    size: str = "small",
    start: Folder | None = None,
    validation: Folder | None = None,
    reversible: bool = False,
    steps: int | None = None,
    batch: int | None = None,
    crop: int | None = None,
    lr: float | None = None,
    seed: int = 0,
    running: Running = Running(),
) -> Path | Rehearsal:
    """Train Glow: a flow of photo patches, without a condition.

    Args:
        images: photos of any size and format.
        out: folder of the run, see :func:`nflib.training.fit`.
        size: "small" (a laptop) or "full" (as published).
        start: a trained model to go on with, a file or the name of a bundled one; it may be of another size.
        validation: folder of other photos, by which the best model is chosen.
        reversible: see :class:`~nflib.models.GlowConfig`.
        steps, batch, crop, lr: what the size suggests, by default.
        seed: of weights, crops and noise.
        running: on which devices, how precisely.

    Returns:
        The path of the model.
    """
    begun = None if start is None else trained_start(start, Glow)
    config = replace(glow_config(size) if begun is None else begun.config, reversible=reversible)
    check_crop(crop, config.multiple)
    usual = USUAL[known_size(size)].but(steps=steps, batch=batch, crop=crop, lr=lr)
    torch.manual_seed(seed)
    data, held_out = crops_of(ImageCrops, images, validation, seed=seed, crop=usual.crop)
    task = GlowTask(Glow(config))
    if begun is not None:
        take_over(task.model, begun)
    task.notes |= noted_file(start)
    return fit(task, data, out, recipe=usual.recipe, validation=held_out, seed=seed, running=running)
