"""What a model was taught on, and photos that are something else."""

import math

import pytest
import torch

from nflib.noise import SeenContent
from nflib.units import generator


def waves(level: float, contrast: float, period: float) -> torch.Tensor:
    """Stripes (3, 128, 128) about a level."""
    across = torch.arange(128.0)
    stripe = level + contrast * torch.sin(2 * math.pi * across / period)
    return stripe.expand(3, 128, 128).clone()


@pytest.fixture(scope="module")
def smooth() -> SeenContent:
    return SeenContent.of([waves(level, 0.02, 80) for level in (0.3, 0.4, 0.5)])


def test_its_own_photos_are_inside(smooth) -> None:
    assert smooth.outside(waves(0.4, 0.02, 80)) == {}
    assert max(smooth.darkest) < 0.3 < 0.5 < min(smooth.brightest)


def test_noise_makes_no_photo_another(smooth) -> None:
    noisy = waves(0.4, 0.02, 80) + 0.1 * torch.randn(3, 128, 128, generator=generator(0))
    assert smooth.outside(noisy.clamp(0, 1)) == {}


@pytest.mark.parametrize(
    ("photo", "what"),
    [
        (waves(0.1, 0.02, 80), "too dark"),
        (waves(0.8, 0.02, 80), "too bright"),
        (waves(0.4, 0.25, 24), "too rough"),
    ],
)
def test_other_photos_are_outside_and_it_says_how(smooth, photo, what) -> None:
    found = smooth.outside(photo)
    assert found[what] > 0.9


def test_a_small_part_is_not_worth_a_word(smooth) -> None:
    photo = waves(0.4, 0.02, 80)
    photo[:, :16, :64] = 0.9
    assert smooth.outside(photo) == {}
    photo[:, :64] = 0.9
    assert 0.3 < smooth.outside(photo)["too bright"] < 0.7


def test_one_channel_is_enough(smooth) -> None:
    photo = waves(0.4, 0.02, 80)
    photo[2] += 0.4
    assert smooth.outside(photo) == {"too bright": 1.0}


def test_small_photos_say_nothing(smooth) -> None:
    assert SeenContent.of([torch.zeros(3, 20, 200)]) is None
    assert smooth.outside(torch.ones(3, 20, 200)) == {}


def test_a_large_photo_is_seen_in_all_its_parts() -> None:
    photo = torch.full((3, 1024, 1024), 0.2)
    photo[:, 512:] = 0.8
    found = SeenContent.of([photo])
    assert max(found.darkest) < 0.2
    assert min(found.brightest) > 0.8
    half = SeenContent.of([torch.full((3, 64, 64), 0.2)]).outside(photo)
    assert half["too bright"] == pytest.approx(0.5, abs=0.02)


def test_notes_bring_it_back(smooth) -> None:
    from dataclasses import asdict

    assert SeenContent.noted({"seen": asdict(smooth)}) == smooth
    assert SeenContent.noted({}) is None
    assert SeenContent.noted({"seen": None}) is None
