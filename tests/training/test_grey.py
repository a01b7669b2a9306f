"""Folders of grey photos: every training takes them, and what is made of grey photos has no tint."""

from pathlib import Path

import pytest
import torch

from nflib import images, units
from nflib.data import PairedImages
from nflib.data.pairs import DegradedLowResolution
from nflib.degraders import White
from nflib.images import Picture, read_picture, write
from nflib.pipeline import degrade, restore
from nflib.training import (
    TRAININGS,
    Running,
    affine_deflow,
    deflow,
    ludvae,
    train_denoiser,
    train_law,
    unpaired,
)
from tests.helpers.folders import smooth_photo

SIGMA = 0.05


@pytest.fixture
def folders(tmp_path) -> Path:
    for name, seed, sigma in (("clean", 0, 0.0), ("degraded", 10, SIGMA)):
        (tmp_path / name).mkdir()
        for i in range(3):
            photo = 0.4 + 0.2 * smooth_photo(seed + i, 96, 112)
            noise = torch.randn(1, 96, 112, generator=units.generator(seed + i))
            grey = (photo[1:2] + sigma * noise).clamp(0, 1).expand(3, -1, -1)
            write(tmp_path / name / f"{i}.png", grey, like=Picture(grey, grey=True))
    return tmp_path


def noise_of(folders: Path, model: Path) -> torch.Tensor:
    """What a model adds to a grey photo, which must have stayed one."""
    degrade(folders / "clean" / "0.png", model, folders / "out", device="cpu")
    result = read_picture(folders / "out" / "0.png")
    assert result.grey
    return result.pixels[0] - images.read(folders / "clean" / "0.png")[0]


def test_the_law_of_grey_photos(folders) -> None:
    noise = noise_of(folders, train_law(folders / "clean", folders / "degraded", folders / "run"))
    assert abs(noise.std().item() / SIGMA - 1) < 0.15


@pytest.mark.parametrize("name", ["deflow", "ludvae", "affine-deflow", "noise-flow"])
def test_trainings(folders, monkeypatch, name) -> None:
    monkeypatch.setattr(deflow, "START_CROPS", 64)
    monkeypatch.setattr(affine_deflow, "START_CROPS", 64)
    monkeypatch.setattr(ludvae, "NOISE_CROPS", 32)
    monkeypatch.setattr(unpaired, "VALIDATION_CROPS", 64)
    monkeypatch.setattr(unpaired, "LIMIT_CROPS", 16)
    file = TRAININGS[name].train(
        folders / "clean",
        folders / "degraded",
        folders / "run",
        steps=1,
        batch=2,
        crop=32,
        last_stage="none",
        running=Running(device="cpu"),
    )
    noise = noise_of(folders, file)
    # the start in closed form has the strength that it finds in few small windows
    assert 0.5 < noise.std().item() / SIGMA < 1.5


def test_pairs_of_grey_photos_are_grey() -> None:
    grey, colours = torch.rand(1, 20, 20).expand(3, -1, -1), torch.rand(3, 20, 20)
    data = PairedImages([grey, colours], crop=8, degrader=White(0.1), seed=1)
    for clean, noisy in data.__getitems__(list(range(8))):
        is_grey = bool((clean == clean[:1]).all())
        assert bool((noisy == noisy[:1]).all()) == is_grey
        assert not torch.equal(clean, noisy)
    for _, low in DegradedLowResolution([grey], 2, 8, seed=1, degrader=White(0.1)).__getitems__([0, 1]):
        assert (low == low[:1]).all()


def test_a_denoiser_of_grey_photos(folders) -> None:
    file = train_denoiser(
        folders / "clean",
        White(SIGMA),
        folders / "run",
        steps=1,
        batch=2,
        crop=32,
        running=Running(device="cpu"),
    )
    restore(folders / "degraded", file, folders / "restored", device="cpu")
    assert all(read_picture(result).grey for result in (folders / "restored").glob("*.png"))
