"""Every exercise of the chapters is listed on the page of solutions."""

import re
from pathlib import Path

BOOK = Path(__file__).parents[2] / "book"


def test_every_exercise_is_listed() -> None:
    chapters = "".join(path.read_text() for path in BOOK.glob("*.ipynb"))
    labels = set(re.findall(r"exercise-start\}[^{}]*?:label: ([\w-]+)", chapters))
    listed = set(re.findall(r"<([\w-]+)>", (BOOK / "solutions.md").read_text()))
    assert labels
    assert labels == listed
