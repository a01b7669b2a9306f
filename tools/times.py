"""The record of how long chapters take and of what they check: ``book/times.json``.

``python3 tools/dev.py times`` writes it from the notebooks as they were executed last. A test holds a build
below twice the record, and another one asks it whether what the smoke profile leaves out was checked.
"""

from __future__ import annotations

import ast
import datetime
import json
import os
import platform
import re
from pathlib import Path

from execution import code_cells, executed_folder, is_current, stamp_of
from notebooks import sources, text

SIGN = "✓ "  # what nflib.testing.check prints before a statement that holds
RECORDED = ("smoke", "cpu")


def record_file(root: Path) -> Path:
    """Where the record lies."""
    return root / "book" / "times.json"


def checked(executed: dict) -> list[str]:
    """The statements that an executed notebook found to hold, in its order."""
    streams = (
        text({"source": output["text"]})
        for cell in code_cells(executed)
        for output in cell["outputs"]
        if output["output_type"] == "stream"
    )
    lines = (line for stream in streams for line in stream.splitlines())
    return [line.removeprefix(SIGN) for line in lines if line.startswith(SIGN)]


def measured(root: Path, profile: str) -> dict[str, dict]:
    """Of each chapter that is executed as it is now: seconds, seconds of the processor, and the longest
    cell with its own.
    """
    found = {}
    for source in sources(root / "book"):
        if is_current(root, source, profile):
            stamp = stamp_of(root, source, profile)
            cell = max(stamp["cells"], key=stamp["cells"].get)
            times = {name: stamp[name] for name in ("seconds", "processor_seconds")}
            found[source.stem] = {**times, "longest": [cell, stamp["cells"][cell]]}
    return found


def left_out(source: Path) -> list[str]:
    """Of every check that a notebook makes outside the smoke profile only: what it says, as a pattern in
    which anything may stand where a value is filled in.
    """
    found = []
    for cell in code_cells(json.loads(source.read_text(encoding="utf-8"))):
        for node in ast.walk(ast.parse(text(cell))):
            if isinstance(node, ast.If) and ast.unparse(node.test) == "profile != 'smoke'":
                calls = (call for part in node.body for call in ast.walk(part) if isinstance(call, ast.Call))
                found += [_pattern(call) for call in calls if ast.unparse(call.func).startswith("check.")]
    return found


def _pattern(call: ast.Call) -> str:
    said = next((word.value for word in call.keywords if word.arg == "what"), call.args[-1])
    parts = said.values if isinstance(said, ast.JoinedStr) else [said]
    words = "".join(re.escape(str(part.value)) if isinstance(part, ast.Constant) else ".+" for part in parts)
    return f"{words}(: .*)?"


def held(source: Path, statements: list[str]) -> list[str]:
    """Those of the statements that are among the checks that smoke leaves out."""
    patterns = left_out(source)
    return [said for said in statements if any(re.fullmatch(pattern, said) for pattern in patterns)]


def write(root: Path) -> list[str]:
    """Bring the record up to date; the chapters of which there is nothing new keep what was known.

    Returns:
        A line for each profile.
    """
    file, said = record_file(root), []
    record = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    chapters = {source.stem: source for source in sources(root / "book")}
    for profile in RECORDED:
        new = {}
        for name, found in measured(root, profile).items():
            executed = executed_folder(root, profile) / f"{name}.ipynb"
            statements = checked(json.loads(executed.read_text(encoding="utf-8")))
            new[name] = {
                "processor_seconds": found["processor_seconds"],
                "longest": found["longest"][0],
                "date": str(datetime.date.today()),
                "checks": held(chapters[name], statements),
            }
        known = {**record.get(profile, {}), **new}
        record[profile] = {name: known[name] for name in chapters if name in known}
        total = sum(chapter["processor_seconds"] or 0 for chapter in record[profile].values())
        said.append(
            f"{profile}: {len(new)} of {len(chapters)} chapters new, {total:.0f} s of processor in all"
        )
    record["machine"] = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    part = file.with_suffix(".part")
    part.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    part.replace(file)
    return said
