"""The bundled photos as folders, to try everything on."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

from .. import data, units
from ..degraders import SIMULATED
from ..files import check_as_written, digest, read_json, write_json
from ..images import write

DEGRADATIONS = {**SIMULATED, "none": None}
"""Name -> simulated degrader, or None for "none": what :func:`write_photos` takes."""


def write_photos(out: str | Path, degradation: str = "ntire", seed: int = 0) -> list[Path]:
    """Write the bundled photos as a small unpaired data set, to try everything on folders.

    ``out/clean`` and ``out/degraded`` hold different scenes; ``out/validation/clean`` and
    ``out/validation/degraded`` hold pairs. ``out/photos.json`` says how they were made and who took the
    photos. A job that was interrupted goes on where it stopped: files that are there are whole and are kept,
    and every photo has its own random numbers.

    Args:
        out: a folder that does not exist, is empty, or was written by this function with the same settings.
        degradation: "ntire", "aim", "camera", "lowlight", "dark", or "none".
        seed: of the noise.

    Returns:
        The files that were written now.

    Raises:
        ValueError: the folder is not this function's, or somebody has changed a file in it.
    """
    if degradation not in DEGRADATIONS:
        raise ValueError(f"degradation must be one of {', '.join(DEGRADATIONS)}, got {degradation!r}")
    out = Path(out)
    if out.exists() and not out.is_dir():
        raise ValueError(f"{out}: is a file, expected a folder")
    settings = {"degradation": degradation, "seed": seed}
    record = out / "photos.json"
    before: dict[str, Any] = {}
    if record.is_file():
        before = read_json(record)
        found = {key: before.get(key) for key in settings}
        if found != settings:
            raise ValueError(f"{out}: was made with {found}, now asked for {settings}; choose another folder")
    elif out.is_dir() and any(out.iterdir()):
        raise ValueError(f"{out}: is not empty and was not made by this command; choose another folder")
    made = before["files"] if isinstance(before.get("files"), dict) else {}
    for name, known in made.items():
        check_as_written(out / name, str(known), "move it away, or choose another folder")
    out.mkdir(parents=True, exist_ok=True)
    said = {**settings, "photos": [photo.attribution for photo in data.PHOTOS]}
    write_json(record, {**said, "files": made})
    for folder in ("clean", "degraded", "validation/clean", "validation/degraded"):
        (out / folder).mkdir(parents=True, exist_ok=True)

    written, files = [], {}
    for photo in units.progress(data.PHOTOS, "photos"):
        place = out / "validation" if photo.role == "validation" else out
        for kind in ("clean", "degraded") if photo.role == "validation" else (photo.role,):
            file = place / kind / f"{photo.name}.png"
            files[file.relative_to(out).as_posix()] = file
            if file.is_file():
                continue
            image = photo.load()
            degrade = DEGRADATIONS[degradation]
            if kind == "degraded" and degrade is not None:
                image = degrade(image, generator=units.generator(zlib.crc32(f"{seed} {photo.name}".encode())))
            write(file, image)
            written.append(file)
    if written or not made:
        write_json(record, {**said, "files": {name: digest(file) for name, file in files.items()}})
    return written
