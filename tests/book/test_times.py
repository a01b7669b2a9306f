"""How long chapters take: the record, what a build is held to, and the page; and that what the smoke profile
has no time to check was checked by the run that is recorded.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import statistics
from pathlib import Path

import notebooks
import pytest
import times

ROOT = Path(__file__).resolve().parents[2]
RECORD = json.loads(times.record_file(ROOT).read_text(encoding="utf-8"))
SOURCES = {path.stem: path for path in notebooks.sources(ROOT / "book")}


def of_processor(chapters: dict[str, dict]) -> dict[str, float]:
    known = {name: found["processor_seconds"] for name, found in chapters.items()}
    return {name: seconds for name, seconds in known.items() if seconds is not None}


def grown(now: dict[str, float], before: dict[str, float], times_longer: float = 2) -> list[str]:
    """The chapters that take more than so many times longer than before, beside a machine that is slower
    for all of them.
    """
    ratios = {name: now[name] / before[name] for name in now.keys() & before.keys()}
    slower = max(1.0, statistics.median(ratios.values())) if ratios else 1.0
    return sorted(name for name, ratio in ratios.items() if ratio > times_longer * slower)


@pytest.mark.parametrize("profile", times.RECORDED)
def test_every_chapter_is_recorded(profile) -> None:
    assert list(RECORD[profile]) == list(SOURCES)


@pytest.mark.book
def test_no_chapter_takes_twice_as_long_as_it_did() -> None:
    profile = os.environ.get("NFLIB_PROFILE", "cpu")
    now = of_processor(times.measured(ROOT, profile))
    if not now:
        pytest.skip(f"no executed notebooks of the profile {profile}: make book")
    assert grown(now, of_processor(RECORD[profile])) == []


def test_a_chapter_that_grew_is_told_from_a_slow_machine() -> None:
    before = {"a": 10.0, "b": 20.0, "c": 30.0}
    assert grown({name: 3 * seconds for name, seconds in before.items()}, before) == []
    assert grown({**before, "b": 41.0}, before) == ["b"]
    assert grown({**before, "b": 39.0, "new": 100.0}, before) == []
    assert grown({name: 0.5 * s for name, s in before.items()} | {"c": 61.0}, before) == ["c"]


@pytest.mark.parametrize("name", SOURCES)
def test_what_smoke_leaves_out_was_checked(name) -> None:
    recorded = RECORD["cpu"][name]["checks"]
    missing = [
        pattern
        for pattern in times.left_out(SOURCES[name])
        if not any(re.fullmatch(pattern, r) for r in recorded)
    ]
    assert not missing, "run `make test-full`, then `python3 tools/dev.py times`"


def test_it_is_known_what_smoke_leaves_out(tmp_path) -> None:
    assert sum(len(times.left_out(path)) for path in SOURCES.values()) >= 15
    code = """check.true(True, "always")
if profile != "smoke":
    for k in kinds:
        check.true(a < b, f"{k}: nearer (to the truth)")
    check.close(1, 1, what="two numbers")
if profile == "smoke":
    check.true(True, "in smoke")"""
    notebook = {"cells": [{"cell_type": "code", "metadata": {}, "source": code}]}
    (tmp_path / "a.ipynb").write_text(json.dumps(notebook))
    said = [
        "always",
        "ntire: nearer (to the truth)",
        "nearer (to the truth)",
        "two numbers: 1 = 1",
        "in smoke",
    ]
    assert times.held(tmp_path / "a.ipynb", said) == ["ntire: nearer (to the truth)", "two numbers: 1 = 1"]


def test_statements_are_read_from_what_was_printed() -> None:
    outputs = [
        {"output_type": "stream", "name": "stdout", "text": ["12 dB\n", "✓ a: 1 = 1\n", "✓ b\n"]},
        {"output_type": "display_data", "data": {}},
    ]
    code = {"cell_type": "code", "metadata": {}, "source": "", "outputs": outputs}
    assert times.checked({"cells": [{"cell_type": "markdown", "metadata": {}, "source": ""}, code]}) == [
        "a: 1 = 1",
        "b",
    ]


def test_the_page_has_a_row_for_each_chapter_and_one_for_all() -> None:
    file = ROOT / "book" / "_ext" / "execution_times.py"
    spec = importlib.util.spec_from_file_location("nflib_book_execution_times", file)
    page = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(page)
    assert page.BLOCK in (ROOT / "book" / f"{page.PAGE}.md").read_text(encoding="utf-8")
    found = {"seconds": 20.4, "processor_seconds": 31.0, "longest": ["fit", 9.7]}
    assert page.table({"01_a": found, "02_b": found}).removeprefix(page.HEAD).splitlines() == [
        "| {doc}`01_a` | 20 | 31 | `fit` | 10 |",
        "| {doc}`02_b` | 20 | 31 | `fit` | 10 |",
        "| all | 41 | 62 | | |",
    ]
