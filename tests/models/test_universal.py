"""The bundled denoiser that knows no camera: on noise of several kinds and strengths, and on none."""

import pytest
import torch
from typer.testing import CliRunner

import nflib
from nflib import data, degraders, metrics
from nflib.cli import app
from nflib.degraders import AIM, NTIRE, Camera, White
from nflib.models import RestorationNet
from nflib.pipeline import UNIVERSAL


@pytest.fixture(scope="module")
def model() -> RestorationNet:
    return nflib.load(UNIVERSAL)


def crops() -> list:
    return [photo[:, :192, :256] for photo in data.photos("validation").values()]


@torch.no_grad()
def gain(model, degrade) -> float:
    """By how many dB the worse of two photos, which it has not seen, is nearer to the truth than before."""
    gains = []
    for clean in crops():
        noisy = clean if degrade is None else degrade(clean, generator=torch.Generator().manual_seed(0))
        restored = model(noisy[None]).clamp(0, 1)
        gains.append((metrics.psnr(restored, clean[None]) - metrics.psnr(noisy[None], clean[None])).item())
    return min(gains)


@pytest.mark.parametrize(
    ("degrade", "least"),
    [
        (NTIRE(), 3),
        (Camera(), 3),
        (AIM(), 0.3),
        (White(5 / 255), 0.5),
        (White(8 / 255), 2),
        (White(25 / 255), 6),
        (degraders.Composed(White(15 / 255), degraders.load("jpeg:80")), 2),
    ],
    ids=str,
)
def test_noise_of_any_kind_becomes_less(model, degrade, least) -> None:
    assert gain(model, degrade) > least


@torch.no_grad()
def test_what_is_clean_stays(model) -> None:
    """But for the finest fur, which is taken for noise of two grey levels."""
    for clean in crops():
        assert metrics.psnr(model(clean[None]).clamp(0, 1), clean[None]) > 41


@torch.no_grad()
def test_patches_of_strong_colour_are_not_taken_for_noise(model) -> None:
    """Colours at random in cells of 16 pixels, which no photo has: with a little noise they lose little."""
    coarse = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(9))
    clean = torch.nn.functional.interpolate(coarse, 128, mode="bicubic").clamp(0, 1)
    noisy = White(5 / 255)(clean, generator=torch.Generator().manual_seed(0))
    assert metrics.psnr(model(noisy).clamp(0, 1), clean) > metrics.psnr(noisy, clean)


def test_it_saw_no_photo_of_validation() -> None:
    """Its notes name Kodak's photos; the last six are kept for tables."""
    from experiments.photos import KODAK_VALIDATION

    noted = nflib.checkpoints.describe(UNIVERSAL).notes
    assert "not for validation" in noted["data"]
    assert not any(f" {number}," in noted["data"] for number in KODAK_VALIDATION)
    assert noted["steps"] == sum(recipe["steps"] for recipe in noted["recipes"])


def test_restore_uses_it_where_no_model_is_named_and_says_so(tmp_path) -> None:
    nflib.images.write(tmp_path / "photo.png", crops()[0][:, :40, :40])
    words = ["restore", str(tmp_path / "photo.png"), "--out", str(tmp_path / "out"), "--device", "cpu"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert f"model: {UNIVERSAL}, a denoiser that knows no camera" in result.stdout
    assert (tmp_path / "out" / "photo.png").is_file()
