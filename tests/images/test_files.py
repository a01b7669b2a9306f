import io
import os
import struct
import zlib
from typing import Never

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from nflib.files import write_bytes
from nflib.images import read, write


def pixels(channels, white=255, height=6, width=5) -> np.ndarray:
    return (
        np.random.default_rng(channels)
        .integers(0, white + 1, (height, width, channels))
        .astype(np.uint8 if white == 255 else np.uint16)
    )


def expected(array) -> torch.Tensor:
    """(H, W, 3) integers -> the tensor read() should give."""
    white = 255 if array.dtype == np.uint8 else 65535
    return torch.from_numpy(array.astype(np.float64) / white).permute(2, 0, 1).float()


def png(array, bits, colour_type) -> bytes:
    """A PNG built by hand, so that reading is not tested with our own writing."""
    height = array.shape[0]
    raw = np.frombuffer(array.astype(">u2" if bits == 16 else "u1").tobytes(), np.uint8).reshape(height, -1)
    lines = b"".join(b"\0" + row.tobytes() for row in raw)

    def chunk(name, body) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", array.shape[1], height, bits, colour_type, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(lines))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".TIFF"])
def test_eight_bit_colour(tmp_path, suffix) -> None:
    array = pixels(3)
    Image.fromarray(array).save(tmp_path / f"a{suffix}")
    image = read(tmp_path / f"a{suffix}")
    assert image.dtype == torch.float32
    assert image.is_contiguous()
    assert torch.equal(image, expected(array))
    assert torch.equal(read(str(tmp_path / f"a{suffix}")), image)


@pytest.mark.parametrize(("bits", "white"), [(8, 255), (16, 65535)])
def test_png_of_every_kind(tmp_path, bits, white) -> None:
    file = tmp_path / "a.png"
    grey, rgb = pixels(1, white), pixels(3, white)
    file.write_bytes(png(grey, bits, 0))
    assert torch.equal(read(file), expected(grey.repeat(3, -1)))
    file.write_bytes(png(rgb, bits, 2))
    assert torch.equal(read(file), expected(rgb))
    opaque = np.full_like(grey, white)
    file.write_bytes(png(np.concatenate([rgb, opaque], -1), bits, 6))
    assert torch.equal(read(file), expected(rgb))
    half = np.full_like(grey, white // 5)  # one fifth, exactly
    file.write_bytes(png(np.concatenate([rgb, half], -1), bits, 6))
    torch.testing.assert_close(read(file), expected(rgb) * 0.2 + 0.8)
    file.write_bytes(png(np.concatenate([grey, opaque], -1), bits, 4))
    torch.testing.assert_close(
        read(file), expected(grey.repeat(3, -1)), atol=0 if bits == 8 else 1 / 255, rtol=0
    )


def test_sixteen_bits_are_not_cut_to_eight(tmp_path) -> None:
    ramp = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1).repeat(3, -1)
    (tmp_path / "a.png").write_bytes(png(ramp, 16, 2))
    assert len(read(tmp_path / "a.png")[1].unique()) == 65536


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"byteorder": ">"},
        {"compression": "deflate"},
        {"compression": "deflate", "predictor": True, "byteorder": ">"},
        {"planarconfig": "separate"},
    ],
)
def test_sixteen_bit_tiff(tmp_path, options) -> None:
    array = pixels(3, 65535)
    stored = array.transpose(2, 0, 1) if "planarconfig" in options else array
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", **options)
    assert torch.equal(read(tmp_path / "a.tif"), expected(array))


def test_grey_and_bilevel_tiff_with_pillows_compressions(tmp_path) -> None:
    grey = pixels(1, 65535)
    Image.fromarray(grey[..., 0]).save(tmp_path / "a.tif", compression="tiff_lzw")
    assert torch.equal(read(tmp_path / "a.tif"), expected(grey.repeat(3, -1)))
    Image.fromarray(np.eye(4, dtype=bool)).save(tmp_path / "b.tif")
    assert torch.equal(read(tmp_path / "b.tif"), torch.eye(4).expand(3, 4, 4))


@pytest.mark.parametrize("channels", [1, 3])
def test_float_tiff(tmp_path, channels) -> None:
    values = np.random.default_rng(0).random((6, 5, channels)).astype(np.float32)
    file = tmp_path / "a.tif"
    tifffile.imwrite(file, values.squeeze(), photometric="rgb" if channels == 3 else "minisblack")
    assert torch.equal(read(file)[channels - 1], torch.from_numpy(values[..., channels - 1]))
    values[0, 0, 0] = np.nan
    tifffile.imwrite(file, values.squeeze(), photometric="rgb" if channels == 3 else "minisblack")
    with pytest.raises(
        ValueError, match=r"a\.tif: cannot be read as an image: images must be finite, got 1 NaN"
    ):
        read(file)
    values[0, 0, 0] = 1
    tifffile.imwrite(file, values.squeeze() * 200, photometric="rgb" if channels == 3 else "minisblack")
    with pytest.raises(ValueError, match=r"a\.tif: .*must lie in \[0, 1\].* to 200"):
        read(file)


def test_palette_with_and_without_transparency(tmp_path) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putpixel((1, 0), 1)
    image.save(tmp_path / "a.png")
    red_blue = torch.tensor([[[1.0, 0]], [[0, 0]], [[0, 1]]])
    assert torch.equal(read(tmp_path / "a.png"), red_blue)
    image.save(tmp_path / "b.png", transparency=1)
    assert torch.equal(read(tmp_path / "b.png"), torch.tensor([[[1.0, 1]], [[0, 1]], [[0, 1]]]))


def test_cmyk(tmp_path) -> None:
    Image.new("CMYK", (4, 3), (0, 255, 255, 0)).save(tmp_path / "a.tif")
    assert torch.equal(read(tmp_path / "a.tif")[:, 0, 0], torch.tensor([1.0, 0, 0]))
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=100)
    torch.testing.assert_close(
        read(tmp_path / "a.jpg")[:, 0, 0], torch.tensor([1.0, 0, 0]), atol=0.02, rtol=0
    )


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(tmp_path, orientation, suffix) -> None:
    """Shown upright: row 0 and column 0 of the stored pixels belong where the EXIF standard says."""
    array = pixels(3)
    exif = Image.Exif()
    exif[274] = orientation
    Image.fromarray(array).save(tmp_path / f"a{suffix}", exif=exif)
    image = read(tmp_path / f"a{suffix}")
    corner = {1: (0, 0), 2: (0, -1), 3: (-1, -1), 4: (-1, 0), 5: (0, 0), 6: (0, -1), 7: (-1, -1), 8: (-1, 0)}[
        orientation
    ]
    along_row = {
        1: (0, 1),
        2: (0, -2),
        3: (-1, -2),
        4: (-1, 1),
        5: (1, 0),
        6: (1, -1),
        7: (-2, -1),
        8: (-2, 0),
    }[orientation]
    stored = expected(array)
    assert image.shape[1:] == ((6, 5) if orientation < 5 else (5, 6))
    assert torch.equal(image[:, corner[0], corner[1]], stored[:, 0, 0])
    assert torch.equal(image[:, along_row[0], along_row[1]], stored[:, 0, 1])


def test_exif_orientation_of_a_sixteen_bit_tiff(tmp_path) -> None:
    array = pixels(3, 65535)
    for name, options in (("a.tif", {}), ("b.tif", {"planarconfig": "separate"})):
        stored = array.transpose(2, 0, 1) if options else array
        tifffile.imwrite(
            tmp_path / name, stored, photometric="rgb", extratags=[(274, "H", 1, 6, True)], **options
        )
        assert torch.equal(read(tmp_path / name), expected(array).transpose(-1, -2).flip(-1))


def bad_files(folder) -> dict[str, str]:
    whole = io.BytesIO()
    Image.fromarray(pixels(3, height=64, width=64)).save(whole, "PNG")
    jpeg = io.BytesIO()
    Image.fromarray(pixels(3, height=64, width=64)).save(jpeg, "JPEG")
    huge = png(np.zeros((1, 1, 3), np.uint8), 8, 2)
    bomb_header = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    bomb = huge[:16] + bomb_header + struct.pack(">I", zlib.crc32(b"IHDR" + bomb_header)) + huge[33:]
    none_header = struct.pack(">IIBBBBB", 0, 5, 8, 2, 0, 0, 0)
    nothing = huge[:16] + none_header + struct.pack(">I", zlib.crc32(b"IHDR" + none_header)) + huge[33:]
    contents = {
        "empty.png": (b"", "is empty"),
        "text.jpg": (b"hello, I am not an image", "not an image"),
        "truncated.png": (whole.getvalue()[:3000], "cannot be read"),
        "truncated.jpg": (jpeg.getvalue()[: len(jpeg.getvalue()) // 2], "truncated"),
        "header.png": (whole.getvalue()[:20], "not an image|cannot be read"),
        "broken.tif": (b"II*\0" + b"\xff" * 40, "cannot be read"),
        "bomb.png": (bomb, "exceeds limit"),
        "nothing.png": (nothing, "cannot be read|not an image"),
    }
    for name, (data, _) in contents.items():
        (folder / name).write_bytes(data)
    (folder / "folder.png").mkdir()
    return {name: message for name, (_, message) in contents.items()} | {
        "folder.png": "is a folder",
        "gone.png": "no such file",
    }


def test_every_bad_file_ends_in_one_error_that_names_it(tmp_path) -> None:
    for name, message in bad_files(tmp_path).items():
        with pytest.raises(ValueError, match=message) as caught:
            read(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value), name
        assert "\n" not in str(caught.value), name


def test_a_large_image_gives_no_warning(tmp_path, monkeypatch) -> None:
    Image.fromarray(pixels(3)).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)  # 30 pixels: more than the limit, less than twice
    assert read(tmp_path / "a.png").shape == (3, 6, 5)  # warnings are errors in this suite
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with pytest.raises(ValueError, match="exceeds limit"):
        read(tmp_path / "a.png")
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((6, 5, 3), np.float32), photometric="rgb")
    with pytest.raises(ValueError, match="more than 20"):
        read(tmp_path / "a.tif")


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".tiff", ".PNG"])
def test_write_then_read(tmp_path, suffix) -> None:
    array = pixels(3)
    write(tmp_path / f"a{suffix}", expected(array))
    assert torch.equal(read(tmp_path / f"a{suffix}"), expected(array))
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / f"a{suffix}")), array)
    assert os.listdir(tmp_path) == [f"a{suffix}"]


def test_write_rounds_to_the_nearest_level(tmp_path) -> None:
    write(tmp_path / "a.png", torch.tensor([[0.4 / 255, 0.6 / 255, 254.6 / 255]]))
    assert np.asarray(Image.open(tmp_path / "a.png"))[0, :, 0].tolist() == [0, 1, 255]


def test_sixteen_bit_png(tmp_path) -> None:
    array = pixels(3, 65535, 33, 17)
    write(tmp_path / "a.png", array, bits=16)
    assert torch.equal(read(tmp_path / "a.png"), expected(array))
    header = (tmp_path / "a.png").read_bytes()[16:29]
    assert struct.unpack(">IIBBBBB", header) == (17, 33, 16, 2, 0, 0, 0)
    high = np.asarray(
        Image.open(tmp_path / "a.png")
    )  # another reader finds the upper bytes, so the file is sound
    np.testing.assert_array_equal(high, array >> 8)


def test_jpeg_quality(tmp_path) -> None:
    image = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(0))
    for quality in (95, 20):
        write(tmp_path / f"{quality}.jpg", image, quality=quality)
    errors = {q: (read(tmp_path / f"{q}.jpg") - image).square().mean() for q in (95, 20)}
    assert errors[95] < errors[20]
    assert (tmp_path / "20.jpg").stat().st_size < (tmp_path / "95.jpg").stat().st_size / 2


@pytest.mark.parametrize(
    ("name", "image", "options", "message"),
    [
        ("a.xyz", torch.rand(3, 4, 4), {}, r"cannot write \.xyz"),
        ("a", torch.rand(3, 4, 4), {}, "a name without suffix"),
        ("a.jpg", torch.rand(3, 4, 4), {"bits": 16}, "bits must be 8, or 16 for .png"),
        ("a.png", torch.rand(3, 4, 4), {"bits": 12}, "got 12"),
        ("a.jpg", torch.rand(3, 4, 4), {"quality": 0}, "quality must be 1 to 100, got 0"),
        ("a.png", torch.rand(2, 3, 4, 4), {}, "expected one image, got 2"),
        ("a.png", torch.full((3, 4, 4), 2.0), {}, r"must lie in \[0, 1\]"),
        ("a.png", torch.full((3, 4, 4), float("nan")), {}, "NaN"),
        ("no/a.png", torch.rand(3, 4, 4), {}, "does not exist"),
    ],
)
def test_bad_writes_leave_nothing(tmp_path, name, image, options, message) -> None:
    with pytest.raises(ValueError, match=message):
        write(tmp_path / name, image, **options)
    assert os.listdir(tmp_path) == []


def test_a_write_that_fails_keeps_the_old_file(tmp_path, monkeypatch) -> None:
    write_bytes(tmp_path / "a.txt", b"old")

    def full_disk(source, target) -> Never:
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", full_disk)
    with pytest.raises(OSError, match="no space left"):
        write_bytes(tmp_path / "a.txt", b"new")
    assert (tmp_path / "a.txt").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.txt"]
