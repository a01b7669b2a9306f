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
from ..checkpoints.files import read_header
from ..data.contents import check_unpaired, contents, summary
from ..data.folders import Source
from ..files import made_folder
from ..processes import claimed, own_share
from ..units import grey_levels
from .folders import Folder
from .law_found import LawFound, find_law
from .photo_stream import PhotoStream
from .resuming import check_unwritten

# What the notes of a law say it is of.
TRAINING = "law, in closed form"


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
        ValueError: a folder has no usable photo, both hold the same photos, ``out`` holds a model of another
            training or of other photos, or another job is writing there.
    """
    started, out = time.perf_counter(), Path(out)
    file = out / "model.safetensors"
    if (out / "last.state").exists():
        raise ValueError(f"{out}: holds a run of another training; choose another folder")
    sides = {"clean": PhotoStream(clean), "degraded": PhotoStream(degraded)}
    read = {f"{side}/{name}": known for side, part in sides.items() for name, known in contents(part).items()}
    check_unpaired(read)
    made = {"training": TRAINING, "asked last stage": last_stage, "photos": summary(read)}
    with made_folder(out), claimed(out, own_share()):
        _check_same(file, made)
        found = find_law(clean, degraded, last_stage=last_stage)
        for line in (*(f"skipped {line}" for line in found.skipped), *found.remarks):
            logging.getLogger(__name__).warning("%s", line)
        notes = {
            **made,
            **law_notes(found),
            "device": provenance.device_name(torch.device("cpu")),
            "nflib": __version__,
            "torch": torch.__version__,
            "commit": provenance.commit(),
        }
        checkpoints.save(found.law, file, notes, seconds=round(time.perf_counter() - started, 1))
    return file


def _check_same(file: Path, made: dict) -> None:
    """Raise ValueError if a model is there that was not made of the same photos in the same way."""
    if not file.exists():
        check_unwritten(file.parent)
        return
    try:
        notes = read_header(file).notes
    except ValueError:
        notes = {}
    if notes.get("training") != TRAINING:
        raise ValueError(
            f"{file}: is there already and was not written by this training; choose another folder"
        )
    if differs := [name for name, value in made.items() if notes.get(name) != value]:
        raise ValueError(f"{file}: was made with other {' and '.join(differs)}; choose another folder")


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
