"""JPEG found in pixels: against Pillow's files, and against pictures that never were any."""

import io
import time

import numpy as np
import pytest
import torch
from PIL import Image

from nflib.data import photos
from nflib.images import JPEG, resize
from nflib.noise import find_jpeg
from nflib.noise.jpeg import _tables
from tests.helpers.folders import random_images

PHOTOS = {name: photo for name, photo in photos().items() if name in ("astronaut", "coffee", "motorcycle")}
COFFEE = PHOTOS["coffee"]
QUALITIES = (*range(5, 100, 5), 98)


def decoded(image, **how) -> torch.Tensor:
    """(3, H, W) through a JPEG file of Pillow's."""
    file = io.BytesIO()
    Image.fromarray((255 * image).round().byte().permute(1, 2, 0).numpy()).save(file, "JPEG", **how)
    return torch.from_numpy(np.array(Image.open(file).convert("RGB"))).permute(2, 0, 1) / 255


def test_the_tables_are_those_of_libjpeg() -> None:
    for quality in range(1, 101):
        file = io.BytesIO()
        Image.new("RGB", (8, 8)).save(file, "JPEG", quality=quality)
        tables = Image.open(file).quantization
        assert [list(table[quality - 1]) for table in _tables()] == [list(tables[0]), list(tables[1])]


@pytest.mark.parametrize("name", PHOTOS)
@pytest.mark.parametrize("quality", QUALITIES)
def test_twenty_qualities_of_three_photos_are_exact(name, quality) -> None:
    found = find_jpeg(JPEG(quality)(PHOTOS[name]))
    assert (found.quality, found.standard, found.offset) == (quality, True, (0, 0))
    assert found.subsampling == "4:2:0" or (quality >= 95 and found.subsampling is None)


@pytest.mark.parametrize("quality", [9, 24, 36, 49, 61, 74, 76, 84, 91, 96, 99])
def test_other_qualities_than_multiples_of_five(quality) -> None:
    assert find_jpeg(JPEG(quality)(COFFEE)).quality == quality


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("quality", [10, 40, 62, 90])
def test_subsampling_and_crops(subsampling, quality) -> None:
    top, left = quality % 11, quality % 7
    found = find_jpeg(JPEG(quality, subsampling)(PHOTOS["coffee"])[:, top:, left:])
    assert (found.quality, found.subsampling) == (quality, subsampling)
    assert found.offset == (-top % 8, -left % 8)


def test_every_offset() -> None:
    image = JPEG(62)(PHOTOS["astronaut"][:, :264, :264])
    for offset in range(64):
        top, left = divmod(offset, 8)
        found = find_jpeg(image[:, top:, left:])
        assert (found.quality, found.offset) == (62, (-top % 8, -left % 8))


def ramp(height: int, width: int, *slopes: float) -> torch.Tensor:
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([(slope * (x + 0.7 * y)).clamp(0, 255).round() / 255 for slope in slopes])


def checks(side: int) -> torch.Tensor:
    y, x = torch.meshgrid(torch.arange(200), torch.arange(240), indexing="ij")
    return (((y // side + x // side) % 2) * 100.0 + 50).expand(3, -1, -1) / 255


NEVER = {
    **PHOTOS,
    "noisy": COFFEE + 12 / 255 * torch.randn(COFFEE.shape, generator=torch.Generator().manual_seed(0)),
    "saturated": 2.2 * COFFEE - 0.2,
    "dark": 0.2 * COFFEE,
    "grey": COFFEE.mean(0).expand(3, -1, -1),
    "gradient": ramp(256, 384, 0.3, 0.5, 0.7),
    "grey gradient": ramp(256, 384, 0.37, 0.37, 0.37),
    "flat": torch.full((3, 128, 128), 0.5),
    "white": torch.ones(3, 128, 128),
    "checks of 8": checks(8),
    "checks of 4": checks(4),
    "each pixel 8 times": COFFEE[:, :60, :60].repeat_interleave(8, 1).repeat_interleave(8, 2),
    "white noise": random_images((200, 200))[0],
    "half of a JPEG": resize(JPEG(50)(COFFEE), 0.5),
    "twice a JPEG": resize(JPEG(50)(COFFEE[:, :200, :200]), 2),
    "nearly a JPEG": resize(JPEG(80)(COFFEE), 0.9),
    "two grey levels after JPEG": JPEG(62)(COFFEE)
    + 2 / 255 * torch.randn(COFFEE.shape, generator=torch.Generator().manual_seed(1)),
}


@pytest.mark.parametrize("name", NEVER)
def test_never_a_jpeg(name) -> None:
    found = find_jpeg((NEVER[name].clamp(0, 1) * 255).round() / 255)
    assert found.quality is None
    assert found.stage is None
    assert found.margin < 6 or "after JPEG" in name
    assert "JPEG" in str(found) or found.undecided


@pytest.mark.parametrize("size", [(1, 1), (7, 300), (8, 8), (16, 24), (32, 32)])
def test_of_too_little_nothing_is_said(size) -> None:
    found = find_jpeg(JPEG(30)(COFFEE[:, : size[0], : size[1]]))
    assert found.undecided
    assert str(found) == "too small to tell"


def test_grey_photos() -> None:
    file = io.BytesIO()
    Image.fromarray((255 * COFFEE.mean(0)).byte().numpy()).save(file, "JPEG", quality=71)
    grey = torch.from_numpy(np.array(Image.open(file))).expand(3, -1, -1) / 255
    found = find_jpeg(grey)
    assert (found.quality, found.subsampling, found.stage) == (71, None, JPEG(71))


@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_other_tables_are_said_to_be_others(subsampling) -> None:
    spread = np.random.default_rng(0).uniform(0.7, 1.3, (2, 64))
    tables = [
        np.maximum(table[69] * ratio, 1).astype(int).tolist() for table, ratio in zip(_tables(), spread)
    ]
    found = find_jpeg(decoded(COFFEE, qtables=tables, subsampling=subsampling))
    assert not found.standard
    assert found.quality is not None
    assert abs(found.quality - 70) <= 4
    assert found.subsampling == ["4:4:4", "4:2:2", "4:2:0"][subsampling]
    assert "own table" in str(found)


def test_the_last_of_two_jpegs() -> None:
    assert find_jpeg(JPEG(40)(JPEG(90)(COFFEE))).quality == 40
    assert find_jpeg(JPEG(75)(JPEG(60)(COFFEE)[:, 3:, 5:])).offset == (0, 0)


def test_a_large_photo_takes_less_than_a_second() -> None:
    large = JPEG(80)(PHOTOS["motorcycle"]).repeat(1, 6, 5)
    find_jpeg(COFFEE)  # tables, once
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    begun = time.process_time()
    found = find_jpeg(large)
    torch.set_num_threads(threads)
    assert time.process_time() - begun < 1
    assert found.quality in (80, None)  # copies begin off the grid


def test_what_is_no_image() -> None:
    with pytest.raises(ValueError, match=r"image must be \(3, H, W\), got \(1, 8, 8\)"):
        find_jpeg(torch.zeros(1, 8, 8))
