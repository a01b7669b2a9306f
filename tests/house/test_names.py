"""Every ``nflib.x.y`` that is written somewhere exists: in docstrings and comments, in chapters and pages, in
the README.
"""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAME = re.compile(r"(?<![\w./-])nflib(?:\.[A-Za-z_]\w*)+")
# Not names of Python: files, and the history of what there was.
ENDINGS = ("md", "json", "safetensors", "csv", "txt", "css", "mjs")
WRITTEN = sorted(
    path
    for pattern in (
        "nflib/**/*.py",
        "book/*.ipynb",
        "book/*.md",
        "experiments/**/*.py",
        "experiments/*.md",
        "README.md",
        "CONTRIBUTING.md",
    )
    for path in ROOT.glob(pattern)
)


def names_in(path: Path) -> set[str]:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        text = "\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"])
    return {name for name in NAME.findall(text) if name.rpartition(".")[2] not in ENDINGS}


def exists(name: str) -> bool:
    """Whether a dotted name can be imported, or is an attribute of what can be."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:cut]))
        except ImportError:
            continue
        for part in parts[cut:]:
            known = (
                getattr(found, "__dataclass_fields__", {}).keys()
                | getattr(found, "__annotations__", {}).keys()
            )
            if not hasattr(found, part):
                return part in known
            found = getattr(found, part)
        return True
    return False


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: str(path.relative_to(ROOT)))
def test_names_that_are_written_exist(path) -> None:
    missing = sorted(name for name in names_in(path) if not exists(name))
    assert not missing, f"{path.relative_to(ROOT)} names {', '.join(missing)}"


def test_a_name_that_does_not_exist_would_be_seen() -> None:
    assert exists("nflib.models.DeFlow.degrade")
    assert exists("nflib.load_official")
    assert not exists("nflib.models.DeFlow.degrades")
    assert not exists("nflib.load_officially")


# Roles of Sphinx may leave out the start of a name: ``:class:`Task```. Those with a module in them are seen
# above.
def test_every_module_has_a_docstring_that_begins_with_a_sentence() -> None:
    for path in sorted((ROOT / "nflib").rglob("*.py")):
        first = path.read_text(encoding="utf-8").partition("\n")[0]
        assert first.startswith('"""'), path
