"""Training on folders, as the command line offers it: folders in, a folder of the run out."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from pathlib import Path

import torch
from torch.utils.data import Dataset

from .. import checkpoints
from ..data.folders import ImageCrops, SuperResolutionImages
from ..models import Glow, RRDBNet, SRFlow
from .fit import fit
from .sizes import DEFAULTS, glow_config, rrdb_config, srflow_config
from .tasks import GlowTask, RRDBTask, SRFlowTask, Task

Folder = str | os.PathLike


def train_srflow(
    hr: Folder, out: Folder, scale: int = 4, size: str = "small", encoder: Folder | None = None, validation: Folder | None = None,
    steps: int | None = None, batch: int | None = None, crop: int | None = None, lr: float | None = None, seed: int = 0,
    device: str | None = None, workers: int = 0, resume: bool = False,
) -> Path:
    """Train an SRFlow on a folder of high-resolution photos; the low-resolution ones are made from them.

    Args:
        hr: photos of any size and format.
        out: folder of the run, see :func:`nflib.training.fit`.
        scale: 2, 4, 8 or 16.
        size: "small" (a laptop) or "df2k" (as published).
        encoder: a trained RRDBNet of the same size to start from, a file or the name of a bundled model.
        validation: other photos, by which the best model is chosen.
        steps, batch, crop, lr: what the size suggests, by default.
        seed, device, workers, resume: see :func:`nflib.training.fit`.

    Returns:
        The path of the model.
    """
    config = srflow_config(size, scale)
    _check_crop(crop, 2**config.levels)
    torch.manual_seed(seed)
    model = SRFlow(config)
    if encoder is not None:
        start = checkpoints.load(encoder)
        if getattr(start, "config", None) != config.encoder:
            raise ValueError(f"{encoder}: expected an RRDBNet with {config.encoder}, found {type(start).__name__} with {start.config}")
        model.encoder.load_state_dict(start.state_dict())
    crop = crop or DEFAULTS[size]["crop"]
    data, held_out = _folders(SuperResolutionImages, hr, validation, seed, scale=scale, crop=crop)
    return _train(SRFlowTask(model), data, held_out, out, size, steps, batch, lr, seed, device, workers, resume)


def train_rrdb(
    hr: Folder, out: Folder, scale: int = 4, size: str = "small", validation: Folder | None = None, steps: int | None = None,
    batch: int | None = None, crop: int | None = None, lr: float | None = None, seed: int = 0, device: str | None = None,
    workers: int = 0, resume: bool = False,
) -> Path:
    """Train an RRDBNet by mean absolute error: a super-resolver by itself, or the start of an SRFlow's encoder.

    Arguments as for :func:`train_srflow`.
    """
    torch.manual_seed(seed)
    model = RRDBNet(rrdb_config(size, scale))
    data, held_out = _folders(SuperResolutionImages, hr, validation, seed, scale=scale, crop=crop or DEFAULTS[size]["crop"])
    return _train(RRDBTask(model), data, held_out, out, size, steps, batch, lr, seed, device, workers, resume)


def train_glow(
    images: Folder, out: Folder, size: str = "small", validation: Folder | None = None, steps: int | None = None,
    batch: int | None = None, crop: int | None = None, lr: float | None = None, seed: int = 0, device: str | None = None,
    workers: int = 0, resume: bool = False,
) -> Path:
    """Train a Glow on crops of a folder of photos. Arguments as for :func:`train_srflow`."""
    config = glow_config(size)
    _check_crop(crop, 2**config.levels)
    torch.manual_seed(seed)
    data, held_out = _folders(ImageCrops, images, validation, seed, crop=crop or 32)
    return _train(GlowTask(Glow(config)), data, held_out, out, size, steps, batch, lr, seed, device, workers, resume)


def _train(task: Task, data, held_out, out, size, steps, batch, lr, seed, device, workers, resume) -> Path:
    default = DEFAULTS[size]
    chosen = {"steps": default["steps"] if steps is None else steps, "batch": default["batch"] if batch is None else batch}
    if lr is not None:
        chosen["lr"] = lr
    return fit(task, data, out, replace(task.recipe, **chosen), held_out, seed, device, workers, resume)


def _folders(kind: type[Dataset], images: Folder, validation: Folder | None, seed: int, **how) -> tuple[Dataset, Dataset | None]:
    data = kind(images, seed=seed, **how)
    held_out = None if validation is None else kind(validation, seed=seed + 1, **how)
    for line in (*data.skipped, *(held_out.skipped if held_out else ())):
        logging.getLogger(__name__).warning("skipped %s", line)
    return data, held_out


def _check_crop(crop: int | None, multiple: int) -> None:
    if crop is not None and crop % multiple:
        raise ValueError(f"crop must be a multiple of {multiple}, got {crop}")
