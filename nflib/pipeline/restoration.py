"""Restored versions of degraded images, for a file or a folder."""

from __future__ import annotations

import functools
import os

import torch
from torch import Tensor, nn

from .. import checkpoints
from ..images import pad_to_multiple
from ..models import DnCNN, LowLightFlow, RefinementNet, RRDBNet
from ..models.tiled import joined, usual_overlap
from ..processes import Share
from .samples import Samples, write_samples
from .sharing import shared

RESTORERS = (DnCNN, RRDBNet, RefinementNet, LowLightFlow)
# Of this overlap the outer quarters are not used: a network may reach 32 pixels beyond its tile. A full DnCNN reaches 17.
OVERLAP = 128


def restore(
    source: str | os.PathLike, model: str | os.PathLike, out: str | os.PathLike, tile: int = 512, device: torch.device | str | None = None,
    devices: int = 1,
) -> Samples:
    """Write restored versions ``out/NAME.png`` of degraded images, and ``out/NAME.json`` on how they were made.

    An interrupted job goes on where it stopped: an image whose files are there, made with the same settings, is kept.

    Processes that torchrun or Slurm's srun started, and ``devices``, share the images; the files do not depend on it. A job may be
    started again with another number of them. In a program of your own ``devices`` above 1 needs ``if __name__ == "__main__":``.

    Args:
        source: an image or a folder of images. Files that cannot be read are skipped and listed in the answer.
        model: a file of :func:`nflib.training.train_restorer` or the name of a bundled model; a DnCNN, an RRDBNet or
            RefinementNet, whose results are larger by its scale, or a LowLightFlow, whose results are its most likely ones.
        out: folder, made if it is not there.
        tile: larger images are computed in tiles of this side, in pixels of the source; for a LowLightFlow a multiple of 2^levels.
        device: ``nflib.device()`` by default.
        devices: how many of them, a process for each; more machines take part if torchrun or srun starts the command on them.

    Raises:
        ValueError: the model is no restorer, the tile does not fit it, the folder ``out`` has results of other settings, no image could
            be used, or a process died: then start it again.
    """
    return shared(source, functools.partial(_restore, source, model, out, tile), device, devices)


def _restore(source, model, out, tile: int, *, device: torch.device, share: Share) -> Samples:
    net = checkpoints.load(model)
    if not isinstance(net, RESTORERS):
        raise ValueError(f"{model}: is a {type(net).__name__}, expected one that restores: {', '.join(c.__name__ for c in RESTORERS)}")
    net.to(device)
    overlap = usual_overlap(tile, OVERLAP, blocks_of(net))
    settings = {"model": str(model), "tile": tile, "scale": scale_of(net)}
    return write_samples(source, out, [""], settings, lambda image, _: [restored(net, image.to(device), tile, overlap).cpu()], "restore", share)


def scale_of(model: nn.Module) -> int:
    """By how much a restorer's results are larger than its input."""
    return getattr(model.config, "scale", 1)


def blocks_of(model: nn.Module) -> int:
    """Side of the blocks of pixels that a restorer works on: tiles begin where one begins."""
    return 2 ** getattr(model.config, "levels", 0)


@torch.no_grad()
def restored(model: nn.Module, image: Tensor, tile: int, overlap: int) -> Tensor:
    """(3, h, w) in [0, 1] -> (3, scale*h, scale*w), clipped to [0, 1], computed tile by tile."""
    scale = scale_of(model)
    padded, crop = pad_to_multiple(image, blocks_of(model))
    result = padded.new_zeros(1, 1, 3, scale * padded.shape[1], scale * padded.shape[2])
    return crop(joined(lambda window: iter([model(window(padded[None]))]), result, scale, tile, overlap))[0, 0].clamp(0, 1)
