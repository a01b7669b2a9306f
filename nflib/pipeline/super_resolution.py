"""Samples of super-resolved images, for a file or a folder."""

from __future__ import annotations

import functools
import os
from typing import Any

import torch
from torch import Tensor

from .. import checkpoints
from ..images.strips import Strips
from ..images.tiling import overlap_of
from ..models import ImageModel
from ..processes import Share
from .results import Results
from .samples import Samples, check_samples, write_samples
from .sharing import shared


def super_resolve(
    source: str | os.PathLike,
    model: str | os.PathLike,
    out: str | os.PathLike,
    *,
    tau: float = 0.8,
    samples: int = 1,
    tile: int = 128,
    seed: int = 0,
    device: torch.device | str | None = None,
    devices: int = 1,
    results: Results = Results(),
) -> Samples:
    """Write samples ``out/NAME_1.png``, ``out/NAME_2.png``, ... of super-resolved images, and
    ``out/NAME.json`` on how they were made.

    An interrupted job goes on where it stopped: an image whose files are all there, made with the same
    settings, is kept. Each image has its own random numbers, which depend on the seed and its name only.

    Processes that torchrun, mpirun or Slurm's srun started, and ``devices``, share the images; the files do
    not depend on it. A job may be started again with another number of them. In a program of your own
    ``devices`` above 1 needs ``if __name__ == "__main__":``.

    Args:
        source: an image or a folder of images. Files that cannot be read are skipped and listed in the
            answer.
        model: a file of :func:`nflib.checkpoints.save` or the name of a bundled model; an SRFlow.
        out: folder, made if it is not there.
        tau: temperature, multiplies the standard deviation of the latents.
        samples: per image.
        tile: larger images are computed in tiles of this side, in pixels of the source.
        seed: of the latents.
        device: ``nflib.device()`` by default.
        devices: how many of them, a process for each; more machines take part if torchrun, mpirun or srun
            starts the command on them.
        results: how they are written: depth, format, folders of the folder, what may be replaced.

    Raises:
        ValueError: the model is no SRFlow, the folder ``out`` has results of other settings, no image could
            be read, or a process died: then start it again.
    """
    check_samples(samples, tau)
    return shared(
        source,
        functools.partial(
            _super_resolve,
            source,
            model,
            out,
            tau=tau,
            samples=samples,
            tile=tile,
            seed=seed,
            results=results,
        ),
        device,
        devices,
        description="super-resolve",
    )


def _super_resolve(
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
    net = checkpoints.load(model)
    if not isinstance(net, ImageModel) or net.purpose != "super-resolve":
        raise ValueError(f"{model}: is a {type(net).__name__}, expected an SRFlow")
    overlap = overlap_of(tile, None, most=net.largest_overlap, multiple=max(net.multiple // net.scale, 1))
    super_resolver: Any = net.to(device)  # with the method that its purpose promises

    def make(image: Tensor, generator: torch.Generator) -> Strips:
        height, width = (net.scale * side for side in image.shape[1:])
        how = {"tile": tile, "overlap": overlap}
        lr = image[None].to(device)
        parts = super_resolver.super_resolve_strips(lr, tau, samples, generator, **how)
        return Strips(height, width, (strip[:, 0].cpu() for _, strip in parts))

    settings = {
        "model": str(model),
        "tau": tau,
        "samples": samples,
        "seed": seed,
        "tile": tile,
        "scale": net.scale,
    }
    return write_samples(
        source,
        out,
        suffixes=[f"_{i + 1}" for i in range(samples)],
        settings=settings,
        make=make,
        description="super-resolve",
        share=share,
        results=results,
        device=device,
    )
