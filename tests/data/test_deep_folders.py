"""Folders in folders, by FOLDER/** and by --recursive."""

import json
from pathlib import Path

import pytest
import torch

from nflib.data import PairedImages
from nflib.images import list_images, read, write
from tests.helpers.commands import run
from tests.helpers.folders import smooth_photo


@pytest.fixture
def folders(tmp_path) -> Path:
    for side, sigma in (("clean", 0.0), ("degraded", 0.05)):
        for i, name in enumerate(("a.png", "x/a.png", "x/b.png")):
            file = tmp_path / side / name
            file.parent.mkdir(parents=True, exist_ok=True)
            photo = smooth_photo(i + 10 * bool(sigma), 64, 80)
            noise = torch.randn(photo.shape, generator=torch.Generator().manual_seed(i))
            write(file, (photo + sigma * noise).clamp(0, 1))
        (tmp_path / side / "x" / "loop").symlink_to(tmp_path / side)
    return tmp_path


def test_two_stars_stand_for_all_folders(folders) -> None:
    assert len(list_images(folders / "clean")) == 1
    assert list_images(folders / "clean" / "**") == list_images(folders / "clean", recursive=True)
    assert len(list_images(folders / "clean" / "**")) == 3


def test_pairs_have_equal_names_in_equal_folders(folders) -> None:
    (folders / "degraded" / "x" / "b.png").unlink()
    data = PairedImages(folders / "clean" / "**", folders / "degraded" / "**", 16)
    names = [[one.relative_to(folders).parts[1:] for one in pair] for pair in data.photos]
    assert names == [[("a.png",)] * 2, [("x", "a.png")] * 2]
    assert len(data.skipped) == 1


def test_pairs_of_two_formats_of_one_name(folders) -> None:
    for side in ("clean", "degraded"):
        write(folders / side / "a.tif", smooth_photo(5, 64, 80))
    data = PairedImages(folders / "clean", folders / "degraded", 16)
    assert [[one.name for one in pair] for pair in data.photos] == [["a.png"] * 2, ["a.tif"] * 2]
    (folders / "degraded" / "a.png").rename(folders / "degraded" / "a.bmp")
    data = PairedImages(folders / "clean", folders / "degraded", 16)
    assert [[one.name for one in pair] for pair in data.photos] == [["a.tif"] * 2]
    assert "2 files called a" in data.skipped[0]


@pytest.mark.parametrize("command", [["check", "--crop", "16"], ["train", "law"], ["train", "rrdb"]])
def test_commands(folders, command) -> None:
    sides = ["--clean", folders / "clean", "--degraded", folders / "degraded"]
    if command[-1] == "rrdb":
        how = ["--scale", "2", "--steps", "1", "--batch", "2", "--crop", "16", "--device", "cpu", "--out"]
        sides = ["--hr", folders / "clean", *how, folders / "run"]
    elif command[-1] == "law":
        sides += ["--out", folders / "run"]
    done = run(*command, *sides, "--recursive")
    assert done.exit_code in (0, 2 if command[0] == "check" else 0), done.output
    assert {"check": "│ photos         │ 3", "train": "model written to"}[command[0]] in done.output
    assert "1 folder" in done.output  # the link, which is not followed
    if command[-1] == "rrdb":
        assert "RRDB: 3 photos" in done.output


def test_evaluate_keeps_folders_apart(folders) -> None:
    (folders / "degraded" / "x" / "b.png").rename(folders / "degraded" / "b.png")
    file = folders / "scores.json"
    sides = [folders / "degraded", folders / "clean"]
    done = run("evaluate", *sides, "--metrics", "psnr", "--recursive", "--per-image", "--json", file)
    assert done.exit_code == 0, done.output
    scores = json.loads(file.read_text())["images"]
    for name in ("a.png", "x/a.png"):
        difference = read(sides[0] / name) - read(sides[1] / name)
        assert scores[name]["psnr"] == pytest.approx(
            -10 * difference.square().mean().log10().item(), abs=1e-4
        )
        assert name in done.stdout
    assert len(scores) == 2
    assert f"without a partner in {sides[0]}: 1 (b.png)" in done.stderr
    assert f"without a partner in {sides[1]}: 1 (x/b.png)" in done.stderr


def test_noise_looks_into_all_folders(folders) -> None:
    sides = ["--clean", folders / "clean", "--degraded", folders / "degraded", "--last-stage", "none"]
    assert "From 1 clean and 1 degraded" in run("noise", *sides).stdout
    assert "From 3 clean and 3 degraded" in run("noise", *sides, "--recursive").stdout
