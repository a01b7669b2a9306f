"""Flow and Dequantize: densities that integrate to one, sampling, units."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from nflib.bases import DomainGaussian
from nflib.flow import Dequantize, Flow
from nflib.transforms import (
    ActNorm,
    Affine,
    AffineCoupling,
    AffineInjector,
    InvertibleConv1x1,
    Multiscale,
    Sequential,
    Split,
    Squeeze,
    mlp,
)
from nflib.units import bits_per_dim


def moved(module, scale=0.1, seed=0) -> Any:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(scale * torch.randn(parameter.shape, generator=generator))
    return module.double().eval().requires_grad_(False)


def plane_flow(base=None, context_channels=0) -> Flow:
    return moved(
        Flow(
            Sequential(
                ActNorm(2),
                InvertibleConv1x1(2, torch.Generator().manual_seed(0)),
                AffineCoupling(2, context_channels, net=mlp),
                AffineCoupling(2, context_channels, net=mlp, swap=True),
            ),
            base,
        )
    )


@pytest.mark.parametrize("domain", ["clean", "degraded"])
def test_density_integrates_to_one(domain) -> None:
    flow = plane_flow(DomainGaussian(2))
    reach = (
        flow.sample((20_000, 2), domain=domain, generator=torch.Generator().manual_seed(0)).abs().max().item()
    )
    axis = torch.linspace(-2 * reach, 2 * reach, 801, dtype=torch.float64)
    grid = torch.cartesian_prod(axis, axis)
    mass = flow.log_prob(grid, domain=domain).exp().sum() * (axis[1] - axis[0]) ** 2
    assert mass.item() == pytest.approx(1, abs=1e-3)


def test_samples_have_the_density() -> None:
    """A cell's share of the samples is the integral of the density over it."""
    flow = plane_flow()
    x = flow.sample((200_000, 2), generator=torch.Generator().manual_seed(0))
    axis = torch.linspace(-0.5, 0.5, 201, dtype=torch.float64)
    centre = x[:1000].median(0).values
    mass = flow.log_prob(torch.cartesian_prod(axis, axis) + centre).exp().mean().item()
    share = ((x - centre).abs() < 0.5).all(1).double().mean().item()
    assert share == pytest.approx(mass, abs=5 * np.sqrt(mass / len(x)) + 1e-3)


def test_scaling_the_data_shifts_the_log_density() -> None:
    flow, x, k = (
        plane_flow(),
        torch.randn(10, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0)),
        3.0,
    )
    scaled = Affine(2).double()
    with torch.no_grad():
        scaled.weight.div_(k)
    wide = Flow(Sequential(scaled, flow.transform), flow.base)
    torch.testing.assert_close(wide.log_prob(k * x), flow.log_prob(x) - 2 * np.log(k))


def test_encode_decode_and_sampling_of_levels() -> None:
    flow = moved(
        Flow(
            Multiscale(
                [
                    Sequential(Squeeze(), ActNorm(12), AffineCoupling(12), Split(12)),
                    Sequential(Squeeze(), ActNorm(24), AffineCoupling(24)),
                ]
            )
        )
    )
    x = torch.rand(2, 3, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    z = flow.encode(x)
    assert [tuple(part.shape) for part in z] == [(2, 6, 4, 4), (2, 24, 2, 2)]
    torch.testing.assert_close(flow.decode(z), x)
    first, same, other = (
        flow.sample((2, 3, 8, 8), generator=torch.Generator().manual_seed(s)) for s in (1, 1, 2)
    )
    assert first.shape == x.shape
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
    still = flow.sample((2, 3, 8, 8), temperature=0.0)
    torch.testing.assert_close(still, flow.decode(tuple(torch.zeros_like(part) for part in z)))


def test_context_changes_the_density() -> None:
    flow = moved(Flow(Sequential(AffineInjector(2, 3, net=mlp), AffineCoupling(2, 3, net=mlp))))
    x = torch.randn(4, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    h = torch.randn(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    assert (flow.log_prob(x, h) - flow.log_prob(x, -h)).abs().min() > 1e-6
    torch.testing.assert_close(flow.decode(flow.encode(x, h), h), x)
    assert flow.sample((4, 2), h).shape == (4, 2)


def test_bits_of_a_uniform_image_are_eight() -> None:
    """The density 1 on [0, 1)^D of dequantised grey levels is the uniform law on 256 levels: 8 bits per
    dimension.
    """
    assert bits_per_dim(torch.zeros(3), 12, Dequantize().bins).tolist() == [8.0, 8.0, 8.0]


class TestDequantize:
    def test_keeps_the_grey_level(self) -> None:
        image = torch.arange(256, dtype=torch.float64).repeat(50, 1) / 255
        y = Dequantize()(image, torch.Generator().manual_seed(0))
        assert (y >= 0).all()
        assert (y < 1).all()
        assert torch.equal(Dequantize().inverse(y), image)

    @pytest.mark.parametrize("levels", [256, 100, 1000])
    def test_keeps_the_grey_level_in_single_precision(self, levels) -> None:
        """Rounding may not carry k + U over to k + 1, nor 255 + U to the value 1, however close U is to 0 or
        1.
        """
        image = torch.arange(levels).float().repeat(3000, 1) / (levels - 1)
        y = Dequantize(levels)(image, torch.Generator().manual_seed(0))
        assert y.max() < 1
        assert torch.equal(Dequantize(levels).inverse(y), image)

    def test_noise_is_uniform_within_a_level(self) -> None:
        inside = Dequantize(32)(torch.full((100_000,), 5 / 31), torch.Generator().manual_seed(0)) * 32 - 5
        assert inside.min() >= 0
        assert inside.max() < 1
        counts = torch.histc(inside, 10, 0, 1)
        assert ((counts - 10_000) ** 2 / 10_000).sum() < 27.9  # chi-square, 9 degrees, 0.1 %

    def test_generator(self) -> None:
        image = torch.full((4, 4), 0.5)
        draws = [Dequantize()(image, torch.Generator().manual_seed(s)) for s in (0, 0, 1)]
        assert torch.equal(draws[0], draws[1])
        assert not torch.equal(draws[0], draws[2])

    def test_values_outside_go_to_the_nearest_level(self) -> None:
        assert Dequantize().inverse(torch.tensor([-0.3, 1.7])).tolist() == [0.0, 1.0]

    @pytest.mark.parametrize("levels", [256, 10])
    def test_images_without_rounding_have_the_right_mean(self, levels) -> None:
        image = torch.linspace(0, 1, levels, dtype=torch.float64)[1:-1].expand(20_000, -1)
        back = Dequantize(levels).to_image(Dequantize(levels)(image, torch.Generator().manual_seed(0)))
        spread = 1 / (levels - 1) / math.sqrt(12 * len(image))
        torch.testing.assert_close(
            Dequantize(levels).to_image(Dequantize(levels).mean(image[0])), image[0], rtol=0, atol=1e-15
        )
        assert (back.mean(0) - image[0]).abs().max() < 5 * spread
        assert Dequantize(levels).to_image(torch.tensor([-0.3, 1.7])).tolist() == [0.0, 1.0]

    def test_levels(self) -> None:
        with pytest.raises(ValueError, match="at least 2, got 1"):
            Dequantize(1)


def test_a_flow_without_parameters_samples() -> None:
    from nflib.transforms import Squeeze

    flow = Flow(Squeeze())
    first, again = (flow.sample((2, 3, 4, 4), generator=torch.Generator().manual_seed(0)) for _ in range(2))
    assert first.shape == (2, 3, 4, 4)
    assert torch.equal(first, again)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_what_is_too_coarse_is_not_dequantised(dtype) -> None:
    from nflib.training.deflow import dequantised

    image = torch.full((2, 3, 8, 8), 0.5, dtype=dtype)
    with pytest.raises(ValueError, match="too coarse to be dequantised"):
        Dequantize()(image)
    with pytest.raises(ValueError, match="too coarse to be dequantised"):
        dequantised(image, None)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("usual", [torch.float16, torch.bfloat16, torch.float64])
def test_dequantised_values_are_uniform_whatever_the_usual_dtype(dtype, usual) -> None:
    image = torch.full((1, 3, 64, 64), 200 / 255, dtype=dtype)
    before = torch.get_default_dtype()
    torch.set_default_dtype(usual)
    try:
        values = Dequantize()(image, torch.Generator().manual_seed(0))
    finally:
        torch.set_default_dtype(before)
    assert values.dtype == dtype
    share = (values * 256 - 200).double()
    error = (1 / 12 / share.numel()) ** 0.5
    assert abs(share.mean() - 0.5) < 4 * error
    assert abs(share.var() - 1 / 12) < 4 * (1 / 180 / share.numel()) ** 0.5
