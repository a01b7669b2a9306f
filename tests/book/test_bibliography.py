"""The bibliography: every entry can be followed, and is found by the label that the text has."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

pytest.importorskip("pybtex", reason="pybtex comes with what builds the book")
from pybtex.database import parse_file

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "book" / "_ext"))
import cited  # noqa: E402

ENTRIES = parse_file(str(ROOT / "book" / "references.bib")).entries
# What nobody outside can get; chapter "Notation" says what they are.
SLIDES = {"park-srflow-slides", "wang-deflow-slides"}


def test_every_entry_leads_somewhere() -> None:
    without = {key for key, entry in ENTRIES.items() if not {"doi", "url", "eprint"} & set(entry.fields)}
    assert without == SLIDES


def test_identifiers_look_like_what_they_are() -> None:
    forms = {"doi": r"10\.\d{4,5}/\S+", "eprint": r"\d{4}\.\d{4,5}", "url": r"https://\S+"}
    for key, entry in ENTRIES.items():
        for field, form in forms.items():
            if field in entry.fields:
                assert re.fullmatch(form, entry.fields[field]), key


def test_no_two_entries_are_the_same_paper() -> None:
    for field in ("doi", "eprint", "url"):
        found = [entry.fields[field].lower() for entry in ENTRIES.values() if field in entry.fields]
        assert len(found) == len(set(found)), field


def test_labels_are_those_of_the_text() -> None:
    labels = {key: cited.label(entry) for key, entry in ENTRIES.items()}
    assert labels["kuhn1951nonlinear"] == "Kuhn and Tucker, 1951"
    assert labels["wolf2021deflow"] == "Wolf et al., 2021"
    assert labels["efron1982jackknife"] == "Efron, 1982"
    assert labels["hyvarinen1999nonlinear"] == "Hyvärinen and Pajunen, 1999"
    assert labels["park-srflow-slides"] == "Park, n.d."


def test_labels_that_would_be_alike_differ() -> None:
    entries = sorted(ENTRIES.values(), key=lambda entry: entry.key)
    twice = [entries[0], entries[1], entries[0]]
    found = list(cited.AsCitedLabels().format_labels(twice))
    assert found[0] == cited.label(entries[0]) + "a"
    assert found[2] == cited.label(entries[0]) + "b"
    assert found[1] == cited.label(entries[1])


@pytest.mark.book
def test_the_page_has_the_labels_of_the_text(site) -> None:
    page = (site / "bibliography.html").read_text(encoding="utf-8")
    for key, entry in ENTRIES.items():
        assert cited.label(entry) in re.sub(r"<[^>]+>", "", page), key
