"""The form in which notebooks are committed: no outputs, stable ids, one source line per list entry, one
kernel name.

Executed notebooks never belong in git (outputs, times, random ids), so a one-line edit must stay a one-line
diff.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
# Of a cell that is not folded. Lines that close brackets alone are the formatter's, and do not count.
MAX_CODE_LINES = 24
HIDDEN = {"hide-input", "hide-cell", "remove-input", "remove-cell"}
_GOOD_ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,46}[a-z0-9])?")
_RANDOM_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){0,3}(?:-[0-9a-f]{12})?")
_MAGIC = re.compile(r"^\s*[%!]|^\s*\w+\s*=\s*[%!]|\?\s*$")
_KEPT_CELL_METADATA = ("tags", "mystnb", "slideshow")


def sources(book: Path) -> list[Path]:
    """Every notebook of the book, in order."""
    hidden = (".", "_")
    return [
        p
        for p in sorted(book.rglob("*.ipynb"))
        if not any(q.startswith(hidden) for q in p.relative_to(book).parts)
    ]


def text(cell: dict) -> str:
    """A cell's source as one string."""
    source = cell["source"]
    return source if isinstance(source, str) else "".join(source)


def tags(cell: dict) -> list[str]:
    """A cell's tags."""
    return cell.get("metadata", {}).get("tags", [])


def _name(cell: dict, index: int, taken: set[str]) -> str:
    """The id a cell keeps, or a new one from its place (the same at every run)."""
    old = cell.get("id", "")
    if _GOOD_ID.fullmatch(old) and not _RANDOM_ID.fullmatch(old) and old not in taken:
        return old
    new, step = f"cell-{index:02d}", 0
    while new in taken:
        step += 1
        new = f"cell-{index:02d}-{step}"
    return new


def normalise(notebook: dict) -> dict:
    """The committed form of a notebook."""
    taken = {c.get("id", "") for c in notebook["cells"] if not _RANDOM_ID.fullmatch(c.get("id", ""))}
    used, cells = set(), []
    for index, cell in enumerate(notebook["cells"]):
        if "injected-parameters" in tags(cell):
            continue
        name = _name(cell, index, used)
        if name != cell.get("id"):
            name = _name({}, index, used | taken)
        used.add(name)
        metadata = {k: v for k, v in cell.get("metadata", {}).items() if k in _KEPT_CELL_METADATA and v}
        source = text(cell).rstrip().splitlines(keepends=True)
        kept = {"cell_type": cell["cell_type"], "id": name, "metadata": metadata, "source": source}
        if cell["cell_type"] == "code":
            kept |= {"execution_count": None, "outputs": []}
        if cell.get("attachments"):
            kept["attachments"] = cell["attachments"]
        cells.append(kept)
    extra = {k: v for k, v in notebook["metadata"].items() if k == "mystnb"}
    metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}} | extra
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def dumps(notebook: dict) -> str:
    """The exact text of a committed notebook."""
    return json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def strip(path: Path) -> bool:
    """Bring one file into the committed form; True if it changed."""
    before = path.read_text(encoding="utf-8")
    after = dumps(normalise(json.loads(before)))
    if after != before:
        part = path.with_name(path.name + ".part")
        part.write_text(after, encoding="utf-8")
        part.replace(path)
    return after != before


def lint(path: Path) -> list[str]:
    """What is wrong with a notebook, one line each; an empty list if nothing is."""
    raw = path.read_text(encoding="utf-8")
    notebook = json.loads(raw)
    found = []
    if raw != dumps(normalise(notebook)):
        found.append("is not in the committed form; run `python3 tools/dev.py strip`")
    code = [c for c in notebook["cells"] if c["cell_type"] == "code"]
    parameters = [c for c in code if "parameters" in tags(c)]
    if len(parameters) != 1:
        found.append(f"has {len(parameters)} cells tagged `parameters`, expected 1")
    elif not re.search(r'^profile = "cpu"', text(parameters[0]), re.MULTILINE):
        found.append('has no line `profile = "cpu"` in its parameters cell')
    elif parameters[0] is not code[0]:
        found.append("runs code before its parameters cell")
    ids = [c.get("id", "") for c in notebook["cells"]]
    found += [f"uses the cell id {i!r} {ids.count(i)} times" for i in sorted(set(ids)) if ids.count(i) > 1]
    for cell in code:
        lines = text(cell).splitlines()
        long = sum(bool(line.strip(" \t()[]{},:")) for line in lines)
        if long > MAX_CODE_LINES and not HIDDEN & set(tags(cell)):
            found.append(
                f"cell {cell.get('id')}: {long} lines of code, at most {MAX_CODE_LINES} unless hidden"
            )
        found += [f"cell {cell.get('id')}: magic {line.strip()!r}" for line in lines if _MAGIC.match(line)]
        if not "".join(lines).strip():
            found.append(f"cell {cell.get('id')}: an empty code cell")
    return [f"{path.name} {problem}" for problem in found]
