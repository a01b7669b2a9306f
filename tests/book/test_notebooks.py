"""Notebooks as committed: their form, and the rules that keep a diff small and a cell short."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import notebooks
import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = notebooks.sources(ROOT / "book")


def cell(kind="code", source="x = 1", **extra) -> dict:
    return {"cell_type": kind, "id": "a", "metadata": {}, "source": source, **extra}


def book(*cells) -> dict:
    first = cell(source='profile = "cpu"', id="parameters", metadata={"tags": ["parameters"]})
    return {"cells": [first, *cells], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_every_notebook_is_in_the_committed_form(path) -> None:
    assert notebooks.lint(path) == []


def test_there_are_notebooks() -> None:
    assert len(NOTEBOOKS) >= 3


def test_the_committed_form_is_valid_and_stable() -> None:
    import nbformat

    used = book(cell(outputs=[{"output_type": "stream", "name": "stdout", "text": "1"}], execution_count=3))
    used["cells"][1] |= {
        "id": "6b1f6c1e",
        "metadata": {"execution": {"iopub": "now"}, "tags": ["hide-input"]},
    }
    used["metadata"] = {"papermill": {"duration": 1}, "kernelspec": {"name": "mine", "display_name": "Mine"}}
    once = notebooks.normalise(copy.deepcopy(used))
    nbformat.validate(nbformat.from_dict(once))
    assert notebooks.dumps(notebooks.normalise(json.loads(notebooks.dumps(once)))) == notebooks.dumps(once)
    assert once["cells"][1] == {
        "cell_type": "code",
        "id": "cell-01",
        "metadata": {"tags": ["hide-input"]},
        "source": ["x = 1"],
        "execution_count": None,
        "outputs": [],
    }
    assert once["metadata"]["kernelspec"]["name"] == "python3"
    assert "papermill" not in once["metadata"]


def test_ids_stay_unique() -> None:
    ids = [
        c["id"]
        for c in notebooks.normalise(book(cell(), cell(), cell(id="cell-02"), cell(id="1a2b3c4d")))["cells"]
    ]
    assert len(set(ids)) == len(ids)
    assert ids[1] == "a"


@pytest.mark.parametrize(
    ("cells", "complaint"),
    [
        ([cell(source="\n".join(["x = 1"] * 25))], "25 lines"),
        ([cell(source="%matplotlib inline")], "magic"),
        ([cell(source="files = !ls")], "magic"),
        ([cell(source="!pip install x")], "magic"),
        ([cell(source="  \n")], "empty"),
        ([cell(id="b", source='profile = "cpu"', metadata={"tags": ["parameters"]})], "2 cells tagged"),
        ([cell(execution_count=1, outputs=[])], "committed form"),
    ],
)
def test_lint_finds(tmp_path, cells, complaint) -> None:
    path = tmp_path / "bad.ipynb"
    path.write_text(notebooks.dumps(book(*cells)))
    assert any(complaint in problem for problem in notebooks.lint(path))


def test_lint_accepts(tmp_path) -> None:
    path = tmp_path / "good.ipynb"
    long = cell(id="b", source="\n".join(["y = 5 % 3"] * 19), metadata={"tags": ["hide-input"]})
    path.write_text(
        notebooks.dumps(notebooks.normalise(book(cell(source="x = 7 % 2  # why?  no\nz = not x"), long)))
    )
    assert notebooks.lint(path) == []


def test_strip_changes_once(tmp_path) -> None:
    path = tmp_path / "x.ipynb"
    path.write_text(json.dumps(book(cell())))
    assert notebooks.strip(path)
    assert not notebooks.strip(path)
