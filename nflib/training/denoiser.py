"""Training of a denoiser on clean photos and what a degrader makes of them, or on true pairs."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from .. import degraders
from ..data import PairedImages
from ..degraders import Composed, Degrader, Learned
from ..models import DnCNN, DnCNNConfig, ImageModel, NoiseLaw, RestorationNet, RestorationNetConfig
from .folders import Folder, known_size, photos_of
from .published import published
from .recipe import Usual
from .rehearsal import Rehearsal
from .restorer import (
    RECIPE,
    PublishedDenoiserTask,
    RestorationTask,
    RestorerTask,
    check_validation,
    fit_restorer,
    held_out_pairs,
    noted,
    same_size_pairs,
)
from .running import Running
from .starting import trained_start
from .tasks import Task

# By how much the pairs go beyond the weakest and the strongest noise of single photos that a law was learned
# from: what is restored may be another photo.
WIDER = (0.75, 1.35)
USUAL = {
    "small": Usual(RestorationTask.recipe, 64),
    "full": Usual(replace(RestorationTask.recipe, steps=200_000, batch=16, lr=5e-4, average=0.999), 128),
}
DNCNN_USUAL = {"small": Usual(RECIPE, 40), "full": Usual(replace(RECIPE, steps=200_000, batch=16), 64)}


def denoiser_config(size: str) -> RestorationNetConfig:
    """The configuration of a RestorationNet of a size."""
    return RestorationNetConfig.small() if known_size(size) == "small" else RestorationNetConfig()


def dncnn_config(size: str) -> DnCNNConfig:
    """The configuration of a DnCNN of a size: small, or as published."""
    return DnCNNConfig.small() if known_size(size) == "small" else DnCNNConfig()


@dataclass(frozen=True)
class _Network:
    """A network, and how it is trained."""

    model: type[ImageModel]
    config: Callable[[str], Any]
    task: Callable[[ImageModel], Task]
    usual: Mapping[str, Usual]


NETWORKS = {
    "unet": _Network(RestorationNet, denoiser_config, RestorationTask, USUAL),
    "dncnn": _Network(DnCNN, dncnn_config, RestorerTask, DNCNN_USUAL),
}
"""What :func:`train_denoiser` can train, by name."""


def train_denoiser(
    clean: Folder | Sequence[Folder],
    degrader: object | None,
    out: Folder,
    *,
    degraded: Folder | None = None,
    strength: float | tuple[float, float] | None = None,
    network: str = "unet",
    size: str = "small",
    recipe: str | None = None,
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
    """Train a denoiser: a RestorationNet by mean absolute error, or a DnCNN by mean squared error as papers
    do.

    Args:
        clean: photos of any sizes and formats, a folder or several. Where the noise is known any sharp photo
            will do; "bundled" stands for the bundled ones that are not for validation.
        degrader: a name, a file, an object or a function, see :func:`nflib.degraders.as_degrader`. It is
            computed on the CPU, where crops are prepared. None with ``degraded``.
        out: folder of the run, see :func:`nflib.training.fit`.
        degraded: the degraded versions of ``clean``, one folder with equal names: true pairs in place of a
            degrader.
        strength: told to the degrader; a range is drawn from for every crop. By default 1, and for a
            :class:`nflib.models.NoiseLaw` the range of single photos it was learned from, widened.
        network: "unet" or "dncnn". A ``start`` stays what it is.
        size: "small" (minutes on a laptop) or "full" (for a GPU).
        recipe: "dncnn" or "dncnn-sidd", as papers have it (:data:`~nflib.training.PUBLISHED`): network, size,
            steps, crops, learning rate, loss, strengths and choice are those of the recipe.
        start: a trained denoiser to go on with, a file, the name of a bundled model or an official
            checkpoint; it may be of another size.
        validation_clean, validation_degraded: true pairs of other photos, with equal names, by whose loss the
            best model is chosen.
        steps, batch, crop, lr: what network and size suggest, by default.
        seed: of weights, crops and noise.
        running: on which devices, how precisely.

    Returns:
        The path of the model: ``model.safetensors``, the last one, since without other photos nothing says
        which is best; with validation ``best.safetensors``.

    Raises:
        ValueError: not exactly one of degrader and degraded, a folder or a model cannot be used, or a name is
            unknown.
    """
    check_validation(validation_clean, validation_degraded)
    if (degrader is None) == (degraded is None):
        raise ValueError("give either a degrader, or the degraded versions of the clean photos")
    if network not in NETWORKS:
        raise ValueError(f"network must be one of {', '.join(NETWORKS)}, got {network!r}")
    known_size(size)
    torch.manual_seed(seed)
    paper = None if recipe is None else published(recipe, "denoise")
    kind = NETWORKS[network] if paper is None else replace(NETWORKS["dncnn"], task=PublishedDenoiserTask)
    size = size if paper is None else "full"
    model = kind.model(kind.config(size)) if start is None else trained_start(start, RestorationNet, DnCNN)
    if paper is not None and not isinstance(model, DnCNN):
        raise ValueError(f"{start}: the recipe {recipe} trains a DnCNN, got {type(model).__name__}")
    if paper is None:
        kind = next(one for one in NETWORKS.values() if isinstance(model, one.model))
    usual = (kind.usual[size] if paper is None else paper.usual).but(
        steps=steps, batch=batch, crop=crop, lr=lr
    )
    if degraded is not None:
        data = PairedImages(_one(clean), degraded, usual.crop, seed=seed)
        held_out = held_out_pairs(validation_clean, validation_degraded, crop=usual.crop, seed=seed)
        notes = noted(f"true pairs of {degraded}", start)
    else:
        made = degraders.as_degrader(degrader)
        if paper is not None:
            made = paper.degrader(made)
            strength = paper.strength(made) if strength is None else strength
        strength = usual_strength(made) if strength is None else strength
        data, held_out = same_size_pairs(
            photos_of(clean),
            made,
            validation_clean,
            validation_degraded,
            crop=usual.crop,
            seed=seed,
            strength=strength,
        )
        notes = noted(degrader, start) | {"strength": str(strength)}
    if paper is not None:
        notes["published"] = paper.name
    return fit_restorer(
        kind.task(model), data, held_out, out, recipe=usual.recipe, seed=seed, notes=notes, running=running
    )


def usual_strength(degrader: Degrader) -> float | tuple[float, float]:
    """The strength of pairs if none is asked for: a law knows how much its photos differ."""
    if isinstance(degrader, Composed):
        return usual_strength(degrader.first)
    if not (isinstance(degrader, Learned) and isinstance(degrader.model, NoiseLaw)):
        return 1.0
    low, high = degrader.model.strengths
    return WIDER[0] * low, WIDER[1] * high


def _one(clean: Folder | Sequence[Folder]) -> Folder:
    """The one folder of clean photos that true pairs have."""
    named = [clean] if isinstance(clean, str | os.PathLike) else list(clean)
    if len(named) != 1:
        raise ValueError(f"true pairs have one folder of clean photos, got {len(named)}")
    return named[0]
