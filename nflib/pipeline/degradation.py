"""Degraded versions of clean images, for a file or a folder."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from .. import degraders
from ..degraders.named import name_of
from ..processes import Share
from .results import Results
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
    results: Results = Results(),
) -> Samples:
    """Write degraded versions of clean images, and ``out/NAME.json`` on how they were made.

    One sample is ``out/NAME.png``, so that both folders together are pairs; several are ``out/NAME_1.png``,
    ``out/NAME_2.png``,
    ... An interrupted job goes on where it stopped: an image whose files are all there, made with the same
    settings, is kept.
    Each image has its own random numbers, which depend on the seed and its name only.

    Processes that torchrun, mpirun or Slurm's srun started, and ``devices``, share the images; the files do
    not depend on it. A job may be started again with another number of them. In a program of your own
    ``devices`` above 1 needs ``if __name__ == "__main__":``.

    Args:
        source: an image or a folder of images. Files that cannot be read are skipped and listed in the
            answer.
        model: what :func:`nflib.degraders.as_degrader` takes: a model that was trained or comes with the
            package, "ntire", "aim", "camera", "white:12", "patches:FOLDER", "MODEL+jpeg:62"; or a degrader,
            or a function ``f(clean, strength, generator)``. A function is known by its module and name only:
            after a change of what it does, choose another ``out``.
        out: folder, made if it is not there.
        tau: strength; 0 writes the images as they are, and in their own format (``Results(format="keep")``)
            their files byte by byte.
        samples: per image.
        tile: a model computes larger images in tiles of this side, in pixels.
        seed: of the degradation.
        device: of a model; ``nflib.device()`` by default.
        devices: how many of them, a process for each; more machines take part if torchrun, mpirun or srun
            starts the command on them.
        results: how they are written: depth, format, folders of the folder, what may be replaced.

    Raises:
        ValueError: nothing of this name degrades, the folder ``out`` has results of other settings, no image
            could be used, or a process died: then start it again.
    """
    check_samples(samples, tau)
    return shared(
        source,
        functools.partial(
            _degrade, source, model, out, tau=tau, samples=samples, tile=tile, seed=seed, results=results
        ),
        device,
        devices,
        description="degrade",
    )


def _degrade(
    source,
    model,
    out,
    *,
    tau: float,
    samples: int,
    tile: int,
    seed: int,
    device: torch.device,
    share: Share,
    results: Results,
) -> Samples:
    degrader = degraders.as_degrader(model, tile, device)
    settings = {"model": name_of(model), "tau": tau, "samples": samples, "seed": seed, "tile": tile}
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
        results=results,
        device=device,
        levels=16 if tau == 0 else 8,  # those of degraders
        unchanged=tau == 0,
        grey_channel=1,  # green, with the noise of a channel: the mean of three would have less
    )
