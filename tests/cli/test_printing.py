"""What is printed: names of any bytes, streams of any encoding or none, tables of which nothing is cut."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from experiments.recording import show
from nflib import images
from nflib._texts import shown
from nflib.study.bradley_terry import fit
from tests.helpers.commands import run
from tests.helpers.folders import smooth_photo

NAMES = (
    *(b"bad\xff\xfe.png", b"new\nline.png", b"\x1b[31mred.png", b"-dash.png", b"two  spaces.png"),
    *("\u202ertl.png".encode(), b"[bold]m.png", b":smile:.png", b"x" * 251 + b".png"),
)
PROGRAM = "import sys; from nflib.cli import app; app()"


def nflib(*arguments: object, closed: str = "", **env: str) -> subprocess.CompletedProcess:
    """The real program; ``closed`` are redirections of a shell, such as "2>&-"."""
    command = ["sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, "-c", PROGRAM, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, env={**os.environ, **env})


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("names")
    for seed, name in enumerate(NAMES):
        images.write(made / os.fsdecode(name), smooth_photo(seed, 24, 24))
    (made / "broken\n.png").write_bytes(b"x")
    return made


def test_shown() -> None:
    assert shown("a  b\n\t\x1b[2J\u202e日本é") == "a  b\\n\\t\\x1b[2J\\u202e日本é"
    assert shown(os.fsdecode(b"\xff.png")) == "\\xff.png"


def test_no_name_stops_a_folder(folder, tmp_path) -> None:
    done = run("degrade", folder, "--model", "white:12", "--out", tmp_path / "out")
    assert done.exit_code == 1
    assert "broken\\n.png: not an image" in done.stderr
    assert {file.name for file in (tmp_path / "out").glob("*.png")} == {os.fsdecode(n) for n in NAMES}
    again = run("degrade", folder, "--model", "white:12", "--out", tmp_path / "out")
    assert "is complete" in again.stdout
    assert not list((tmp_path / "out").glob(".*"))


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "cp1252"])
def test_tables_cut_nothing(folder, tmp_path, encoding) -> None:
    words = ("evaluate", folder, folder, "--metrics", "ssim", "--per-image")
    done = nflib(*words, PYTHONIOENCODING=encoding, COLUMNS="20")
    assert done.returncode == 1
    text = done.stdout.decode(encoding)
    for name in NAMES:
        (row,) = [line for line in text.splitlines() if shown(os.fsdecode(name)) in line]
        assert "1.0000" in row
    assert "\x1b" not in text


def test_streams_that_are_not_there(folder) -> None:
    photos = folder / "-dash.png"
    for closed in (">&-", "2>&-", "<&- >&- 2>&-"):
        assert nflib("evaluate", folder, folder, "--metrics", "psnr", closed=closed).returncode == 1, photos
    gone = nflib("models", closed="| head -1")
    assert gone.stderr == b""
    full = nflib("models", closed="> /dev/full")
    assert full.returncode == 2
    assert full.stderr.decode() == "nflib: No space left on device\n"


def test_an_error_is_one_line_of_bounded_length(tmp_path) -> None:
    done = run("models", "x\n" * 4000)
    assert done.exit_code == 2
    assert done.stderr.count("\n") == 1
    assert len(done.stderr) < 2100
    assert done.stderr.startswith("nflib: x\\nx\\n")


def test_an_empty_text_is_no_path(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = run("degrade", tmp_path, "--model", "white:12", "--out", "")
    assert done.exit_code == 2
    assert "--out" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--samples", 10**9), "nflib: samples must be at most 100,000, got 1000000000\n"),
        (("--device", "cuda:99"), "nflib: device cuda:99 cannot be used here: "),
    ],
)
def test_numbers_beyond_all_bounds(folder, tmp_path, words, message) -> None:
    done = run("degrade", folder / "two  spaces.png", "--model", "white:12", "--out", tmp_path / "o", *words)
    assert done.exit_code == 2
    assert done.stderr.startswith(message)
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "o").exists()


def test_tables_are_printed_in_one_way() -> None:
    """A console of its own width cuts numbers where a terminal is narrow."""
    root = Path(__file__).parents[2]
    files = [file for folder in ("nflib", "experiments") for file in (root / folder).rglob("*.py")]
    own = [file.relative_to(root).as_posix() for file in files if "Console(" in file.read_text("utf-8")]
    assert own == ["nflib/cli/printing.py"]


def test_tables_of_experiments_and_studies_cut_nothing(monkeypatch, capsys) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    names = ["method " + 60 * letter for letter in "ab"]
    show(
        "a title",
        ("method", *(f"column {i}" for i in range(12))),
        [(name, *range(10**9, 10**9 + 12)) for name in names],
    )
    lines = capsys.readouterr().out.splitlines()
    for name in names:
        row = next(line for line in lines if name in line)
        assert all(str(10**9 + i) in row for i in range(12))
    table = fit(np.array([[0.0, 123456.0], [234567.0, 0.0]]), ["a\nb", names[1]]).table().splitlines()
    assert len(table) == 4
    assert "a\\nb" in table[2]
    assert "123456 of 358023" in table[2]
