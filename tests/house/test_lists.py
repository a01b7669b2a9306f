"""Lists written by hand name all that there is: chapters on the front page, trainings in the README."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from nflib.training import TRAININGS

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
INDEX = (ROOT / "book" / "index.md").read_text(encoding="utf-8")
PARTS = yaml.safe_load((ROOT / "book" / "_toc.yml").read_text(encoding="utf-8"))["parts"]
CHAPTERS = [entry["file"] for part in PARTS if part.get("numbered") for entry in part["chapters"]]


def test_every_notebook_is_a_chapter() -> None:
    assert {path.stem for path in (ROOT / "book").glob("*.ipynb")} == set(CHAPTERS)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_is_named_in_the_readme_and_on_the_front_page(chapter) -> None:
    assert f"](book/{chapter}.ipynb)" in README
    number = CHAPTERS.index(chapter) + 1
    assert f"| {number} | {{doc}}`{chapter}` |" in INDEX


def test_the_table_of_the_readme_has_every_training_and_its_purpose() -> None:
    on_pairs = {
        "denoiser": "restorer --task denoise",
        "super_resolver": "restorer --task sr",
        "enhancer": "restorer --task lowlight",
    }
    rows = {cells[0]: cells for cells in re.findall(r"^\| `([^`]+)` \| (.+?) \| (.+?) \|", README, re.M)}
    for name, row in TRAININGS.items():
        _, learns, purpose = rows[on_pairs.get(name, name)]
        assert learns.startswith(row.title)
        assert purpose == row.purpose
