"""What trainings of restorers share: pairs of clean images and what a degrader makes of them, anew every
time.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset, Subset

from .. import degraders
from ..data import PairedImages
from ..data.folders import Source
from ..degraders.named import name_of
from ..metrics import psnr
from .fit import fit
from .folders import HELD_OUT_CROPS, Folder, best, report_skipped
from .recipe import Recipe
from .rehearsal import Rehearsal
from .running import Running
from .starting import noted_file
from .tasks import Task

RECIPE = Recipe(steps=1500, batch=8, lr=1e-3, betas=(0.9, 0.999), average=0.99, every=100)


class RestorerTask(Task):
    """Mean squared error of the restored image: a denoiser learns the mean of all clean images that look like
    this when degraded.

    Batches are (clean, degraded). Super-resolution has the same batches and the mean absolute error,
    :class:`RRDBTask`; low light has :class:`LowLightTask`.
    """

    recipe = RECIPE
    unit = "mean squared error"
    unused = False

    def noisy(self, item: Any) -> Tensor | None:
        return item[1]

    def loss(self, model, batch, generator) -> Tensor:
        clean, degraded = batch
        return (model(degraded) - clean).square().mean()


class PublishedDenoiserTask(RestorerTask):
    """Mean absolute error of a DnCNN, of which the best model has the highest PSNR on true pairs (LUD-VAE,
    section 4.5; the error is that of its code).
    """

    unit = "mean absolute error"
    validation_unit = "minus PSNR, dB"

    def loss(self, model, batch, generator) -> Tensor:
        clean, degraded = batch
        return (model(degraded) - clean).abs().mean()

    @torch.no_grad()
    def score(self, batches: list) -> float:
        pairs = (self.transfer_batch_to_device(batch, self.device, 0) for batch in batches)
        found = [psnr(self.averaged(degraded).clamp(0, 1), clean) for clean, degraded in pairs]
        return -torch.cat(found).mean().item()


class RestorationTask(Task):
    """Mean absolute error of the restored image, to which weak and strong noise add more equally than to the
    squared error. Batches are (clean, degraded).
    """

    recipe = replace(RECIPE, lr=2e-3, clip=1.0)
    unit = "mean absolute error"
    unused = False

    def noisy(self, item: Any) -> Tensor | None:
        return item[1]

    def loss(self, model, batch, generator) -> Tensor:
        clean, degraded = batch
        return (model(degraded) - clean).abs().mean()


def check_validation(clean: Folder | None, degraded: Folder | None) -> None:
    """Raise ValueError unless both folders of true pairs are given, or none."""
    if (clean is None) != (degraded is None):
        raise ValueError("validation needs both folders, clean and degraded, or none")


def fit_restorer(
    task: Task,
    data: Dataset,
    held_out: Dataset | None,
    out: Folder,
    *,
    recipe: Recipe,
    seed: int,
    notes: dict[str, Any],
    running: Running,
    choose: bool = True,
) -> Path | Rehearsal:
    """Train on numbered pairs. The path of the best model by held-out pairs; of the last one if there are
    none, or if it is not to ``choose``.
    """
    report_skipped(data, held_out)
    task.notes |= notes
    subset = None if held_out is None else Subset(held_out, range(HELD_OUT_CROPS))
    done = fit(task, data, out, recipe=recipe, validation=subset, seed=seed, running=running)
    return best(done) if choose and held_out is not None else done


def same_size_pairs(
    clean: Source,
    degrader: object,
    validation_clean: Folder | None,
    validation_degraded: Folder | None,
    *,
    crop: int,
    seed: int,
    strength: float | tuple[float, float] = 1.0,
) -> tuple[PairedImages, PairedImages | None]:
    """Pairs to train on, made on the fly, and true pairs of two folders, of images of one size."""
    made = degraders.as_degrader(degrader)
    data = PairedImages(clean, crop=crop, seed=seed, degrader=made, strength=strength)
    return data, held_out_pairs(validation_clean, validation_degraded, crop=crop, seed=seed)


def held_out_pairs(
    clean: Folder | None, degraded: Folder | None, *, crop: int, seed: int
) -> PairedImages | None:
    """True pairs of two folders, with other crops than those of the training."""
    return None if clean is None or degraded is None else PairedImages(clean, degraded, crop, seed=seed + 1)


def noted(degrader: object, start: Folder | None) -> dict[str, Any]:
    """Notes of a run on synthetic pairs, by which it is known."""
    return {"degrader": name_of(degrader)} | noted_file(start)
