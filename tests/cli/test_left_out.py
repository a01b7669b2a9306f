"""Commands say once what they pass over, and what results do not have."""

from pathlib import Path

import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from nflib import images
from nflib.cli import app


@pytest.fixture
def folder(tmp_path) -> Path:
    place = tmp_path / "photos"
    (place / "more").mkdir(parents=True)
    for i in range(2):
        images.write(place / f"{i}.png", torch.rand(3, 72, 84, generator=torch.Generator().manual_seed(i)))
    for name in ("a.heicx", "b.heicx", "notes.txt"):
        (place / name).write_bytes(b"")
    return place


LINE = "left out: 2 .heicx, 1 .txt, 1 folder"


def test_of_a_folder_of_photos(tmp_path, folder) -> None:
    commands = [
        ["degrade", folder, "--model", "white:12", "--out", tmp_path / "out"],
        ["evaluate", folder, folder, "--metrics", "psnr"],
        ["data", "prepare", "--source", folder, "--target", tmp_path / "scales", "--scales", "1"],
        ["train", "law", "--clean", folder, "--degraded", folder, "--out", tmp_path / "run"],
    ]
    for arguments in commands:
        done = CliRunner().invoke(app, [str(argument) for argument in arguments])
        assert done.stderr.count(f"{folder}: {LINE}\n") == 1, arguments
    single = ["degrade", folder / "0.png", "--model", "white:12", "--out", tmp_path / "one"]
    assert "left out" not in CliRunner().invoke(app, [str(part) for part in single]).output


def test_what_results_do_not_have(tmp_path, folder) -> None:
    data = Image.Exif()
    data[306] = "2024:01:01 00:00:00"
    Image.new("RGB", (20, 20)).save(folder / "c.jpg", exif=data)
    Image.new("CMYK", (20, 20)).save(folder / "d.jpg", exif=data)
    arguments = ["degrade", str(folder), "--model", "white:12", "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0
    assert "not in the results: EXIF data (2 images), colours beyond RGB (1 images)\n" in done.stderr
