"""A model says which photos are unlike those that it was taught on."""

from pathlib import Path

import pytest
import torch

from nflib import checkpoints, images, pipeline, training
from nflib.noise import SeenContent
from nflib.units import generator
from tests.helpers.commands import run


def folder(where: Path, levels: list[float], noise: float, rough: float = 0.0) -> Path:
    """Photos of soft stripes about a level, with white noise; rough ones have blocks of light and dark."""
    drawn = generator(int(1000 * noise) + len(levels))
    where.mkdir()
    stripe = 0.03 * torch.sin(torch.arange(160.0) / 15)
    for number, level in enumerate(levels):
        photo = (level + stripe).expand(3, 160, 160)
        blocks = torch.rand(1, 20, 20, generator=drawn).repeat_interleave(8, 1).repeat_interleave(8, 2) - 0.5
        photo = photo + rough * blocks + noise * torch.randn(3, 160, 160, generator=drawn)
        images.write(where / f"{number}.png", photo.clamp(0, 1))
    return where


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> Path:
    where = tmp_path_factory.mktemp("taught")
    folder(where / "clean", [0.25, 0.35, 0.45, 0.55], 0.0)
    folder(where / "degraded", [0.3, 0.4, 0.5, 0.55], 0.05)
    folder(where / "alike", [0.45], 0.0)
    folder(where / "other", [0.45, 0.9], 0.0, rough=0.9)
    return where


def test_the_law_of_smooth_photos_names_the_sharp_and_bright_ones(folders, tmp_path) -> None:
    law = training.train_law(folders / "clean", folders / "degraded", tmp_path / "law")
    assert not pipeline.degrade(folders / "alike", law, tmp_path / "alike").outside
    said = pipeline.degrade(folders / "other", law, tmp_path / "other").outside
    assert [Path(line.split(": ")[0]).name for line in said] == ["0.png", "1.png"]
    assert "too rough" in said[0]
    assert "too bright" in said[1]
    # a stage after it changes nothing about what was seen
    assert pipeline.degrade(folders / "other", f"{law}+jpeg:62", tmp_path / "staged").outside


@pytest.mark.usefixtures("few_crops")
@pytest.mark.parametrize("name", ["deflow", "ludvae", "noise-flow", "restorer"])
def test_every_training_of_a_noise_notes_what_it_saw(name, folders, tmp_path) -> None:
    running = training.Running(device="cpu")
    if name == "restorer":
        done = training.train_denoiser(
            folders / "clean", "white:12", tmp_path / "run", steps=1, running=running
        )
    else:
        done = training.training(name).train(
            folders / "clean", folders / "degraded", tmp_path / "run", steps=1, running=running
        )
    seen = SeenContent.noted(checkpoints.load(done).notes)
    assert seen.outside(images.read(folders / "alike" / "0.png")) == {}
    assert "too bright" in seen.outside(images.read(folders / "other" / "1.png"))


def test_the_command_says_it_in_one_line(folders, tmp_path) -> None:
    law = training.train_law(folders / "clean", folders / "degraded", tmp_path / "law")
    done = run("degrade", folders / "other", "--model", law, "--out", tmp_path / "out")
    assert done.exit_code == 0
    said = [line for line in done.stderr.splitlines() if "taught" in line]
    assert len(said) == 1
    assert "0.png" in said[0]
