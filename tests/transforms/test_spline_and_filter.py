"""Splines against zuko's, filters against their dense matrices, in float64."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from nflib.transforms import CircularConvolution, Spline


def draw(*shape, seed=0) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def bent(channels: int, bins: int, bound: float) -> Spline:
    spline = Spline(channels, bins, bound).double()
    for seed, parameter in enumerate(spline.parameters()):
        parameter.data += 0.7 * draw(*parameter.shape, seed=seed)
    return spline


def test_a_spline_is_that_of_zuko() -> None:
    transforms = pytest.importorskip("zuko.transforms")
    spline, x = bent(3, 6, 2.5), 1.5 * draw(40, 3)
    z, log_det = spline(x)
    ready = torch.zeros(3, 6), torch.zeros(3, 6), torch.zeros(3, 5)
    theirs = transforms.MonotonicRQSTransform(*ready, bound=2.5)
    _, theirs.horizontal, theirs.vertical, theirs.derivatives = spline._prepared(x)
    expected, slopes = theirs.call_and_ladj(x)
    torch.testing.assert_close(z, expected, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(log_det, slopes.sum(1), rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(spline.inverse(z)[0], theirs.inv(expected), rtol=1e-8, atol=1e-10)


def test_a_new_spline_is_the_identity_and_so_is_what_is_outside_of_any() -> None:
    x = 4 * draw(50, 2)
    torch.testing.assert_close(Spline(2).double()(x)[0], x, rtol=1e-12, atol=1e-12)
    spline = bent(2, 5, 1.0)
    outside = x[(x.abs() > 1).all(1)]
    assert len(outside) > 10
    assert torch.equal(spline(outside)[0], outside)
    assert torch.equal(spline(outside)[1], torch.zeros(len(outside), dtype=torch.float64))


def test_a_spline_goes_through_the_knots_that_are_set() -> None:
    spline = Spline(1, bins=4, bound=3.0).double()
    knots, results = torch.tensor([[-1.0, 0.2, 0.3]]).double(), torch.tensor([[-2.0, 0.0, 2.5]]).double()
    spline.set_knots(knots, results)
    torch.testing.assert_close(spline(knots.T)[0].T, results, rtol=0, atol=2e-3)
    rising = spline(torch.linspace(-3, 3, 1001, dtype=torch.float64)[:, None])[0][:, 0]
    assert (rising.diff() > 0).all()
    spline.set_knots(torch.tensor([[0.5, 0.5, 0.5]]).double(), results)  # equal ones are moved apart
    assert spline(knots.T)[0].isfinite().all()


@pytest.mark.parametrize(("bins", "bound"), [(1, 1.0), (4, 0.0), (4, -1.0)])
def test_a_spline_that_cannot_be(bins, bound) -> None:
    with pytest.raises(ValueError, match=f"bins must be at least 2 and bound positive, got {bins} and"):
        Spline(1, bins, bound)


@pytest.mark.parametrize("size", [(4, 6), (5, 7), (3, 4), (1, 5), (6, 1)])
def test_a_filter_is_its_dense_matrix(size) -> None:
    """Also where it is wider than the image and laps itself."""
    layer, x = CircularConvolution(2, reach=2).double(), draw(3, 2, *size)
    layer.taps.data += 0.1 * draw(2, 2, 5, 5, seed=1)
    z, log_det = layer(x)
    basis = torch.eye(x[0].numel(), dtype=torch.float64).view(-1, *x.shape[1:])
    matrix = torch.stack([slow(layer.taps.data, image).flatten() for image in basis], 1)
    torch.testing.assert_close(z.flatten(1), x.flatten(1) @ matrix.T, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(log_det, torch.linalg.slogdet(matrix).logabsdet.expand(3))
    torch.testing.assert_close(layer.inverse(z)[0], x, rtol=1e-9, atol=1e-10)


def slow(taps: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
    """Sums of neighbours on a torus, one tap after the other."""
    found = torch.zeros_like(image)
    for i, j, row, column in torch.cartesian_prod(*(torch.arange(n) for n in taps.shape)).tolist():
        moved = image[j].roll((2 - row, 2 - column), (0, 1))
        found[i] += taps[i, j, row, column] * moved
    return found


def test_inside_it_is_conv2d_and_the_log_determinant_is_that_of_a_large_torus() -> None:
    layer, x = CircularConvolution(3, reach=1).double(), draw(1, 3, 12, 12)
    layer.taps.data += 0.05 * draw(3, 3, 3, 3, seed=1)
    z = layer(x)[0]
    torch.testing.assert_close(z[..., 1:-1, 1:-1], F.conv2d(x, layer.taps))
    each = [layer(draw(1, 3, n, n))[1].item() / n**2 for n in (12, 24)]
    assert math.isclose(*each, rel_tol=1e-4)  # per position, as Szego has it
