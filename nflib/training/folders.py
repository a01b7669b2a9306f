"""What all trainings on folders share: the names of sizes, crops of photos of one folder or several, and what
is said of photos that cannot be used.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..data import PHOTOS, ImageCrops
from ..data.folders import Source
from ..images import list_images
from .rehearsal import Rehearsal

Folder = str | os.PathLike
# "small" trains on a laptop; "full" has the size of the published models.
SIZES = ("small", "full")
HELD_OUT_CROPS = 64
# In place of a folder: the photos that come with the packages nflib needs, but for those of validation.
BUNDLED = "bundled"


def known_size(size: str) -> str:
    """The size, if it is one of SIZES; else a ValueError."""
    if size not in SIZES:
        raise ValueError(f"size must be one of {', '.join(SIZES)}, got {size!r}")
    return size


def photos_of(folders: Folder | Sequence[Folder]) -> Source:
    """The photos of one folder or of several, with "bundled" for the bundled ones that are not for
    validation.
    """
    named = [folders] if isinstance(folders, str | os.PathLike) else list(folders)
    if len(named) == 1 and str(named[0]) != BUNDLED:
        return named[0]
    return [file for folder in named for file in _files(folder)]


def _files(folder: Folder) -> list[Path]:
    if str(folder) == BUNDLED:
        return [photo.path for photo in PHOTOS if photo.role != "validation"]
    return list_images(folder)


def best(done: Path | Rehearsal) -> Path | Rehearsal:
    """The best model beside the last one that a training returned; the last one, and it is said, where no
    validation was finite.
    """
    if isinstance(done, Rehearsal):
        return done
    file = done.with_name("best.safetensors")
    if not file.exists():
        logging.getLogger(__name__).warning(
            "no validation was finite, so that none is best; the last model is handed back"
        )
        return done
    return file


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
