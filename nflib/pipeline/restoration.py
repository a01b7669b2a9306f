"""Restored versions of degraded images, for a file or a folder."""

from __future__ import annotations

import functools
import os

import torch
from torch import Tensor

from .. import checkpoints
from ..images import joined, pad_to_multiple
from ..images.tiling import overlap_of
from ..models import ImageModel
from ..noise import SeenContent
from ..processes import Share
from .results import Results
from .samples import Samples, write_samples
from .sharing import shared

UNIVERSAL = "denoiser_universal"
"""The bundled denoiser that knows no camera: for whoever has no restorer of their own."""


def restore(
    source: str | os.PathLike,
    model: str | os.PathLike,
    out: str | os.PathLike,
    *,
    tile: int = 512,
    device: torch.device | str | None = None,
    devices: int = 1,
    results: Results = Results(),
) -> Samples:
    """Write restored versions ``out/NAME.png`` of degraded images, and ``out/NAME.json`` on how they were
    made.

    An interrupted job goes on where it stopped: an image whose files are there, made with the same settings,
    is kept.

    Processes that torchrun, mpirun or Slurm's srun started, and ``devices``, share the images; the files do
    not depend on it. A job may be started again with another number of them. In a program of your own
    ``devices`` above 1 needs ``if __name__ == "__main__":``.

    Args:
        source: an image or a folder of images. Files that cannot be read are skipped and listed in the
            answer.
        model: a file of a training, such as :func:`nflib.training.train_denoiser`, or the name of a bundled
            model, such as :data:`UNIVERSAL`; a RestorationNet or DnCNN, an RRDBNet or RefinementNet, whose
            results are larger by its scale, or a LowLightFlow, whose results are its most likely ones.
        out: folder, made if it is not there.
        tile: larger images are computed in tiles of this side, in pixels of the source; for a LowLightFlow a
            multiple of 2^levels.
        device: ``nflib.device()`` by default.
        devices: how many of them, a process for each; more machines take part if torchrun, mpirun or srun
            starts the command on them.
        results: how they are written: depth, format, folders of the folder, what may be replaced.

    Raises:
        ValueError: the model is no restorer, the tile does not fit it, the folder ``out`` has results of
            other settings, no image could be used, or a process died: then start it again.
    """
    return shared(
        source,
        functools.partial(_restore, source, model, out, tile=tile, results=results),
        device,
        devices,
        description="restore",
    )


def _restore(
    source, model, out, *, tile: int, device: torch.device, share: Share, results: Results
) -> Samples:
    net = checkpoints.load(model)
    if not isinstance(net, ImageModel) or net.purpose not in ("restore", "enhance"):
        raise ValueError(f"{model}: is a {type(net).__name__}, expected one that restores")
    overlap = overlap_of(tile, None, most=net.largest_overlap, multiple=net.multiple)
    net.to(device)
    settings = {"model": str(model), "tile": tile, "scale": net.scale}
    return write_samples(
        source,
        out,
        suffixes=[""],
        settings=settings,
        make=lambda image, _: [restored(net, image.to(device), tile=tile, overlap=overlap).cpu()],
        description="restore",
        share=share,
        seen=SeenContent.noted(net.notes),
        results=results,
        device=device,
    )


@torch.no_grad()
def restored(model: ImageModel, image: Tensor, *, tile: int, overlap: int | None = None) -> Tensor:
    """(3, h, w) in [0, 1] -> (3, scale*h, scale*w), clipped to [0, 1], computed tile by tile."""
    overlap = overlap_of(tile, overlap, most=model.largest_overlap, multiple=model.multiple)
    padded, crop = pad_to_multiple(image, model.multiple)
    result = padded.new_zeros(1, 1, 3, model.scale * padded.shape[1], model.scale * padded.shape[2])
    whole = joined(
        lambda window: iter([model(window(padded[None]))]),
        result,
        scale=model.scale,
        tile=tile,
        overlap=overlap,
    )
    return crop(whole)[0, 0].clamp_(0, 1)
