"""How the results of a job on images are written: depth, format, folders, and what may be replaced."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from ..files import LONGEST_NAME
from ..images import Picture
from ..images.files import stored_format
from ..images.writing import DEEP, FORMATS, kind_of

SUFFIXES = {"png": ".png", "tiff": ".tif", "jpeg": ".jpg", "webp": ".webp"}
DEPTHS = ("8", "16", "keep")


@dataclass(frozen=True)
class Results:
    """How results are written, and of which images of a folder.

    >>> Results(format="tiff", depth="16").bits(".tif")
    16

    Attributes:
        depth: "keep", that of each image where the format has it; "8" or "16" bits.
        format: "png" and "tiff" hold everything; "jpeg" and "webp" are lossy and of 8 bits; "keep" is that of
            each image, and PNG for images of formats that are read only, such as HEIC.
        recursive: images in folders of the folder too, whose results lie in folders of the same names. Links
            to folders are not followed, and results inside the source are no source.
        overwrite: replace what lies under the names of results: files of others, and results of other
            settings. Without it they are not touched, and the job is refused.

    Raises:
        ValueError: a depth or format of another name, or 16 bits in a format without them.
    """

    depth: str = "keep"
    format: str = "png"
    recursive: bool = False
    overwrite: bool = False

    def __post_init__(self):
        if self.depth not in DEPTHS:
            raise ValueError(f"depth must be one of {', '.join(DEPTHS)}, got {self.depth!r}")
        if self.format not in (*SUFFIXES, "keep"):
            raise ValueError(f"format must be one of {', '.join(SUFFIXES)}, keep, got {self.format!r}")
        if self.depth == "16" and self.format in ("jpeg", "webp"):
            raise ValueError(f"depth 16 needs the format png or tiff, got {self.format}")

    def suffix(self, source: PurePath) -> str:
        """The suffix of the results of an image."""
        if self.format != "keep":
            return SUFFIXES[self.format]
        return source.suffix if source.suffix.lower() in FORMATS else ".png"

    def bits(self, suffix: str) -> int | None:
        """Bits of a result that ends so; None for those of its image."""
        if self.depth == "keep":
            return None
        return int(self.depth) if kind_of(f"a{suffix}") in DEEP else 8

    def is_file(self, source: Path, picture: Picture, suffix: str) -> bool:
        """Whether the file of an image is its own result, if nothing is to be changed: it has the format of
        results that end so, and the depth.
        """
        same = self.format == "keep" and suffix == source.suffix
        same = same or stored_format(source) == kind_of(f"a{suffix}")
        return same and self.bits(suffix) in (None, picture.bits)

    def lost(self, source: Path, picture: Picture) -> tuple[str, ...]:
        """What the format of an image was, if ``keep`` cannot keep it."""
        if self.format != "keep" or source.suffix.lower() in FORMATS:
            return picture.lost
        return (*picture.lost, f"the format {source.suffix.lower() or 'without suffix'}, now PNG")


def result_names(
    files: Sequence[PurePath], owner: Callable[[PurePath], str | None] = lambda name: None
) -> dict[PurePath, PurePath]:
    """What the results of each image are called: its name without the suffix, or with it where two would be
    called the same (in capitals neither: there are file systems that do not see them). Whose results have a
    name already keeps it, also if another image comes.

    >>> files = [PurePath("a.png"), PurePath("a.jpg"), PurePath("b.png")]
    >>> [str(name) for name in result_names(files).values()]
    ['a.png', 'a.jpg', 'b']

    Args:
        files: relative to their folder.
        owner: the file name of the image whose results are called so now, None if there are none.
    """
    names = {file: file.with_suffix("") for file in files}
    while True:
        users = Counter(str(name).casefold() for name in names.values())
        shared = [file for file, name in names.items() if users[str(name).casefold()] > 1 and name != file]
        if not shared:
            return names
        names |= {file: file for file in [f for f in shared if owner(names[f]) != f.name] or shared}


def record_of(out: Path, name: PurePath) -> Path:
    """Where it is written how the results of this name were made."""
    return out / f"{fitting(name, len('.json'))}.json"


def fitting(name: PurePath, room: int) -> PurePath:
    """A name that leaves room for a suffix of so many bytes, with a digest in place of what was too long."""
    encoded = os.fsencode(name.name)
    if len(encoded) + room <= LONGEST_NAME:
        return name
    short = name.name
    while len(os.fsencode(short)) + room + 17 > LONGEST_NAME:
        short = short[:-1]
    return name.with_name(f"{short}-{hashlib.sha256(encoded).hexdigest()[:16]}")
