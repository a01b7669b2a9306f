"""The law of the noise of two folders without pairs, in closed form: seconds, no steps.

It is chapter 1 again, the unpaired Gaussian problem, with the second moment taken where there is little else
than noise: in the flattest windows of both folders. What the noise is must not depend on what is beside it;
JPEG may come after it.
"""

from __future__ import annotations

import logging
import time
from dataclasses import asdict
from pathlib import Path

import torch

from .. import __version__, checkpoints, provenance
from ..data.folders import Source
from ..files import made_folder
from ..units import grey_levels
from .folders import Folder
from .law_found import LawFound, find_law


def train_law(clean: Source, degraded: Source, out: Folder, *, last_stage: str = "auto") -> Path:
    """Find how strong the noise of degraded photos is by colour, and how it is correlated, without pairs.

    Args:
        clean: folder of photos of any sizes and formats.
        degraded: folder of degraded photos of other scenes. Files that cannot be read are left out; it is
            logged.
        out: folder of the result.
        last_stage: what came after the noise: "auto" looks for JPEG in the photos, "none" and "jpeg:62" (or
            "jpeg:62:444") say it. The law is then of the noise before it.

    Returns:
        The path of ``model.safetensors``, a :class:`~nflib.models.NoiseLaw`.

    Raises:
        ValueError: a folder has no usable photo, or ``out`` holds a run of another training.
    """
    started, out = time.perf_counter(), Path(out)
    if (out / "last.state").exists():
        raise ValueError(f"{out}: holds a run of another training; choose another folder")
    found = find_law(clean, degraded, last_stage=last_stage)
    for line in (*(f"skipped {line}" for line in found.skipped), *found.remarks):
        logging.getLogger(__name__).warning("%s", line)
    notes = {
        "training": "law, in closed form",
        **law_notes(found),
        "device": provenance.device_name(torch.device("cpu")),
        "nflib": __version__,
        "torch": torch.__version__,
        "commit": provenance.commit(),
    }
    seconds = round(time.perf_counter() - started, 1)
    with made_folder(out):
        checkpoints.save(found.law, out / "model.safetensors", notes, seconds=seconds)
    return out / "model.safetensors"


def law_notes(found: LawFound) -> dict:
    """What a file of the law says of how it was found; deviations in grey levels."""
    sides = zip(("clean", "degraded"), found.photos, found.windows)
    level, interval = found.level
    return {
        **{name: f"{photos} photos, {windows} windows" for name, photos, windows in sides},
        "noise, grey levels": [round(value, 2) for value in grey_levels(level).tolist()],
        "95 % interval, grey levels": None
        if interval is None
        else [[round(value, 2) for value in side] for side in grey_levels(interval).tolist()],
        "remarks": list(found.remarks),
        "seen": None if found.seen is None else asdict(found.seen),
    }
