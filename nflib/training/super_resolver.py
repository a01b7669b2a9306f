"""Training of a super-resolver on photos that are made smaller and then degraded."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import Dataset

from .. import degraders
from ..data import DegradedLowResolution, LowResolutionPairs
from ..data.folders import Source
from ..metrics import EfficientNetFeatures, efficientnet_features, feature_distance
from ..models import ImageModel, RefinementConfig, RefinementNet, RRDBConfig, RRDBNet
from .folders import Folder, known_size
from .recipe import Usual
from .rehearsal import Rehearsal
from .restorer import RECIPE, check_validation, fit_restorer, noted
from .rrdb import RRDBTask, rrdb_config
from .running import Running
from .starting import trained_start

# Crops are at least this many pixels at the low resolution, unless a crop is asked for.
SMALLEST_LOW_RESOLUTION = 24
# Of the distance in features: with it, its gradient is about that of the mean absolute error.
PERCEPTUAL = 3e-3
LOSSES = ("pixel", "perceptual")
USUAL = {
    "small": Usual(replace(RECIPE, steps=600), 64),
    "full": Usual(replace(RECIPE, steps=200_000, batch=16, lr=2e-4), 128),
}


class PerceptualTask(RRDBTask):
    """Mean absolute error and the distance in features of EfficientNet-Lite0
    (:func:`nflib.metrics.feature_distance`) of the super-resolved photo: somewhat sharper than the error
    alone, without an opponent. Batches are (hr, lr).

    Args:
        model: a super-resolver.
        features: from :func:`nflib.metrics.efficientnet_features`; they are copied.
    """

    unit = f"mean absolute error + {PERCEPTUAL} * distance in features"

    def __init__(self, model: ImageModel, features: EfficientNetFeatures):
        super().__init__(model)
        self.features = copy.deepcopy(features)
        self.notes = {"perceptual": "EfficientNet-Lite0, unweighted"}

    def loss(self, model, batch, generator) -> Tensor:
        hr, lr = batch
        sr = model(lr)
        return (sr - hr).abs().mean() + PERCEPTUAL * feature_distance(sr, hr, self.features).mean()


def super_resolver_config(size: str, scale: int = 2) -> RefinementConfig | RRDBConfig:
    """The configuration of a size: of a RefinementNet ("small") or an RRDBNet ("full")."""
    return RefinementConfig(scale) if known_size(size) == "small" else rrdb_config(size, scale)


def large_enough(usual: Usual, scale: int) -> Usual:
    """What is usual, with crops that are not too small at the low resolution."""
    return usual.but(crop=max(usual.crop, SMALLEST_LOW_RESOLUTION * scale))


def new_super_resolver(size: str, scale: int, start: Folder | None) -> ImageModel:
    """A new super-resolver of a size, or a trained one to go on with."""
    if start is not None:
        return trained_start(start, RRDBNet, RefinementNet, scale=scale)
    config = super_resolver_config(size, scale)
    return RefinementNet(config) if isinstance(config, RefinementConfig) else RRDBNet(config)


def low_resolution_pairs(
    clean: Source,
    degrader: object,
    validation_clean: Folder | None,
    validation_degraded: Folder | None,
    *,
    scale: int,
    crop: int,
    seed: int,
) -> tuple[Dataset, Dataset | None]:
    """Pairs to train on, made on the fly, and true pairs of two folders."""
    data = DegradedLowResolution(clean, scale, crop, seed=seed, degrader=degraders.as_degrader(degrader))
    if validation_clean is None or validation_degraded is None:
        return data, None
    return data, LowResolutionPairs(validation_clean, validation_degraded, scale, crop=crop, seed=seed + 1)


def train_super_resolver(
    clean: Source,
    degrader: object,
    out: Folder,
    *,
    scale: int = 2,
    size: str = "small",
    loss: str = "pixel",
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
    """Train a super-resolver by mean absolute error, which ends in the middle of all that is possible.

    Args:
        clean: photos of any sizes and formats.
        degrader: what :func:`nflib.degraders.as_degrader` takes. It is computed on the CPU, where crops are
            prepared.
        out: folder of the run, see :func:`nflib.training.fit`.
        scale: 2, 4, 8 or 16.
        size: "small", a RefinementNet, or "full", an RRDBNet.
        loss: "pixel", or "perceptual" (``PerceptualTask``), whose network
            the extra [perceptual] installs.
        start: a trained super-resolver to go on with, a file or the name of a bundled model; it may be of
            another size.
        validation_clean, validation_degraded: true pairs of other photos, with equal names, by whose loss the
            best model is chosen; the degraded ones are smaller by the scale.
        steps, batch, crop, lr: what the size suggests, by default.
        seed: of weights, crops and noise.
        running: on which devices, how precisely.

    Returns:
        The path of the model: ``model.safetensors``, or with validation ``best.safetensors``.
    """
    check_validation(validation_clean, validation_degraded)
    if loss not in LOSSES:
        raise ValueError(f"loss must be one of {', '.join(LOSSES)}, got {loss!r}")
    features = efficientnet_features() if loss == "perceptual" else None
    usual = large_enough(USUAL[known_size(size)], scale).but(steps=steps, batch=batch, crop=crop, lr=lr)
    torch.manual_seed(seed)
    model = new_super_resolver(size, scale, start)
    data, held_out = low_resolution_pairs(
        clean, degrader, validation_clean, validation_degraded, scale=scale, crop=usual.crop, seed=seed
    )
    notes = noted(degrader, start)
    task = RRDBTask(model) if features is None else PerceptualTask(model, features)
    return fit_restorer(
        task, data, held_out, out, recipe=usual.recipe, seed=seed, notes=notes, running=running
    )
