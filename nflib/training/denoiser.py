"""Training of a denoiser on clean photos and what a degrader makes of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from ..models import DnCNN, DnCNNConfig
from .folders import Folder, known_size
from .recipe import Usual
from .rehearsal import Rehearsal
from .restorer import (
    RECIPE,
    RestorerTask,
    check_validation,
    fit_restorer,
    noted,
    same_size_pairs,
    trained_start,
)
from .running import Running

USUAL = {"small": Usual(RECIPE, 40), "full": Usual(replace(RECIPE, steps=200_000, batch=16), 64)}


def dncnn_config(size: str) -> DnCNNConfig:
    """The configuration of a size: small, or as published."""
    return DnCNNConfig.small() if known_size(size) == "small" else DnCNNConfig()


def train_denoiser(
    clean: Folder,
    degrader: str,
    out: Folder,
    *,
    size: str = "small",
    start: Folder | None = None,
    validation_clean: Folder | None = None,
    validation_degraded: Folder | None = None,
    steps: int | None = None,
    batch: int | None = None,
    crop: int | None = None,
    lr: float | None = None,
    seed: int = 0,
    running: Running = Running(),
) -> Path | Rehearsal:
    """Train a DnCNN by mean squared error, so that it learns the mean of all clean images that look like this
    when degraded.

    Args:
        clean: photos of any sizes and formats.
        degrader: what :func:`nflib.degraders.load` takes. It is computed on the CPU, where crops are
            prepared.
        out: folder of the run, see :func:`nflib.training.fit`.
        size: "small" (minutes on a laptop) or "full" (as published).
        start: a trained denoiser to go on with, a file or the name of a bundled model; it may be of another
            size.
        validation_clean, validation_degraded: true pairs of other photos, with equal names, by whose loss the
            best model is chosen.
        steps, batch, crop, lr: what the size suggests, by default.
        seed: of weights, crops and noise.
        running: on which devices, how precisely.

    Returns:
        The path of the model: ``model.safetensors``, or with validation ``best.safetensors``.
    """
    check_validation(validation_clean, validation_degraded)
    usual = USUAL[known_size(size)].but(steps=steps, batch=batch, crop=crop, lr=lr)
    torch.manual_seed(seed)
    model = DnCNN(dncnn_config(size)) if start is None else trained_start(start, (DnCNN,))
    data, held_out = same_size_pairs(
        clean, degrader, validation_clean, validation_degraded, crop=usual.crop, seed=seed
    )
    notes = noted(degrader, start)
    return fit_restorer(
        RestorerTask(model), data, held_out, out, recipe=usual.recipe, seed=seed, notes=notes, running=running
    )
