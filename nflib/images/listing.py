"""The image files of a folder, and what in it is passed over."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from .optional import PACKAGES, readable_suffixes

SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".tif", ".tiff", ".bmp", ".webp", ".gif", ".avif"),
    *(".jp2", ".j2k", ".ppm", ".pgm", ".pbm", ".pnm", ".pam", ".pfm"),
)
"""Of files that are read everywhere; HEIC and camera raw need a package more."""


DEEP = "**"
"""What stands after a folder that is searched with all its folders."""


def list_images(folder: str | os.PathLike, recursive: bool = False) -> list[Path]:
    """The image files of a folder, known by their suffix, sorted by name. Hidden files and folders are left
    out.

    Args:
        folder: where to look. ``FOLDER/**`` looks into its folders too, wherever a folder of images is named.
        recursive: look into its folders too, but not through links to folders.

    Raises:
        ValueError: no such folder, or no images in it.
    """
    files, left = _searched(Path(folder), recursive)
    if not files:
        found = f", {left}" if left else ""
        raise ValueError(
            f"{folder}: no images in this folder, expected files ending in {' '.join(SUFFIXES)}{found}"
        )
    return sorted(files)


def root_of(folder: str | os.PathLike) -> Path:
    """The folder itself, of ``FOLDER`` or ``FOLDER/**``."""
    folder = Path(folder)
    return folder.parent if folder.name == DEEP else folder


def left_out(folder: str | os.PathLike, recursive: bool = False) -> LeftOut:
    """What :func:`list_images` passes over in a folder, so that a command can say so.

    JSON files are not counted: nflib writes them beside its results. Hidden files and folders are not
    counted either.

    Raises:
        ValueError: no such folder.
    """
    return _searched(Path(folder), recursive)[1]


@dataclass(frozen=True)
class LeftOut:
    """Files and folders that were passed over; as a text one line, empty where there are none.

    >>> str(LeftOut({".heic": 3, ".cr2": 1}, folders=1))
    'left out: 3 .heic (pip install pillow-heif), 1 .cr2 (pip install rawpy), 1 folder'

    Attributes:
        suffixes: suffix -> number of files.
        folders: that were not looked into.
        broken: links to nothing, and what is neither file nor folder.
    """

    suffixes: dict[str, int]
    folders: int = 0
    broken: int = 0

    def __bool__(self) -> bool:
        return bool(self.suffixes or self.folders or self.broken)

    def __str__(self) -> str:
        parts = []
        for suffix, count in sorted(self.suffixes.items(), key=lambda item: (-item[1], item[0])):
            shown = os.fsencode(suffix).decode("utf-8", "backslashreplace") or "without suffix"
            advice = f" (pip install {PACKAGES[suffix]})" if suffix in PACKAGES else ""
            parts.append(f"{count} {shown}{advice}")
        parts += [f"{self.folders} folder{'s' * (self.folders > 1)}"] if self.folders else []
        parts += [f"{self.broken} broken link{'s' * (self.broken > 1)}"] if self.broken else []
        return f"left out: {', '.join(parts)}" if parts else ""


def _searched(folder: Path, recursive: bool) -> tuple[list[Path], LeftOut]:
    folder, recursive = root_of(folder), recursive or folder.name == DEEP
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such folder")
    wanted = (*SUFFIXES, *readable_suffixes())
    files: list[Path] = []
    others: Counter[str] = Counter()
    folders = broken = 0
    waiting = [folder]
    while waiting:
        for entry in waiting.pop().iterdir():
            suffix = entry.suffix.lower()
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                if recursive and not entry.is_symlink():
                    waiting.append(entry)
                else:
                    folders += 1
            elif not entry.is_file():
                broken += 1
            elif suffix in wanted:
                files.append(entry)
            elif suffix != ".json":
                others[suffix] += 1
    return files, LeftOut(dict(others), folders, broken)
