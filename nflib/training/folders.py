"""What all trainings on folders share: the names of sizes, crops of photos, and what is said of photos that
cannot be used.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

from ..data import ImageCrops
from .rehearsal import Rehearsal

Folder = str | os.PathLike
# "small" trains on a laptop; "full" has the size of the published models.
SIZES = ("small", "full")
HELD_OUT_CROPS = 64


def known_size(size: str) -> str:
    """The size, if it is one of SIZES; else a ValueError."""
    if size not in SIZES:
        raise ValueError(f"size must be one of {', '.join(SIZES)}, got {size!r}")
    return size


def best(done: Path | Rehearsal) -> Path | Rehearsal:
    """The best model beside the last one that a training returned."""
    return done if isinstance(done, Rehearsal) else done.with_name("best.safetensors")


def crops_of(
    kind: type[ImageCrops], images: Folder, validation: Folder | None, *, seed: int, **how: Any
) -> tuple[ImageCrops, ImageCrops | None]:
    data = kind(images, seed=seed, **how)
    held_out = None if validation is None else kind(validation, seed=seed + 1, **how)
    report_skipped(data, held_out)
    return data, held_out


def report_skipped(*datasets: Any) -> None:
    for line in (line for data in datasets if data is not None for line in data.skipped):
        logging.getLogger(__name__).warning("skipped %s", line)


def check_crop(crop: int | None, multiple: int) -> None:
    if crop is not None and crop % multiple:
        raise ValueError(f"crop must be a multiple of {multiple}, got {crop}")
