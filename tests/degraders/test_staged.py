"""JPEG and plain functions as degraders, and whatever is called like one."""

import pickle
from typing import Any

import pytest
import torch

from nflib import degraders, images, units
from nflib.degraders import Function, Stage, as_degrader
from nflib.images import JPEG

CLEAN = torch.rand(2, 3, 24, 40, generator=units.generator(0))


def brighter(clean, strength, generator) -> torch.Tensor:
    """A function as a user writes it."""
    return clean + strength * 0.1 * torch.rand(clean.shape, generator=generator)


def test_jpeg_alone_and_after_another() -> None:
    stage = degraders.load("jpeg:62:444")
    assert stage == Stage(JPEG(62, "4:4:4"))
    for strength in (0.3, 1.0):
        assert torch.equal(stage(CLEAN, strength), JPEG(62, "4:4:4")(CLEAN))
    assert torch.equal(stage(CLEAN, 0.0), CLEAN)
    both = degraders.load("ntire+jpeg:30")
    noisy = degraders.degrade_ntire(CLEAN, 0.5, units.generator(1))
    assert torch.equal(both(CLEAN, 0.5, units.generator(1)), JPEG(30)(noisy))
    assert torch.equal(both(CLEAN, 0.0), CLEAN)
    three = degraders.load("dark+white:3+jpeg:80")
    dark = degraders.load("dark+white:3")(CLEAN, 1.0, units.generator(2))
    assert torch.equal(three(CLEAN, 1.0, units.generator(2)), JPEG(80)(dark))


def test_a_batch_is_each_alone() -> None:
    both = degraders.load("ntire+jpeg:30")
    together = both.each(CLEAN, 1.0, [units.generator(1), units.generator(2)])
    for image, made, seed in zip(CLEAN, together, (1, 2)):
        assert torch.equal(made, both(image, 1.0, units.generator(seed)))


def test_plus_signs_in_names_of_files(tmp_path) -> None:
    folder = tmp_path / "a+b"
    folder.mkdir()
    images.write(folder / "photo.png", 0.4 + 0.2 * torch.rand(3, 96, 96, generator=units.generator(0)))
    found = degraders.load(f"patches:{folder}+jpeg:50")
    assert found.then == Stage(JPEG(50))
    assert isinstance(degraders.load(f"patches:{folder}"), degraders.NoisePatches)


def test_a_function_is_a_degrader() -> None:
    made = as_degrader(brighter)
    expected = brighter(CLEAN, 0.5, units.generator(3)).clamp(0, 1)
    assert torch.equal(made(CLEAN, 0.5, units.generator(3)), (expected * 255).round() / 255)
    assert torch.equal(made(CLEAN, 0.0), CLEAN)
    assert pickle.loads(pickle.dumps(made)) == made
    together = made.each(CLEAN, 1.0, [units.generator(1), units.generator(2)])
    assert torch.equal(together[1], made(CLEAN[1], 1.0, units.generator(2)))


def test_whatever_is_called_alike() -> None:
    class Other:
        def __call__(self, clean, strength=1.0, generator=None):
            return 1 - clean

    assert torch.equal(as_degrader(Other())(CLEAN), ((1 - CLEAN) * 255).round() / 255)
    white = degraders.White(0.1)
    assert as_degrader(white) is white
    assert as_degrader("camera") is degraders.degrade_camera
    with pytest.raises(ValueError, match="must be a name, a file, a Degrader or a function .*, got int"):
        as_degrader(3)


@pytest.mark.parametrize("wrong", [lambda x, s, g: x[..., 1:], lambda x, s, g: None])
def test_a_function_that_makes_something_else(wrong: Any) -> None:
    with pytest.raises(
        ValueError, match=r"the function made .* of \(2, 3, 24, 40\), expected the same shape"
    ):
        Function(wrong)(CLEAN)


@pytest.mark.skipif(torch.cuda.is_available(), reason="CUDA is here")
def test_a_device_that_is_not_here() -> None:
    with pytest.raises(ValueError, match="device cuda cannot be used here"):
        degraders.load("deflow_ntire_small", device="cuda")
