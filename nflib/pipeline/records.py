"""Records of jobs: JSON objects in files that are whole or not there."""

from __future__ import annotations

import json
from pathlib import Path

from ..images.files import write_bytes


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
