"""JPEG in folders: headers, pixels, majorities."""

import pytest
import torch
from PIL import Image

from nflib import images
from nflib.data import photos
from nflib.images import JPEG
from nflib.noise import FolderTraces, JPEGTrace, find_jpeg_in_file, find_jpeg_in_folder

COFFEE = photos()["coffee"][:, :240, :320]


def pillow(image) -> Image.Image:
    return Image.fromarray((255 * image).round().byte().permute(1, 2, 0).numpy())


def test_a_jpeg_file_is_read_by_its_header(tmp_path) -> None:
    flat = torch.full((3, 24, 24), 0.5)  # the pixels say nothing
    for quality, subsampling, name in ((62, 2, "4:2:0"), (100, 0, "4:4:4"), (7, 1, "4:2:2")):
        pillow(flat).save(tmp_path / "a.jpg", quality=quality, subsampling=subsampling)
        found = find_jpeg_in_file(tmp_path / "a.jpg")
        assert (found.quality, found.subsampling, found.standard) == (quality, name, True)
    pillow(flat).convert("L").save(tmp_path / "grey.jpg", quality=33)
    assert find_jpeg_in_file(tmp_path / "grey.jpg") == JPEGTrace(33, None)
    pillow(flat).save(tmp_path / "own.jpg", quality="web_low")
    found = find_jpeg_in_file(tmp_path / "own.jpg")
    assert not found.standard
    images.write(tmp_path / "a.png", JPEG(55)(COFFEE))
    assert find_jpeg_in_file(tmp_path / "a.png").quality == 55
    (tmp_path / "bad.png").write_text("nothing")
    with pytest.raises(ValueError, match=r"bad\.png"):
        find_jpeg_in_file(tmp_path / "bad.png")


def test_the_majority_of_a_folder(tmp_path) -> None:
    for i in range(3):
        images.write(tmp_path / f"{i}.png", JPEG(62)(COFFEE.roll(16 * i, 2)))
    images.write(tmp_path / "never.png", COFFEE)
    images.write(tmp_path / "tiny.png", COFFEE[:, :9, :9])
    (tmp_path / "bad.png").write_text("nothing")
    found = find_jpeg_in_folder(tmp_path)
    assert found.stage == JPEG(62)
    assert str(found) == "JPEG 4:2:0, quality 62 (3 of 5 photos)"
    assert found.counts["no JPEG"] == 1
    assert find_jpeg_in_folder([COFFEE, COFFEE]).stage is None
    assert find_jpeg_in_folder([JPEG(30)(COFFEE)]).stage == JPEG(30)


def test_a_majority_must_be_one() -> None:
    def of(*qualities) -> FolderTraces:
        return FolderTraces(tuple(JPEGTrace(quality, "4:4:4", blocks=99) for quality in qualities))

    assert of(60, 61, 63).stage == JPEG(61, "4:4:4")
    assert str(of(60, 61, 63)) == "JPEG 4:4:4, quality about 61 (3 of 3 photos)"
    assert of(60, None).stage is None  # not more than half
    assert of(20, 50, 80).stage is None  # no two alike
    assert str(of(20, 50, 80)) == "no JPEG in common (3 of 3 photos)"
    assert of(90, 90, 90, 20).stage == JPEG(90, "4:4:4")
    assert of().stage is None
    assert str(of(None)) == "no JPEG"


def test_no_more_than_twelve_are_looked_at(tmp_path) -> None:
    for i in range(30):
        pillow(torch.full((3, 8, 8), 0.5)).save(tmp_path / f"{i:02d}.jpg", quality=10 + i)
    qualities = [trace.quality for trace in find_jpeg_in_folder(tmp_path).traces]
    assert len(qualities) == 12
    assert qualities[0] == 10
    assert qualities[-1] >= 36  # spread over all
