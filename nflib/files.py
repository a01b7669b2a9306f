"""Files that are whole or not there, whatever happens while they are written; and what files hold."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path


def read_json(path: Path) -> dict:
    """A JSON object; anything else is a ValueError that names the file."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: cannot be read as JSON: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"{path}: expected a JSON object, got {type(found).__name__}")
    return found


def write_json(path: Path, content: dict) -> None:
    """Write, indented, with characters as they are."""
    write_bytes(path, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())


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
