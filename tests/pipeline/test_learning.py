"""From two folders to a restorer in one command: what it leaves, that it goes on, what it says meanwhile."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any, NoReturn

import pytest
import torch
from typer.testing import CliRunner

from nflib import checkpoints, images, units
from nflib.cli import app
from nflib.models import NoiseLaw, RestorationNet
from nflib.pipeline import LearnedRestorer, learn_restorer
from nflib.training.stopping import Stopped
from tests.helpers.folders import smooth_photo


@pytest.fixture
def folders(tmp_path) -> Path:
    """Clean photos, and noisy ones of other scenes, of deviation 0.05."""
    noise = units.generator(1)
    for side, seeds, sigma in (("clean", (0, 1), 0), ("degraded", (2, 3), 0.05)):
        (tmp_path / side).mkdir()
        for seed in seeds:
            image = 0.4 + 0.2 * smooth_photo(seed, 96, 112)  # with little content beside the noise
            image = image + sigma * torch.randn(image.shape, generator=noise)
            images.write(tmp_path / side / f"{seed}.png", image.clamp(0, 1))
    return tmp_path


def learn(folders: Path, **how) -> LearnedRestorer:
    usual: dict[str, Any] = {"steps": 3, "device": "cpu"} | how
    return learn_restorer(folders / "clean", folders / "degraded", folders / "out", **usual)


def test_it_leaves_a_law_a_restorer_and_examples(folders) -> None:
    said: list[str] = []
    made = learn(folders, say=said.append)
    assert [line.partition(":")[0] for line in said] == ["1 of 3", "2 of 3", "3 of 3"]
    law, restorer = checkpoints.load(made.law), checkpoints.load(made.restorer)
    assert isinstance(law, NoiseLaw)
    assert isinstance(restorer, RestorationNet)
    assert restorer.notes["degrader"] == str(made.law)
    assert "7 photos" in restorer.notes["crops"]  # two of the folder and five bundled ones
    assert made.noise == pytest.approx((12.75,) * 3, rel=0.15)  # white noise of 0.05
    assert [file.name for file in made.examples] == ["2.png", "3.png"]
    degraded = images.read(folders / "degraded" / "2.png")
    shown = images.read(made.examples[0])
    assert torch.equal(shown[:, :, : degraded.shape[2]], degraded)
    assert shown.shape[2] == 2 * degraded.shape[2]
    report = json.loads((folders / "out" / "report.json").read_text())
    assert report["restorer"]["steps"] == 3


def test_called_again_it_does_nothing_twice_and_refuses_another_job(folders, monkeypatch) -> None:
    first = learn(folders)
    for name in ("train_law", "train_denoiser"):
        monkeypatch.setattr(f"nflib.pipeline.learning.{name}", None)
    assert learn(folders) == first
    with pytest.raises(ValueError, match="was begun with other seed; choose another folder"):
        learn(folders, seed=1)
    images.write(folders / "degraded" / "3.png", torch.rand(3, 64, 64))
    with pytest.raises(ValueError, match="was begun with other degraded; choose another folder"):
        learn(folders)


def test_a_folder_of_something_else_is_refused(folders) -> None:
    (folders / "out").mkdir()
    (folders / "out" / "mine.txt").write_text("mine")
    with pytest.raises(ValueError, match="is not empty and holds no such job"):
        learn(folders)
    assert [file.name for file in (folders / "out").iterdir()] == ["mine.txt"]


def test_the_command_says_what_it_hands_back_and_the_next_one(folders, monkeypatch) -> None:
    out = folders / "out"
    words = ["train", "all", "--clean", folders / "clean", "--degraded", folders / "degraded", "--out", out]
    result = CliRunner().invoke(app, [*map(str, words), "--steps", "2", "--device", "cpu"])
    assert result.exit_code == 0, result.output
    last = out / "restorer" / "model.safetensors"
    assert f"model written to {last}\n" in result.stdout
    assert f"Try: nflib restore {folders / 'degraded'} --model {last}" in result.stdout
    assert "Restoration: " in result.stderr  # a line of progress, though nobody has a terminal


def test_stopped_it_says_how_it_goes_on(folders, monkeypatch) -> None:
    def stop(*arguments: Any, **options: Any) -> NoReturn:
        raise Stopped(signal.SIGTERM, 40, folders)

    monkeypatch.setattr("nflib.pipeline.learning.train_denoiser", stop)
    words = ["train", "all", "--clean", folders / "clean", "--degraded", folders / "degraded"]
    result = CliRunner().invoke(app, [*map(str, words), "--out", str(folders / "out"), "--device", "cpu"])
    assert result.exit_code == 143
    assert f"{folders / 'out'}: stopped at step 40; the same command goes on" in result.stderr
