from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from nflib.images import joined, pad_to_multiple
from nflib.images.tiling import joined_strips, overlap_of


def noise(*shape) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("shape", [(5, 7), (8, 16), (1, 1), (1, 3), (2, 2), (3, 17)])
@pytest.mark.parametrize("multiple", [1, 4, 8, 32])
def test_padding_is_numpys_reflection_and_crop_takes_it_back(shape, multiple) -> None:
    x = noise(2, 3, *shape)
    padded, crop = pad_to_multiple(x, multiple)
    more = [-n % multiple for n in shape]
    expected = np.pad(x.numpy(), [(0, 0), (0, 0), (0, more[0]), (0, more[1])], mode="reflect")
    np.testing.assert_array_equal(padded.numpy(), expected)
    assert torch.equal(crop(padded), x)


def test_crop_of_an_enlarged_result() -> None:
    x = noise(3, 5, 7)
    padded, crop = pad_to_multiple(x, 4)
    enlarged = padded.repeat_interleave(2, -1).repeat_interleave(2, -2)
    assert torch.equal(crop(enlarged), x.repeat_interleave(2, -1).repeat_interleave(2, -2))
    with pytest.raises(ValueError, match="8x8 or a whole multiple, got 4x4"):
        crop(padded[..., :4, :4])


def untouched(x, *, scale=1, tile=None, overlap=0, change=lambda part: part) -> tuple[torch.Tensor, list]:
    """An image that comes back through windows, and the shapes of the windows."""
    shapes = []

    def compute(window) -> Iterator[Any]:
        part = window(x)
        shapes.append(tuple(part.shape[-2:]))
        yield change(part).repeat_interleave(scale, -1).repeat_interleave(scale, -2)

    empty = x.new_zeros(1, *x.shape[:-2], scale * x.shape[-2], scale * x.shape[-1])
    return joined(compute, empty, scale=scale, tile=tile, overlap=overlap)[0], shapes


@pytest.mark.parametrize(
    ("shape", "tile", "overlap"),
    [
        ((50, 70), 16, 4),
        ((50, 70), 16, 0),
        ((40, 40), 16, 12),
        ((10, 33), 16, 5),
        ((1, 1), 8, 3),
        ((16, 16), 16, 8),
    ],
)
@pytest.mark.parametrize("scale", [1, 4])
def test_untouched_windows_give_the_image(shape, tile, overlap, scale) -> None:
    x = noise(2, 3, *shape).double()
    result, shapes = untouched(x, scale=scale, tile=tile, overlap=overlap)
    expected = x.repeat_interleave(scale, -1).repeat_interleave(scale, -2)
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-15)
    assert set(shapes) == {(min(shape[0], tile), min(shape[1], tile))}


@pytest.mark.parametrize("tile", [None, 16, 400])
def test_an_image_within_a_window_comes_back_bit_for_bit(tile) -> None:
    x = noise(1, 3, 16, 13)
    result, shapes = untouched(
        x, tile=tile, overlap=0 if tile is None else 8, change=lambda part: 2 * part - 1
    )
    assert torch.equal(result, 2 * x - 1)
    assert shapes == [(16, 13)]


def test_windows_that_differ_fade_into_each_other() -> None:
    """Windows of 0, 1, 2 ... in a row: between neighbours the value rises smoothly, without a jump at the
    seam.
    """
    count = iter(range(9))
    empty = torch.zeros(1, 1, 1, 16, 52)

    def compute(window) -> Iterator[torch.Tensor]:
        yield torch.full_like(window(empty[0]), float(next(count)))

    row = joined(compute, empty, tile=16, overlap=8)[0, 0, 0, 8]
    steps = row.diff()
    assert row[0] == 0
    assert row[-1] == next(count) - 1
    assert (steps >= 0).all()
    assert steps.max() < 0.5


@pytest.mark.parametrize(
    ("tile", "overlap", "multiple", "found"),
    [(None, None, 8, 0), (64, None, 8, 16), (640, None, 8, 128), (96, 32, 8, 32)],
)
def test_overlap(tile, overlap, multiple, found) -> None:
    assert overlap_of(tile, overlap, most=128, multiple=multiple) == found


def test_bad_arguments() -> None:
    x = noise(3, 8, 8)
    with pytest.raises(ValueError, match="multiple must be at least 1, got 0"):
        pad_to_multiple(x, 0)
    with pytest.raises(ValueError, match="non-zero size"):
        pad_to_multiple(x[:, :0], 4)
    with pytest.raises(ValueError, match="tile must be a multiple of 8, got 20"):
        overlap_of(20, None, most=128, multiple=8)
    for overlap in (4, -8, 64):
        with pytest.raises(
            ValueError, match="overlap must be multiples of 8|multiples of 8, overlap smaller"
        ):
            overlap_of(64, overlap, most=128, multiple=8)


@pytest.mark.parametrize(
    ("shape", "tile", "overlap"), [((50, 34), 16, 4), ((40, 40), 16, 12), ((9, 9), 16, 4)]
)
def test_strips_are_the_rows_of_what_is_joined(shape, tile, overlap) -> None:
    """From top to bottom, each row once, and never more of them than a row of windows has."""
    x, scale = noise(2, 1, 3, *shape), 2
    how = {"scale": scale, "tile": tile, "overlap": overlap}

    def compute(window) -> Iterator[torch.Tensor]:
        for one in x:  # not the same in two windows
            part = window(one)
            shifted = part + 0.1 * part.mean()
            yield shifted.repeat_interleave(scale, -1).repeat_interleave(scale, -2)

    whole = x.new_zeros(2, 1, 3, scale * shape[0], scale * shape[1])
    parts = [(rows, strip.clone()) for rows, strip in joined_strips(compute, tuple(whole.shape), x, **how)]
    assert [row for rows, _ in parts for row in range(rows.start, rows.stop)] == list(range(whole.shape[3]))
    assert max(strip.shape[3] for _, strip in parts) <= scale * tile
    assert torch.equal(torch.cat([strip for _, strip in parts], 3), joined(compute, whole, **how))
