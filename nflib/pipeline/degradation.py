"""Degraded versions of clean images, for a file or a folder."""

from __future__ import annotations

import functools
import hashlib
import math
import os
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from .. import degraders
from ..processes import Share
from .samples import Samples, check_samples, write_samples
from .sharing import shared


def degrade(
    source: str | os.PathLike,
    model: str | os.PathLike | Callable[..., Tensor],
    out: str | os.PathLike,
    *,
    tau: float = 1.0,
    samples: int = 1,
    tile: int = 512,
    seed: int = 0,
    device: torch.device | str | None = None,
    devices: int = 1,
) -> Samples:
    """Write degraded versions of clean images, and ``out/NAME.json`` on how they were made.

    One sample is ``out/NAME.png``, so that both folders together are pairs; several are ``out/NAME_1.png``,
    ``out/NAME_2.png``,
    ... An interrupted job goes on where it stopped: an image whose files are all there, made with the same
    settings, is kept.
    Each image has its own random numbers, which depend on the seed and its name only.

    Processes that torchrun or Slurm's srun started, and ``devices``, share the images; the files do not
    depend on it. A job may be started again with another number of them. In a program of your own ``devices``
    above 1 needs ``if __name__ == "__main__":``.

    Args:
        source: an image or a folder of images. Files that cannot be read are skipped and listed in the
            answer.
        model: what :func:`nflib.degraders.as_degrader` takes: a model that was trained or comes with the
            package, "ntire", "aim", "camera", "white:12", "patches:FOLDER", "MODEL+jpeg:62"; or a degrader,
            or a function ``f(clean, strength, generator)``. A function is known by its module and name only:
            after a change of what it does, choose another ``out``.
        out: folder, made if it is not there.
        tau: strength; 0 writes the images as they are.
        samples: per image.
        tile: a model computes larger images in tiles of this side, in pixels.
        seed: of the degradation.
        device: of a model; ``nflib.device()`` by default.
        devices: how many of them, a process for each; more machines take part if torchrun or srun starts the
            command on them.

    Raises:
        ValueError: nothing of this name degrades, the folder ``out`` has results of other settings, no image
            could be used, or a process died: then start it again.
    """
    if samples < 1 or not (tau >= 0 and math.isfinite(tau)):
        raise ValueError(f"samples must be at least 1 and tau a number, 0 or more, got {samples} and {tau}")
    check_samples(samples)
    return shared(
        source,
        functools.partial(_degrade, source, model, out, tau=tau, samples=samples, tile=tile, seed=seed),
        device,
        devices,
    )


def _degrade(
    source, model, out, *, tau: float, samples: int, tile: int, seed: int, device: torch.device, share: Share
) -> Samples:
    degrader = degraders.as_degrader(model, tile, device)
    settings = {"model": _called(model), "tau": tau, "samples": samples, "seed": seed, "tile": tile}
    suffixes = [""] if samples == 1 else [f"_{i + 1}" for i in range(samples)]

    def make(image: Tensor, generator: torch.Generator) -> Iterator[Tensor]:
        return degrader.samples(image, tau, samples, generator)

    return write_samples(
        source,
        out,
        suffixes=suffixes,
        settings=settings,
        make=make,
        description="degrade",
        share=share,
        seen=degrader.seen,
        grey_channel=1,  # green, with the noise of a channel: the mean of three would have less
    )


def _called(model: Any) -> str:
    """What the settings call a degrader: a function by its module and name, an object also by its content."""
    if isinstance(model, str | os.PathLike):
        return str(model)
    named = model if hasattr(model, "__qualname__") else type(model)
    name = f"{named.__module__}.{named.__qualname__}"
    if named is model:
        return name
    held: Any = model
    if isinstance(model, degraders.Learned):  # pickled modules differ from process to process
        held = [(key, tensor.cpu().numpy()) for key, tensor in model.model.state_dict().items()]
    try:
        return f"{name} {hashlib.sha256(pickle.dumps(held)).hexdigest()}"
    except (pickle.PicklingError, AttributeError, TypeError):  # it holds a lambda, or the like
        return name
