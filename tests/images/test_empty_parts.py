"""Parts of images in which nothing is to be seen."""

import pytest
import torch

from nflib.images import clipped_parts, constant_parts, empty_parts, empty_share


def photo() -> torch.Tensor:
    return torch.rand(1, 3, 40, 60, generator=torch.Generator().manual_seed(0)) * 0.8 + 0.1


def test_a_photo_without_empty_parts_has_none() -> None:
    image = photo()
    image[0, 0, 3, 4] = 1.0  # one pixel, or a line of them, may be clipped by the noise
    image[0, :, 20] = 0.0
    assert not empty_parts(image).any()


@pytest.mark.parametrize(("value", "clipped"), [(1.0, True), (254 / 255, True), (0.0, True), (0.5, False)])
def test_a_background_is_found_to_the_pixel(value, clipped) -> None:
    image = photo()
    image[..., 23:] = value
    expected = torch.zeros(1, 40, 60, dtype=torch.bool)
    expected[..., 23:] = True
    assert torch.equal(constant_parts(image), expected)
    assert torch.equal(clipped_parts(image), expected & clipped)
    assert torch.equal(empty_parts(image), expected)
    assert torch.equal(empty_parts(image, constant=False), expected & clipped)


def test_one_channel_may_be_clipped_alone() -> None:
    image = photo()
    image[0, 2, :10, :10] = 1
    assert clipped_parts(image)[0, :10, :10].all()
    assert not constant_parts(image).any()


def test_shares_of_a_photo_in_strips() -> None:
    image = photo()[0].repeat(1, 20, 1)
    image[:, :, 45:] = 1
    image[:, :100, :45] = 0.4
    saturated, constant = empty_share(image)
    assert saturated == pytest.approx(0.25)
    assert constant == pytest.approx(100 * 45 / (800 * 60))
