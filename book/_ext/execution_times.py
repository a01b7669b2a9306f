"""Sphinx extension: the page "execution_times" says how long the notebooks took that this book was made of.

The block ``{execution-times}`` becomes a table of the profile that is built, from the times that
``tools/execution.py`` keeps beside every executed notebook.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tools"))
measured = import_module("times").measured

PAGE = "execution_times"
BLOCK = "```{execution-times}\n```"
HEAD = "| chapter | seconds | processor | longest cell | its seconds |\n| --- | ---: | ---: | --- | ---: |\n"


def table(chapters: dict[str, dict]) -> str:
    """A row for each chapter and one for all; the chapters by name, as :func:`times.measured` found them."""
    rows = []
    for name, found in chapters.items():
        (cell, seconds), both = found["longest"], (found["seconds"], found["processor_seconds"])
        rows.append(f"| {{doc}}`{name}` | {both[0]:.0f} | {both[1]:.0f} | `{cell}` | {seconds:.0f} |")
    whole, processor = (
        sum(found[key] for found in chapters.values()) for key in ("seconds", "processor_seconds")
    )
    return HEAD + "\n".join([*rows, f"| all | {whole:.0f} | {processor:.0f} | | |"])


def _fill(app: Sphinx, docname: str, source: list[str]) -> None:
    if docname == PAGE:
        app.env.note_reread()  # the times of this build, though the page's own text is as it was
        profile = app.config.nf_profile
        text = f"Profile `{profile}`.\n\n{table(measured(ROOT, profile))}"
        source[0] = source[0].replace(BLOCK, text)


def setup(app: Sphinx) -> dict:
    app.connect("source-read", _fill)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
