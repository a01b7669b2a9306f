"""Published numbers that the book quotes: whole tables, and the same number wherever it stands.

The LUD-VAE paper prints some results in several of its tables; so do the chapters.
"""

from __future__ import annotations

import json
import re

from experiments.recording import ROOT

BOOK = ROOT / "book"
ROWS = {"table 1": 10, "table 2": 6, "table 3": 10, "table 4": 12, "table 8": 4}


def cell(chapter: str, name: str) -> str:
    notebook = json.loads((BOOK / f"{chapter}.ipynb").read_text(encoding="utf-8"))
    return next("".join(c["source"]) for c in notebook["cells"] if c["id"] == name)


def tables() -> dict[str, dict[str, list[str]]]:
    """Table -> method -> entries, of chapter 11."""
    namespace: dict = {}
    exec(cell("11_restoration", "ch11-published"), namespace)
    found = {}
    for name, text in namespace["PAPER"].items():
        _, *lines = text.strip("\n").splitlines()
        rows = ([entry.strip() for entry in line.split("|")] for line in lines)
        found[name] = {method: entries for method, *entries in rows}
    return found


def test_tables_have_all_their_rows() -> None:
    found = tables()
    assert {name: len(rows) for name, rows in found.items()} == ROWS
    for rows in found.values():
        shapes = {tuple(entry.count("/") for entry in row if entry != "-") for row in rows.values()}
        assert len({len(row) for row in rows.values()}) == 1
        assert len({count for shape in shapes for count in shape}) == 1


def test_the_same_result_is_the_same_number_in_every_table() -> None:
    found = tables()
    aim, ntire = found["table 1"]["LUD-VAE"]
    benchmark, validation, _ = found["table 3"]["LUD-VAE"]
    table5 = dict(re.findall(r'"(n2c|c2n)": "([^"]+)"', cell("10_lud_vae", "ch10-109")))
    table6 = dict(re.findall(r'(\(\d+, \d+\)): "([^"]+)"', cell("10_lud_vae", "ch10-112")))
    table7 = dict(re.findall(r'(\d): "([^"]+)"', cell("10_lud_vae", "ch10-118")))
    assert (len(table5), len(table6), len(table7)) == (2, 6, 5)
    assert table5["c2n"].split() == [*benchmark.split(" / "), *validation.split(" / ")]
    assert table6["(15, 10)"].split()[:3] == aim.split(" / ")
    assert table7["3"].split() == [*aim.split(" / "), *found["table 8"]["LUD-VAE"]]

    quoted = {
        name: [entry.strip() for entry in entries.split("|")]
        for name, entries in re.findall(
            r"^\| ([A-Z]+\d*)(?:, [^|]*)? \|(.*)\|$", cell("12_at_scale", "ch12-106"), re.M
        )
    }
    names = ("DeFlow-NP", "DeFlow, pre-trained", "LUD-VAE")
    for data, column in (("AIM19", 0), ("NTIRE20", 1)):
        assert quoted[data][1:] == [*(found["table 1"][m][column] for m in names), "not given"]
    for data, column in (("SIDD", 0), ("DND", 2)):
        assert quoted[data][1:] == [found["table 3"][m][column] for m in (*names, "DnCNN")]
    assert quoted["LOL"][3:] == [found["table 4"][m][0] for m in ("LUD-VAE", "LLFlow")]
    assert (aim, ntire) == (quoted["AIM19"][3], quoted["NTIRE20"][3])


def test_seconds_of_table_8_in_chapter_12() -> None:
    text = cell("12_at_scale", "ch12-029")
    for name in ("DeFlow", "LUD-VAE"):
        assert f'("{name}, an image", {tables()["table 8"][name][1]}, ' in text
