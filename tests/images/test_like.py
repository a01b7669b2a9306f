"""Results keep what their source had."""

import io

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image, ImageCms

from nflib.images import Picture, read, read_picture, write
from nflib.images.writing import StripWriter
from tests.helpers import encoders

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def stored(channels: int, bits: int) -> np.ndarray:
    samples = np.random.default_rng(channels).integers(0, 2**bits, (20, 14, channels))
    return samples.astype(np.uint8 if bits == 8 else np.uint16)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_depth_alpha_and_grey_come_back(tmp_path, channels, bits, suffix) -> None:
    samples = stored(channels, bits)
    (tmp_path / "a.png").write_bytes(encoders.png(samples, bits, (0, 4, 2, 6)[channels - 1]))
    picture = read_picture(tmp_path / "a.png")
    assert (picture.grey, picture.bits, picture.alpha is not None) == (channels < 3, bits, channels in (2, 4))
    result = tmp_path / f"b{suffix}"
    write(result, picture.pixels, like=picture)
    if suffix == ".png":
        assert result.read_bytes()[24:26] == bytes([bits, (0, 4, 2, 6)[channels - 1]])
    else:
        np.testing.assert_array_equal(tifffile.imread(result).reshape(samples.shape), samples)
    assert torch.equal(read(result), read(tmp_path / "a.png"))
    again = read_picture(result)
    assert torch.equal(again.pixels, picture.pixels)
    assert (again.grey, again.bits) == (picture.grey, picture.bits)
    if picture.alpha is not None:
        assert torch.equal(again.alpha, picture.alpha)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.jpg"])
def test_profile(tmp_path, name, bits) -> None:
    with Image.new("RGB", (9, 8), "red") as image:
        image.save(tmp_path / "a.jfif", "JPEG", icc_profile=SRGB)
    picture = read_picture(tmp_path / "a.jfif")
    assert picture.profile == SRGB
    write(tmp_path / name, picture.pixels, bits if name != "a.jpg" else 8, like=picture)
    with Image.open(tmp_path / name) as image:
        assert image.info["icc_profile"] == SRGB
    assert read_picture(tmp_path / name).profile == SRGB
    assert read_picture(tmp_path / name).lost == ()


def test_deep_tiff_keeps_its_profile(tmp_path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", stored(3, 16), photometric="rgb", iccprofile=SRGB)
    picture = read_picture(tmp_path / "a.tif")
    write(tmp_path / "b.png", picture.pixels, like=picture)
    assert read_picture(tmp_path / "b.png").profile == SRGB
    assert torch.equal(read(tmp_path / "b.png"), read(tmp_path / "a.tif"))


def test_a_grey_picture_stays_grey_whatever_was_made_of_it(tmp_path) -> None:
    Image.fromarray(stored(1, 8)[..., 0]).save(tmp_path / "a.png")
    picture = read_picture(tmp_path / "a.png")
    tinted = torch.rand(3, 20, 14, generator=torch.Generator().manual_seed(0))
    write(tmp_path / "b.png", tinted, like=picture)
    with Image.open(tmp_path / "b.png") as image:
        assert image.mode == "L"
        expected = tinted.double().mean(0) * 255
        assert (torch.from_numpy(np.array(image)) - expected).abs().max() <= 0.5


def test_alpha_follows_the_size(tmp_path) -> None:
    alpha = torch.zeros(1, 8, 8)
    alpha[:, :, 4:] = 1
    picture = Picture(torch.rand(3, 8, 8), alpha)
    write(tmp_path / "a.png", torch.full((3, 32, 32), 0.2), like=picture)
    with Image.open(tmp_path / "a.png") as image:
        found = np.asarray(image)[..., 3]
    assert (found[:, :10] == 0).all()
    assert (found[:, -10:] == 255).all()
    write(tmp_path / "a.jpg", torch.zeros(3, 8, 8), quality=100, like=picture)  # no alpha: over white
    shown = read(tmp_path / "a.jpg")
    assert shown[:, :, :3].min() > 0.95
    assert shown[:, :, -3:].max() < 0.05


def test_colours_under_transparent_parts_are_kept(tmp_path) -> None:
    samples = stored(4, 8)
    samples[..., 3] = 0
    Image.fromarray(samples).save(tmp_path / "a.png")
    picture = read_picture(tmp_path / "a.png")
    assert (read(tmp_path / "a.png") == 1).all()
    write(tmp_path / "b.png", picture.pixels, like=picture)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "b.png")), samples)


def test_what_a_result_cannot_keep_is_told(tmp_path) -> None:
    exif = Image.Exif()
    exif[306] = "2024:01:01 00:00:00"
    cmyk = bytearray(SRGB)
    cmyk[16:20] = b"CMYK"
    Image.new("CMYK", (8, 8)).save(tmp_path / "a.jpg", exif=exif, icc_profile=bytes(cmyk))
    picture = read_picture(tmp_path / "a.jpg")
    assert picture.lost == ("EXIF data", "its CMYK profile", "colours beyond RGB")
    assert picture.profile == b""
    pages = io.BytesIO()
    tifffile.imwrite(pages, np.full((2, 8, 8), 0.5, np.float32), photometric="minisblack")
    (tmp_path / "a.tif").write_bytes(pages.getvalue())
    picture = read_picture(tmp_path / "a.tif")
    assert picture.lost == ("all but the first page or frame", "floats, which become 16 bits")
    assert picture.bits == 16
    assert picture.grey


def test_floats_become_sixteen_bits(tmp_path) -> None:
    values = np.random.default_rng(0).random((9, 8, 3)).astype(np.float32)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="rgb")
    picture = read_picture(tmp_path / "a.tif")
    write(tmp_path / "b.tif", picture.pixels, like=picture)
    assert abs(tifffile.imread(tmp_path / "b.tif") - values * 65535.0).max() <= 0.51


@pytest.mark.parametrize("grey", [True, False])
@pytest.mark.parametrize("clear", [True, False])
@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".webp"])
def test_strip_by_strip_a_file_is_the_same(tmp_path, grey, clear, suffix) -> None:
    generator = torch.Generator().manual_seed(0)
    image, alpha = torch.rand(3, 23, 17, generator=generator), torch.rand(1, 11, 8, generator=generator)
    like = Picture(image, alpha if clear else None, grey=grey, bits=16, profile=b"" if grey else SRGB)
    write(tmp_path / f"whole{suffix}", image, like=like)
    writer = StripWriter(tmp_path / f"strips{suffix}", (23, 17), like=like)
    for rows in (slice(0, 9), slice(9, 10), slice(10, 22)):
        writer.add(image[:, rows])
    with pytest.raises(ValueError, match="expected 23 rows, got 22"):
        writer.write()
    writer.add(image[:, 22:])
    writer.write()
    assert (tmp_path / f"strips{suffix}").read_bytes() == (tmp_path / f"whole{suffix}").read_bytes()
