"""Tables of recorded restorers, against numbers worked out by hand."""

from __future__ import annotations

import pytest

from nflib.metrics.comparisons import markdown, table

RUNS = {
    "white": {
        "0": {"psnr": [30.0, 32.0], "ssim": [0.8, 0.9]},
        "1": {"psnr": [31.0, 32.0], "ssim": [0.8, 0.8]},
    },
    "patches": {
        "1": {"psnr": [32.0, 32.0], "ssim": [0.9, 0.9]},
        "2": {"psnr": [99.0, 99.0], "ssim": [0.9, 0.9]},
    },
    "true": {
        "0": {"psnr": [33.0, 33.0], "ssim": [0.9, 0.9]},
        "1": {"psnr": [33.0, 34.0], "ssim": [0.9, 0.9]},
    },
}


def test_means_spreads_and_fractions() -> None:
    white, patches, true = table(RUNS)
    assert [row["trained on"] for row in (white, patches, true)] == list(RUNS)
    assert white["psnr"] == pytest.approx(31.25)  # 31 and 31.5
    assert white["psnr spread"] == pytest.approx(0.5 / 2**0.5)
    assert white["ssim"] == pytest.approx(0.825)
    assert white["fraction of each seed"] == [0, 0]
    # only seed 1 has all three: (32 - 31.5) / (33.5 - 31.5)
    assert patches["fraction of each seed"] == pytest.approx([0.25])
    assert patches["fraction"] == pytest.approx(0.25)
    assert true["fraction of each seed"] == [1, 1]


def test_one_seed_has_no_spread_and_no_truth_no_fraction() -> None:
    (row,) = table({"white": {"0": RUNS["white"]["0"]}})
    assert row["psnr spread"] is None
    assert "fraction" not in row
    assert markdown([row]) == "| trained on | PSNR | SSIM |\n| --- | --- | --- |\n| white | 31.00 | 0.850 |"


def test_markdown_with_further_columns() -> None:
    lines = markdown(table(RUNS), {"paper": {"true": "36.83"}}).splitlines()
    assert lines[0] == "| trained on | PSNR | SSIM | fraction, of each seed | paper |"
    assert lines[2] == "| white | 31.25 ± 0.35 | 0.825 ± 0.035 | 0.00: 0.00 0.00 |  |"
    assert lines[4].endswith("| 1.00: 1.00 1.00 | 36.83 |")
    assert {line.count("|") for line in lines} == {6}


def test_no_seed_in_common() -> None:
    rows = table({**RUNS, "patches": {"2": RUNS["patches"]["2"]}})
    assert rows[1]["fraction"] is None
    assert "| - |" in markdown(rows).splitlines()[3]
