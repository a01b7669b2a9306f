"""Images in tiles: what the whole image gives, away from where a tile cannot see far enough."""

from operator import itemgetter
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from nflib.models import LUDVAE, DeFlow, DeFlowConfig, LUDVAEConfig, RRDBConfig, SRFlow, SRFlowConfig
from nflib.models.ludvae import white
from nflib.models.ludvae.white import WhiteNoise

CONFIG = SRFlowConfig(RRDBConfig(4, 4, 2, 1), taps=(0,), levels=3, steps=1, transitions=1, hidden=4)


def model(scale=4, levels=3) -> SRFlow:
    torch.manual_seed(0)
    net = SRFlow(
        SRFlowConfig(RRDBConfig(scale, 4, 2, 1), taps=(0,), levels=levels, steps=1, transitions=1, hidden=4)
    ).double()
    net.nll(torch.rand(4, 3, 8 * scale, 8 * scale).double(), torch.rand(4, 3, 8, 8).double())  # ActNorm
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, dtype=parameter.dtype))
    return net.eval()


def both(net, height, width, tile, overlap, n=1, tau=0.9) -> tuple[torch.Tensor, torch.Tensor]:
    lr = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(1)).double()
    whole = net.super_resolve(lr, tau, n, torch.Generator().manual_seed(2))
    return whole, net.super_resolve(lr, tau, n, torch.Generator().manual_seed(2), tile=tile, overlap=overlap)


@pytest.mark.parametrize(("scale", "levels"), [(4, 3), (2, 2), (8, 3)])
def test_tiled_equals_whole_away_from_the_borders_of_tiles(scale, levels) -> None:
    """Two tiles, 0 to 96 and 64 to 160: each is exact as far from its inner border as the networks see."""
    whole, tiled = both(model(scale, levels), 40, 160, tile=96, overlap=32)
    assert whole.std() > 0.05
    reach = 30
    for columns in (slice(0, scale * (96 - reach - 2)), slice(scale * (64 + reach + 2), None)):
        torch.testing.assert_close(whole[..., columns], tiled[..., columns], rtol=0, atol=1e-9)


def test_with_a_large_overlap_there_is_no_seam_at_all() -> None:
    whole, tiled = both(model(), 40, 192, tile=160, overlap=128, n=2)
    torch.testing.assert_close(whole, tiled, rtol=0, atol=1e-9)
    assert not torch.equal(tiled[0], tiled[1])


def test_noise_is_indexed_by_position() -> None:
    """Independent noise in each tile would differ from the whole by as much as two samples do."""
    net = model()
    whole, tiled = both(net, 96, 96, tile=64, overlap=16)
    other = net.super_resolve(
        torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(1)).double(),
        0.9,
        1,
        torch.Generator().manual_seed(3),
    )
    assert (whole - tiled).abs().mean() < 0.02 * (whole - other).abs().mean()


@pytest.mark.parametrize(("height", "width"), [(31, 33), (70, 41), (97, 130)])
def test_any_size(height, width) -> None:
    net = model()
    whole, tiled = both(net, height, width, tile=32, overlap=8, n=2)
    assert tiled.shape == whole.shape == (2, 1, 3, 4 * height, 4 * width)
    assert torch.isfinite(tiled).all()
    assert tiled.min() >= 0
    assert tiled.max() <= 1


def test_a_small_image_is_not_cut() -> None:
    whole, tiled = both(model(), 40, 48, tile=64, overlap=16)
    assert torch.equal(whole, tiled)


def test_tiles_are_never_larger_than_asked(monkeypatch) -> None:
    net, sizes = model(), []
    prepare = net.prepare
    monkeypatch.setattr(net, "prepare", lambda lr: sizes.append(tuple(lr.shape[2:])) or prepare(lr))
    net.super_resolve(torch.rand(1, 3, 100, 200).double(), tile=64, overlap=16)
    assert set(sizes) == {(64, 64)}
    assert len(sizes) == 2 * 4


class Largest(TorchDispatchMode):
    """How many numbers the largest tensor has that is made."""

    numbers = 0

    def __torch_dispatch__(self, function, types, arguments=(), options=None) -> Any:
        made = function(*arguments, **(options or {}))
        for one in made if isinstance(made, list | tuple) else [made]:
            if isinstance(one, torch.Tensor) and one.untyped_storage().nbytes():
                numbers = one.untyped_storage().nbytes() // one.element_size()
                self.numbers = max(self.numbers, numbers)
        return made


def test_strips_are_those_of_the_whole_result_which_is_never_there() -> None:
    net, lr = model(), torch.rand(1, 3, 200, 30, generator=torch.Generator().manual_seed(1)).double()
    how = {"tile": 32, "overlap": 8}
    whole = net.super_resolve(lr, 0.9, 2, torch.Generator().manual_seed(2), **how)
    with Largest() as made:
        found = list(net.super_resolve_strips(lr, 0.9, 2, torch.Generator().manual_seed(2), **how))
    assert [row for rows, _ in found for row in range(rows.start, rows.stop)] == list(range(800))
    for rows, strip in found:
        assert torch.equal(strip, whole[..., rows, :])
    assert made.numbers < whole[0].numel()  # of the latents of one sample the largest part


@pytest.mark.parametrize(("tile", "overlap"), [(65, 16), (64, 15), (64, 64)])
def test_tiles_that_cannot_be(tile, overlap) -> None:
    with pytest.raises(ValueError, match="multiples of 2"):
        model().super_resolve(torch.rand(1, 3, 100, 100).double(), tile=tile, overlap=overlap)


# ---- DeFlow


@pytest.fixture(scope="module", params=[(2, 2), (4, 3)], ids=["scale 2", "scale 4"])
def deflow(request) -> DeFlow:
    scale, levels = request.param
    torch.manual_seed(0)
    config = DeFlowConfig(
        RRDBConfig(scale, 4, 2, 1), taps=(), levels=levels, steps=1, transitions=1, hidden=4, noise=0.5
    )
    net = DeFlow(config).double()
    image = torch.rand(4, 3, 16, 16).double()
    net.nll(image, net.condition(image), ["clean", "degraded"] * 2)  # ActNorm
    with torch.no_grad():
        for parameter in [*net.encoder.parameters(), *net.flow.transform.parameters()]:
            parameter.add_(0.02 * torch.randn(parameter.shape, dtype=parameter.dtype))
    return net.eval()


def photo(height, width, seed=1) -> torch.Tensor:
    return 0.3 + 0.4 * torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed)).double()


def degraded_both(
    net, height, width, tile, overlap, tau=0.4, n=1
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    image = photo(height, width)
    whole = net.degrade(image, tau, generator=torch.Generator().manual_seed(2))
    return (
        image,
        whole,
        net.samples(image, tau, n, generator=torch.Generator().manual_seed(2), tile=tile, overlap=overlap),
    )


def test_degraded_in_tiles_equals_the_whole_away_from_the_borders_of_tiles(deflow) -> None:
    """Two tiles, 0 to 256 and 160 to 416: each is exact as far from its inner border as the networks see."""
    image, whole, tiled = degraded_both(deflow, 40, 416, tile=256, overlap=96)
    assert (whole - image).std() > 0.02
    reach = 80
    for columns in (slice(0, 256 - reach), slice(160 + reach, None)):
        torch.testing.assert_close(whole[..., columns], tiled[0][..., columns], rtol=0, atol=1e-9)


def test_degraded_with_a_large_overlap_there_is_no_seam_at_all(deflow) -> None:
    _, whole, tiled = degraded_both(deflow, 24, 432, tile=416, overlap=400)
    torch.testing.assert_close(whole, tiled[0], rtol=0, atol=1e-9)


def test_shifts_are_indexed_by_position(deflow) -> None:
    """Shifts drawn tile by tile would differ from the whole by as much as two samples do."""
    _, whole, tiled = degraded_both(deflow, 96, 96, tile=64, overlap=16)
    other = deflow.degrade(photo(96, 96), 0.4, generator=torch.Generator().manual_seed(3))
    assert (whole - tiled).abs().mean() < 0.1 * (whole - other).abs().mean()


@pytest.mark.parametrize(("height", "width"), [(1, 1), (31, 33), (13, 70)])
def test_degraded_in_tiles_of_any_size(deflow, height, width) -> None:
    image, _whole, tiled = degraded_both(deflow, height, width, tile=32, overlap=8, n=2)
    assert tiled.shape == (2, *image.shape)
    assert torch.isfinite(tiled).all()
    assert tiled.min() >= 0
    assert tiled.max() <= 1
    assert not torch.equal(tiled[0], tiled[1])


def test_of_an_image_within_a_tile_the_first_result_is_that_of_degrade(deflow) -> None:
    _, whole, tiled = degraded_both(deflow, 37, 40, tile=64, overlap=16, n=3)
    torch.testing.assert_close(whole, tiled[0], rtol=0, atol=1e-12)
    fewer = deflow.samples(
        photo(37, 40), 0.4, 2, generator=torch.Generator().manual_seed(2), tile=64, overlap=16
    )
    torch.testing.assert_close(fewer, tiled[:2], rtol=0, atol=0)


def test_tiles_without_strength_return_the_input(deflow) -> None:
    image = photo(40, 50)
    assert torch.equal(deflow.samples(image, 0.0, 2, tile=32, overlap=8), torch.stack([image, image]))


def test_the_image_is_encoded_once_for_all_results(deflow, monkeypatch) -> None:
    sizes, encode = [], deflow.encode
    monkeypatch.setattr(
        deflow,
        "encode",
        lambda image, context: sizes.append(tuple(image.shape[2:])) or encode(image, context),
    )
    deflow.samples(photo(100, 200), n=3, tile=64, overlap=16)
    assert sizes == [(64, 64)] * (2 * 4)


@pytest.mark.parametrize(
    ("changes", "message"), [({"tile": 66}, "multiples of"), ({"tau": -1.0}, "tau"), ({"n": 0}, "n must be")]
)
def test_bad_tiles_of_deflow(deflow, changes, message) -> None:
    with pytest.raises(ValueError, match=message):
        deflow.samples(photo(16, 16), **{"tile": 64, "overlap": 16, **changes})


# ---- LUD-VAE


@pytest.fixture
def blocks(monkeypatch) -> None:
    """Noise in blocks also for images that tests have."""
    monkeypatch.setattr(white, "WHOLE", 0)
    monkeypatch.setattr(white, "BLOCK", 16)


def test_windows_of_white_noise_are_parts_of_one(blocks) -> None:
    noise = WhiteNoise(
        (2, 3, 70, 45), 2, torch.zeros((), dtype=torch.float64), torch.Generator().manual_seed(0)
    )
    whole = noise.cut(lambda x: x)
    for rows in (slice(0, 70), slice(15, 17), slice(31, 70), slice(69, 70)):
        for columns in (slice(0, 45), slice(16, 32), slice(44, 45), slice(3, 40)):
            for layer, part in zip(whole, noise.cut(itemgetter((..., rows, columns))), strict=True):
                assert torch.equal(part, layer[..., rows, columns])
    values = torch.stack(whole)
    assert values.unique().numel() == values.numel()  # no number twice
    error = values.numel() ** -0.5
    assert abs(values.mean()) < 4 * error
    assert abs(values.var() - 1) < 4 * 2**0.5 * error
    again = WhiteNoise((2, 3, 70, 45), 2, values, torch.Generator().manual_seed(0))
    assert torch.equal(again.cut(lambda x: x)[1], whole[1])


def test_ludvae_in_tiles_and_blocks_equals_the_whole_and_no_layer_is_held(blocks) -> None:
    torch.manual_seed(0)
    net = LUDVAE(LUDVAEConfig(levels=1, width=8)).double().eval()
    image = photo(150, 150)
    whole = net.samples(image, n=2, generator=torch.Generator().manual_seed(2))
    with Largest() as made:
        tiled = net.samples(image, n=2, generator=torch.Generator().manual_seed(2), tile=64, overlap=40)
    torch.testing.assert_close(whole, tiled, rtol=0, atol=1e-9)
    assert not torch.equal(whole[0], whole[1])
    assert made.numbers < 8 * 150 * 150
