"""Training of an enhancer of photos with too little light, on bright photos and what a degrader makes of
them.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from ..data.folders import Source
from ..models import LowLightFlow, LowLightFlowConfig
from ..units import bits_per_dim, rand
from .deflow import LEVELS, dequantised
from .folders import Folder, check_crop, known_size
from .recipe import Usual
from .rehearsal import Rehearsal
from .restorer import RECIPE, check_validation, fit_restorer, noted, same_size_pairs
from .running import Running
from .starting import trained_start
from .tasks import Task

# Share of the bright images whose latent has the true colours for its mean.
TOLD = 0.2
SMALL = replace(RECIPE, steps=800, lr=2e-3)
USUAL = {"small": Usual(SMALL, 64), "full": Usual(replace(RECIPE, steps=45_000, batch=16, lr=5e-4), 160)}


def low_light_config(size: str) -> LowLightFlowConfig:
    """The configuration of a size."""
    return LowLightFlowConfig.small() if known_size(size) == "small" else LowLightFlowConfig()


class LowLightTask(Task):
    """Bits per dimension of the bright image given the dark one, at 32 levels. Batches are (bright, dark).

    In training some images are told their true colours (see :meth:`nflib.models.LowLightFlow.nll`), as in
    LLFlow's code.
    """

    recipe = SMALL
    unit = f"bits/dim at {LEVELS} levels"

    def loss(self, model, batch, generator) -> Tensor:
        bright, dark = batch
        told = rand((len(bright),), bright, generator) < TOLD if model.training else None
        nll = model.nll(dequantised(bright, generator), dark, told)
        return bits_per_dim(nll, bright[0].numel(), LEVELS).mean()


def train_enhancer(
    clean: Source,
    degrader: object,
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
    """Train a LowLightFlow by the likelihood of bright photos given dark ones.

    Args:
        clean: photos of any sizes and formats.
        degrader: one that darkens, such as "dark+MODEL", see :func:`nflib.degraders.as_degrader`. It is
            computed on the CPU, where crops are prepared.
        out: folder of the run, see :func:`nflib.training.fit`.
        size: "small" (minutes on a laptop) or "full".
        start: a trained enhancer to go on with, a file or the name of a bundled model; it may be of another
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
    model = LowLightFlow(low_light_config(size)) if start is None else trained_start(start, LowLightFlow)
    check_crop(crop, model.multiple)
    data, held_out = same_size_pairs(
        clean, degrader, validation_clean, validation_degraded, crop=usual.crop, seed=seed
    )
    notes = noted(degrader, start)
    return fit_restorer(
        LowLightTask(model), data, held_out, out, recipe=usual.recipe, seed=seed, notes=notes, running=running
    )
