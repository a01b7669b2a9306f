"""A disk that is full: the plain reason with the path, exit code 2, nothing half-written."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from typing import NoReturn

import pytest

from nflib import files, images
from nflib.training.state import write_state
from tests.helpers.folders import smooth_photo

# Files of the process may have so many bytes; what Linux says then is another reason, in the same place.
PROGRAM = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)),) * 2)
from nflib.cli import app
app()
"""
TRAIN = ("--degrader", "white:12", "--network", "dncnn", "--steps", "1", "--batch", "1", "--crop", "8")


@pytest.mark.parametrize(
    ("most", "command", "file"),
    [
        (1500, ("degrade", "photos", "--model", "white:12", "--out", "out"), "p.png"),
        (300, ("data", "prepare", "--source", "photos", "--target", "out", "--scales", "1"), "1x/p.png"),
        (
            3000,
            ("train", "restorer", "--task", "denoise", "--clean", "photos", "--out", "out", *TRAIN),
            "last.state",
        ),
    ],
)
def test_a_full_disk(tmp_path, most, command, file) -> None:
    pytest.importorskip("resource")
    (tmp_path / "photos").mkdir()
    images.write(tmp_path / "photos" / "p.png", smooth_photo(0, 32, 32))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(most), *command], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 2
    *begun, said = done.stderr.splitlines()
    assert said == f"nflib: out/{file}: cannot be written: {os.strerror(errno.EFBIG)}"
    # and how far it is, on a slow machine
    assert all(line.startswith(("degrade: ", "photos: ", "Restorer: ")) or not line for line in begun)
    assert not (tmp_path / "out" / file).exists()
    assert not list(tmp_path.rglob("*.part"))


class Full:
    """A file on a disk that is full."""

    def __init__(self, file):
        self.file = file

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()

    def write(self, data) -> NoReturn:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("write", [lambda p: files.write_json(p, {}), lambda p: write_state(p, {"a": 1})])
def test_what_was_there_stays(tmp_path, monkeypatch, write) -> None:
    path = tmp_path / "kept.json"
    write(path)
    before, opened = path.read_bytes(), type(path).open
    monkeypatch.setattr(type(path), "open", lambda self, *how, **more: Full(opened(self, *how, **more)))
    with pytest.raises(OSError, match="cannot be written: No space left on device") as told:
        write(path)
    monkeypatch.undo()
    assert files.reason(told.value) == f"{path}: cannot be written: No space left on device"
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["kept.json"]


def test_a_folder_in_vain_is_gone(tmp_path) -> None:
    with pytest.raises(ValueError, match="no"), files.made_folder(tmp_path / "a" / "b"):
        raise ValueError("no")
    assert list(tmp_path.iterdir()) == []
    with files.made_folder(tmp_path / "a" / "b"):
        (tmp_path / "a" / "file").touch()
    assert [file.name for file in (tmp_path / "a").iterdir()] == ["file"]
