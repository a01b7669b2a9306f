"""The law of a noise: found without pairs, whatever the noise is within its class, and used like any other
model.
"""

from __future__ import annotations

import pytest
import torch

from nflib import checkpoints, degraders, images, units
from nflib.data import photos
from nflib.metrics import autocorrelation
from nflib.models import NoiseLaw
from nflib.noise import filtered_noise, flat_windows
from nflib.training import learn_law, train_law
from tests.helpers.commands import run


def scenes(count: int, seed: int) -> list[torch.Tensor]:
    """Photos of squares of 64 pixels, from dark to bright; half of them have a texture, half are flat."""
    generator = units.generator(seed)
    found = []
    for _ in range(count):
        colours = 0.15 + 0.7 * torch.rand(3, 5, 5, generator=generator)
        textured = (torch.rand(1, 5, 5, generator=generator) < 0.5).float()
        texture = 0.1 * torch.randn(1, 80, 80, generator=generator).repeat_interleave(4, 1).repeat_interleave(
            4, 2
        )
        colours, textured = (x.repeat_interleave(64, 1).repeat_interleave(64, 2) for x in (colours, textured))
        found.append((colours + textured * texture).clamp(0.05, 0.95))
    return found


def noisy(
    clean: list[torch.Tensor], gain: float, floor: float, taps: torch.Tensor, seed: int
) -> list[torch.Tensor]:
    generator = units.generator(seed)
    return [x + (gain * x + floor).sqrt() * filtered_noise(x[None], taps, generator)[0] for x in clean]


WHITE = torch.eye(3)[..., None, None]
DIAGONAL = torch.eye(3)[..., None, None] * torch.tensor([[0.8, 0.0], [0.0, 0.6]])


def learned(clean: list[torch.Tensor], degraded: list[torch.Tensor]) -> NoiseLaw:
    sides = (flat_windows(lambda i, side=side: side[i], len(side), share=0.3) for side in (clean, degraded))
    return learn_law(*sides)


@pytest.mark.parametrize(
    ("gain", "floor", "taps", "diagonal"),
    [(0.0, 0.05**2, WHITE, 0.0), (0.0, 0.05**2, DIAGONAL, 0.48), (0.01, 0.02**2, WHITE, 0.0)],
    ids=["white", "diagonal", "rises with the light"],
)
def test_strength_by_colour_and_correlation_are_found_without_pairs(gain, floor, taps, diagonal) -> None:
    law = learned(scenes(6, 0), noisy(scenes(6, 1), gain, floor, taps, 2))
    for level in (0.25, 0.5, 0.75):
        wanted = (gain * level + floor) ** 0.5
        found = law.deviation(torch.full((3, 1, 1), level)).flatten()
        assert (found / wanted - 1).abs().max() < 0.06
        grey = torch.full((1, 3, 128, 128), level)
        noise = law.degrade(grey, generator=units.generator(3)) - grey
        assert abs(noise.std().item() / wanted - 1) < 0.06
        assert abs(autocorrelation(noise, 1)[0].mean(0)[2, 2].item() - diagonal) < 0.06


def test_where_there_is_no_noise_there_is_none() -> None:
    law = learned(scenes(6, 0), scenes(6, 1))
    assert 255 * law.deviation(torch.full((3, 1, 1), 0.5)).max() < 1


def test_strength_and_size() -> None:
    law = learned(scenes(4, 0), noisy(scenes(4, 1), 0.0, 0.04**2, WHITE, 2))
    image = torch.rand(2, 3, 7, 5, generator=units.generator(0))
    assert torch.equal(law.degrade(image, 0.0), image)
    weak, strong = (
        law.degrade(torch.full((1, 3, 90, 90), 0.5), tau, units.generator(1)) for tau in (0.5, 1.0)
    )
    torch.testing.assert_close(2 * (weak - 0.5), strong - 0.5)
    assert law.samples(image, n=3, generator=units.generator(1)).shape == (3, 2, 3, 7, 5)
    for bad in ({"tau": -1.0}, {"n": 0}, {"tile": 0}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            law.samples(image, **bad)


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> tuple:
    root = tmp_path_factory.mktemp("law")
    sides = scenes(3, 0), noisy(scenes(3, 1), 0.0, 0.05**2, DIAGONAL, 2)
    for name, side in zip(("clean", "degraded"), sides, strict=True):
        (root / name).mkdir()
        for i, photo in enumerate(side):
            images.write(root / name / f"{i}.png", photo.clamp(0, 1))
    (root / "clean" / "bad.png").write_text("no image")
    return root / "clean", root / "degraded"


def test_the_command_and_every_place_that_takes_a_degrader(folders, tmp_path, caplog) -> None:
    clean, degraded = folders
    result = run("train", "law", "--clean", clean, "--degraded", degraded, "--out", tmp_path / "run")
    file = tmp_path / "run" / "model.safetensors"
    assert result.exit_code == 0, result.output
    level, written, tried = result.stdout.splitlines()
    assert level.startswith("noise at middle grey: 1")
    assert written == f"model written to {file}"
    assert tried.startswith(f"Try: nflib degrade {clean}")
    assert "bad.png" in caplog.text
    law = checkpoints.load(file)
    assert law.notes["clean"].startswith("3 photos")
    assert run("degrade", degraded, "--model", file, "--out", tmp_path / "made").exit_code == 0
    degrade = degraders.load(file)
    photo = next(iter(photos().values()))[:, :40, :50]
    assert torch.equal(
        degrade(photo, 1.0, units.generator(1)), degraders.load(file)(photo, 1.0, units.generator(1))
    )
    (tmp_path / "run" / "last.state").write_text("")
    with pytest.raises(ValueError, match="holds a run of another training"):
        train_law(clean, degraded, tmp_path / "run")


def test_folders_without_anything_to_see(folders, tmp_path) -> None:
    (tmp_path / "small").mkdir()
    images.write(tmp_path / "small" / "a.png", torch.full((3, 8, 8), 0.5))
    with pytest.raises(ValueError, match="small: 1 of 1 photos can be read; no window of 32x32"):
        train_law(tmp_path / "small", folders[1], tmp_path / "out")
    assert not (tmp_path / "out").exists()
