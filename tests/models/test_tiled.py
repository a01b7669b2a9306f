"""Super-resolution in tiles: what the whole image gives, away from where a tile cannot see far enough."""

import pytest
import torch

from nflib.models import RRDBConfig, SRFlow, SRFlowConfig
from nflib.models.tiled import super_resolve_tiled

CONFIG = SRFlowConfig(RRDBConfig(4, 4, 2, 1), taps=(0,), levels=3, steps=1, transitions=1, hidden=4)


def model(scale=4, levels=3):
    torch.manual_seed(0)
    net = SRFlow(SRFlowConfig(RRDBConfig(scale, 4, 2, 1), taps=(0,), levels=levels, steps=1, transitions=1, hidden=4)).double()
    net.nll(torch.rand(4, 3, 8 * scale, 8 * scale).double(), torch.rand(4, 3, 8, 8).double())  # ActNorm
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, dtype=parameter.dtype))
    return net.eval()


def both(net, height, width, tile, overlap, n=1, tau=0.9):
    lr = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(1)).double()
    whole = net.super_resolve(lr, tau, n, torch.Generator().manual_seed(2))
    return whole, super_resolve_tiled(net, lr, tau, n, torch.Generator().manual_seed(2), tile, overlap)


@pytest.mark.parametrize("scale, levels", [(4, 3), (2, 2), (8, 3)])
def test_tiled_equals_whole_away_from_the_borders_of_tiles(scale, levels):
    """Two tiles, 0 to 96 and 64 to 160: each is exact as far from its inner border as the networks see."""
    whole, tiled = both(model(scale, levels), 40, 160, tile=96, overlap=32)
    assert whole.std() > 0.05
    reach = 30
    for columns in (slice(0, scale * (96 - reach - 2)), slice(scale * (64 + reach + 2), None)):
        torch.testing.assert_close(whole[..., columns], tiled[..., columns], rtol=0, atol=1e-9)


def test_with_a_large_overlap_there_is_no_seam_at_all():
    whole, tiled = both(model(), 40, 192, tile=160, overlap=128, n=2)
    torch.testing.assert_close(whole, tiled, rtol=0, atol=1e-9)
    assert not torch.equal(tiled[0], tiled[1])


def test_noise_is_indexed_by_position():
    """Independent noise in each tile would differ from the whole by as much as two samples do."""
    net = model()
    whole, tiled = both(net, 96, 96, tile=64, overlap=16)
    other = net.super_resolve(torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(1)).double(), 0.9, 1, torch.Generator().manual_seed(3))
    assert (whole - tiled).abs().mean() < 0.02 * (whole - other).abs().mean()


@pytest.mark.parametrize("height, width", [(31, 33), (70, 41), (97, 130)])
def test_any_size(height, width):
    net = model()
    whole, tiled = both(net, height, width, tile=32, overlap=8, n=2)
    assert tiled.shape == whole.shape == (2, 1, 3, 4 * height, 4 * width)
    assert torch.isfinite(tiled).all() and 0 <= tiled.min() and tiled.max() <= 1


def test_a_small_image_is_not_cut():
    whole, tiled = both(model(), 40, 48, tile=64, overlap=16)
    assert torch.equal(whole, tiled)


def test_tiles_are_never_larger_than_asked(monkeypatch):
    net, sizes = model(), []
    prepare = net.prepare
    monkeypatch.setattr(net, "prepare", lambda lr: sizes.append(tuple(lr.shape[2:])) or prepare(lr))
    super_resolve_tiled(net, torch.rand(1, 3, 100, 200).double(), tile=64, overlap=16)
    assert set(sizes) == {(64, 64)} and len(sizes) == 2 * 4


@pytest.mark.parametrize("tile, overlap", [(65, 16), (64, 15), (64, 64)])
def test_tiles_that_cannot_be(tile, overlap):
    with pytest.raises(ValueError, match="multiples of 2"):
        super_resolve_tiled(model(), torch.rand(1, 3, 100, 100).double(), tile=tile, overlap=overlap)
