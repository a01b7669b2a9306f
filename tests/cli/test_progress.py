"""Long commands say what they begin, and how far they are, without a terminal too."""

from importlib import import_module

import torch

from nflib import images
from tests.helpers.commands import run
from tests.helpers.folders import folder_of_noise, named_folder


def test_the_first_line_of_a_job_on_images(tmp_path) -> None:
    named_folder(tmp_path / "in", a=(20, 24), b=(20, 24))
    out = tmp_path / "out"
    done = run("degrade", tmp_path / "in", "--model", "white:9", "--out", out, "--device", "cpu")
    assert done.stderr.splitlines()[0] == (
        f"degrade: 2 of 2 photos, on cpu, {torch.get_num_threads()} threads, results in {out}"
    )
    (out / "a.png").unlink()
    again = run("degrade", tmp_path / "in", "--model", "white:9", "--out", out, "--device", "cpu")
    assert again.stderr.startswith("degrade: 1 of 2 photos")


def test_tiles_of_one_photo_are_counted(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(import_module("nflib.cli.app"), "BETWEEN_LINES", 0.0)
    images.write(tmp_path / "a.png", torch.full((3, 150, 70), 0.5))
    how = ("--model", "denoiser_ntire_small", "--out", tmp_path / "out", "--tile", "64", "--device", "cpu")
    lines = run("restore", tmp_path / "a.png", *how).stderr.splitlines()
    counted = [line.split(",")[0] for line in lines if line.startswith("tiles: ")]
    assert counted == [f"tiles: {number} of 6" for number in range(7)]


def test_the_first_line_of_a_training(tmp_path) -> None:
    folder = folder_of_noise(tmp_path / "in", 0.1, 0)
    how = ("--hr", folder, "--scale", "2", "--steps", "2", "--batch", "2", "--crop", "16", "--device", "cpu")
    done = run("train", "rrdb", *how, "--out", tmp_path / "run")
    assert done.exit_code == 0, done.output
    first = next(line for line in done.stderr.splitlines() if line.startswith("RRDB: "))
    assert first.startswith("RRDB: 3 photos, 2 steps of 2 crops, on cpu, ")
    assert first.endswith(f"written to {tmp_path / 'run'}")
    longer = run("train", "rrdb", *how, "--out", tmp_path / "run", "--resume", "--steps", "4")
    assert "RRDB: 3 photos, step 2 to 4 of 2 crops" in longer.stderr
