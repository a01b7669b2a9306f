"""Files that are whole or not there, whatever happens while they are written; and what files hold."""

from __future__ import annotations

import hashlib
import json
import math
import os
from pathlib import Path
from typing import Any


def read_json(path: Path) -> dict:
    """A JSON object; anything else is a ValueError that names the file."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: cannot be read as JSON: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"{path}: expected a JSON object, got {type(found).__name__}")
    return found


def json_text(content: Any, **layout: Any) -> str:
    """Content as JSON, which has no numbers that are not finite: ``null`` stands in their place.

    Args:
        content: nested dicts, lists and tuples of what JSON has.
        layout: as of :func:`json.dumps`.
    """
    return json.dumps(_written(content), allow_nan=False, **layout)


def _written(content: Any) -> Any:
    if isinstance(content, float):
        return content if math.isfinite(content) else None
    if isinstance(content, dict):
        return {key: _written(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_written(value) for value in content]
    return content


def write_json(path: Path, content: dict) -> None:
    """Write, indented, with characters as they are."""
    write_bytes(path, (json_text(content, indent=1, ensure_ascii=False) + "\n").encode())


def check_place(path: str | os.PathLike | None) -> None:
    """Raise ValueError if a file cannot be written there: to ask before the work and not after it."""
    if path is None:
        return
    path = Path(path)
    if not path.parent.is_dir():
        raise ValueError(f"{path}: the folder {path.parent} does not exist")
    if path.is_dir():
        raise ValueError(f"{path}: is a folder, expected a file name")


def write_bytes(path: str | os.PathLike, data: bytes) -> None:
    """Write a file that is whole or not there, whatever happens on the way."""
    check_place(path)
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        temporary.write_bytes(data)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def digest(path: str | os.PathLike) -> str:
    """What a file holds, as a SHA-256 in hexadecimal: equal for equal files, whatever they are called."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
