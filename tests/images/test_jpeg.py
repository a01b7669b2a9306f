"""JPEG as a stage, and its text."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from nflib.images import JPEG, parse_stage
from tests.helpers.folders import random_images


@pytest.mark.parametrize(("subsampling", "number"), [("4:4:4", 0), ("4:2:2", 1), ("4:2:0", 2)])
def test_it_is_what_a_file_of_pillow_holds(subsampling, number) -> None:
    (image,) = random_images((21, 34))
    file = io.BytesIO()
    pixels = (255 * image).round().byte().permute(1, 2, 0).numpy()
    Image.fromarray(pixels).save(file, "JPEG", quality=37, subsampling=number)
    expected = torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1)
    assert torch.equal((JPEG(37, subsampling)(image) * 255).round().byte(), expected)


def test_batches_and_what_is_out_of_range() -> None:
    images = torch.stack(random_images((16, 24), (16, 24)))
    stage = JPEG(50)
    assert torch.equal(stage(images), torch.stack([stage(image) for image in images]))
    assert torch.equal(stage(2 * images.double() - 0.5), stage((2 * images.double() - 0.5).clamp(0, 1)))
    assert stage(images.double()).dtype == torch.float64


@pytest.mark.parametrize(
    ("text", "stage"),
    [
        ("jpeg:62", JPEG(62)),
        ("jpeg:62:420", JPEG(62)),
        ("jpeg:5:444", JPEG(5, "4:4:4")),
        ("jpeg:100:422", JPEG(100, "4:2:2")),
        ("", None),
        ("none", None),
    ],
)
def test_texts(text, stage) -> None:
    assert parse_stage(text) == stage
    assert stage is None or parse_stage(str(stage)) == stage


@pytest.mark.parametrize(
    "text",
    ["jpeg", "jpeg:", "jpeg:0", "jpeg:101", "jpeg:6.5", "jpeg:-3", "jpeg:6:411", "jpeg:6:444:1", "jpg:62"],
)
def test_texts_of_nothing(text) -> None:
    with pytest.raises(ValueError, match=f"^{text}: expected jpeg:QUALITY or jpeg:QUALITY:SUBSAMPLING"):
        parse_stage(text)


def test_stages_that_cannot_be() -> None:
    with pytest.raises(ValueError, match="quality must be a whole number from 1 to 100, got 0"):
        JPEG(0)
    with pytest.raises(ValueError, match="subsampling must be 4:4:4, 4:2:2, 4:2:0, got '4:1:1'"):
        JPEG(50, "4:1:1")
