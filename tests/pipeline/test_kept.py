"""Results have the depth, alpha, profile and grey-ness of the images that they are made of."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

from nflib import units
from nflib.images import Picture, read_picture, write
from nflib.pipeline import degrade, restore

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.fixture
def folder(tmp_path) -> Path:
    place = tmp_path / "photos"
    place.mkdir()
    photo = torch.rand(3, 48, 56, generator=units.generator(0)) * 0.6 + 0.2
    alpha = torch.linspace(0, 1, 56).expand(1, 48, 56)
    write(place / "grey.png", photo, like=Picture(photo, grey=True))
    write(place / "deep grey.tif", photo, like=Picture(photo, alpha, grey=True, bits=16))
    write(place / "deep.png", photo, like=Picture(photo, bits=16))
    write(place / "clear.png", photo, like=Picture(photo, alpha))
    write(place / "colours.png", photo, like=Picture(photo, profile=PROFILE))
    exif = Image.Exif()
    exif[306] = "2024:01:01 00:00:00"
    Image.fromarray(np.full((48, 56, 3), 99, np.uint8)).save(place / "plain.jpg", exif=exif)
    return place


def kept(source: Path, result: Path) -> None:
    one, other = read_picture(source), read_picture(result)
    assert (other.grey, other.bits, other.profile) == (one.grey, one.bits, one.profile), source.name
    assert (other.alpha is None) == (one.alpha is None), source.name
    if one.alpha is not None:
        assert torch.equal(other.alpha, one.alpha), source.name


def test_strength_0_returns_the_same_pictures(tmp_path, folder) -> None:
    done = degrade(folder, "white:12", tmp_path / "out", tau=0)
    assert len(done.written) == 6
    assert done.lost == ("EXIF data",)
    for source in folder.iterdir():
        result = tmp_path / "out" / f"{source.stem}.png"
        kept(source, result)
        assert torch.equal(read_picture(source).pixels, read_picture(result).pixels), source.name


def test_results_of_every_kind_of_picture(tmp_path, folder) -> None:
    degrade(folder, "white:12", tmp_path / "noisy", samples=2, seed=1)
    restore(folder, "denoiser_ntire_small", tmp_path / "restored")
    for source in folder.iterdir():
        for result in (
            f"noisy/{source.stem}_1.png",
            f"noisy/{source.stem}_2.png",
            f"restored/{source.stem}.png",
        ):
            kept(source, tmp_path / result)


def test_a_grey_picture_gets_the_noise_of_a_channel(tmp_path) -> None:
    """And not the weaker one of a mean of three."""
    Image.new("L", (300, 200), 128).save(tmp_path / "a.png")
    degrade(tmp_path / "a.png", "white:12", tmp_path / "out")
    with Image.open(tmp_path / "out" / "a.png") as image:
        assert image.mode == "L"
        levels = np.asarray(image, np.float64)
    # 60,000 pixels: standard error 12 / sqrt(120,000), and rounding adds 1/12 to the variance
    assert abs(levels.std() - np.sqrt(144 + 1 / 12)) < 4 * 12 / np.sqrt(120_000)


def test_alpha_is_enlarged_with_the_picture(tmp_path) -> None:
    photo = torch.rand(3, 24, 20, generator=units.generator(0))
    write(tmp_path / "a.png", photo, like=Picture(photo, torch.full((1, 24, 20), 0.4)))
    restore(tmp_path / "a.png", "refiner_x2_ntire_small", tmp_path / "out")
    picture = read_picture(tmp_path / "out" / "a.png")
    assert picture.alpha is not None
    assert picture.alpha.shape == (1, 48, 40)
    assert (picture.alpha - 0.4).abs().max() < 0.5 / 255
