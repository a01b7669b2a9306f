import numpy as np
import pytest
import torch

from nflib.images import pad_to_multiple, tiles


def noise(*shape):
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("shape", [(5, 7), (8, 16), (1, 1), (1, 3), (2, 2), (3, 17)])
@pytest.mark.parametrize("multiple", [1, 4, 8, 32])
def test_padding_is_numpys_reflection_and_crop_takes_it_back(shape, multiple):
    x = noise(2, 3, *shape)
    padded, crop = pad_to_multiple(x, multiple)
    more = [-n % multiple for n in shape]
    expected = np.pad(x.numpy(), [(0, 0), (0, 0), (0, more[0]), (0, more[1])], mode="reflect")
    np.testing.assert_array_equal(padded.numpy(), expected)
    assert torch.equal(crop(padded), x)


def test_crop_of_an_enlarged_result():
    x = noise(3, 5, 7)
    padded, crop = pad_to_multiple(x, 4)
    enlarged = padded.repeat_interleave(2, -1).repeat_interleave(2, -2)
    assert torch.equal(crop(enlarged), x.repeat_interleave(2, -1).repeat_interleave(2, -2))
    with pytest.raises(ValueError, match="8x8 or a whole multiple, got 4x4"):
        crop(padded[..., :4, :4])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    "shape, size, overlap",
    [((50, 70), 16, 4), ((50, 70), 16, 0), ((40, 40), 16, 12), ((10, 33), 16, 5), ((1, 1), 8, 3), ((16, 16), 16, 8)],
)
def test_untouched_tiles_give_the_image_bit_for_bit(shape, size, overlap, dtype):
    x = noise(2, 3, *shape).to(dtype)
    pieces, join = tiles(x, size, overlap)
    assert {tuple(p.shape) for p in pieces} == {(2, 3, size, size)}
    assert torch.equal(join(pieces), x)
    pointwise = [2 * p - 1 for p in pieces]
    assert torch.equal(join(pointwise), 2 * x - 1)


def test_tiles_overlap_as_asked_and_cover_everything():
    positions = torch.arange(50 * 70, dtype=torch.float64).view(1, 50, 70)
    pieces, _ = tiles(positions, 16, 4)
    assert set(torch.cat([p.flatten() for p in pieces]).tolist()) == set(range(50 * 70))
    assert (pieces[0][0, :, -4:] == pieces[1][0, :, :4]).all()


def test_tiles_that_differ_fade_into_each_other():
    """Tiles of 0, 1, 2 ... in a row: between neighbours the value rises smoothly, without a jump at the seam."""
    pieces, join = tiles(torch.zeros(1, 16, 52), 16, 4)
    row = join([torch.full_like(p, float(i)) for i, p in enumerate(pieces)])[0, 8]
    steps = row.diff()
    assert row[0] == 0 and row[-1] == len(pieces) - 1
    assert (steps >= 0).all() and steps.max() < 0.5


def test_enlarged_tiles_join_too():
    x = noise(3, 20, 27)
    pieces, join = tiles(x, 8, 2)
    enlarged = [p.repeat_interleave(4, -1).repeat_interleave(4, -2) for p in pieces]
    assert torch.equal(join(enlarged), x.repeat_interleave(4, -1).repeat_interleave(4, -2))


def test_bad_arguments():
    x = noise(3, 8, 8)
    with pytest.raises(ValueError, match="multiple must be at least 1, got 0"):
        pad_to_multiple(x, 0)
    with pytest.raises(ValueError, match="non-zero size"):
        pad_to_multiple(x[:, :0], 4)
    with pytest.raises(ValueError, match="overlap must be from 0 to size - 1 = 3, got 4"):
        tiles(x, 4, 4)
    pieces, join = tiles(x, 4, 1)
    with pytest.raises(ValueError, match=f"expected {len(pieces)} tiles, got 1"):
        join(pieces[:1])
    with pytest.raises(ValueError, match="4x4 or a whole multiple, got 6x6"):
        join([noise(3, 6, 6)] * len(pieces))
