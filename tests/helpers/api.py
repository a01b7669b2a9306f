"""What makes the page "API" (book/_ext/api.py), for tests: it says which rooms nflib has."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

BOOK = Path(__file__).resolve().parents[2] / "book"


def extension() -> ModuleType:
    spec = importlib.util.spec_from_file_location("nflib_book_api", BOOK / "_ext" / "api.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


API = extension()
SOURCE = (BOOK / "api.md").read_text(encoding="utf-8")
ROOMS: list[str] = API.rooms(SOURCE)
