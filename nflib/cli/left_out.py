"""What commands say of the files that they pass over."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .printing import say

# Options and arguments that name folders of photos to read.
READ = (
    *("source", "images", "reference", "hr", "clean", "degraded", "pairs"),
    *("validation_clean", "validation_degraded"),
)


def deep(value: Any) -> Any:
    """Folders, or one, to be searched with their folders; the rest as it is."""
    if isinstance(value, list | tuple):
        return type(value)(deep(part) for part in value)
    return Path(value) / "**" if isinstance(value, str | Path) and Path(value).is_dir() else value


def say_left_out(options: Mapping[str, Any]) -> None:
    """One line on stderr for each folder that a command reads and that has files of kinds that are passed
    over. Of several processes the first says it.
    """
    named = [options.get(name) for name in READ]
    places = [place for value in named for place in (value if isinstance(value, list | tuple) else [value])]
    folders = [Path(place) for place in places if isinstance(place, str | Path) and Path(place).is_dir()]
    if not folders:
        return
    from ..images import left_out
    from ..processes import own_share

    for folder in dict.fromkeys(folders) if own_share().index == 0 else ():
        if left := left_out(folder, bool(options.get("recursive"))):
            say(f"{folder}: {left}", err=True)
