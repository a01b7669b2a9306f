"""The noise's spectrum from images without pairs, and filters that give it and take it away."""

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from nflib import data
from nflib.degraders import NTIRE
from nflib.metrics import autocorrelation, channel_correlation
from nflib.models.ludvae.levels import Gaussian, Shape
from nflib.noise.spectrum import SIDE, log_volume, noise_filter, posterior_filters, window_gain


def generator(seed) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def white(*shape, seed=0) -> torch.Tensor:
    return torch.randn(shape, generator=generator(seed), dtype=torch.float64)


@pytest.fixture(scope="module")
def photos() -> tuple[Any, Any, Any]:
    """Crops of photos of different scenes, those of the second half with noise."""
    degrade = NTIRE(sigma=10 / 255)
    clean = data.patches(data.photos("clean"), 64, 150, generator(0), augment=False)
    other = data.patches(data.photos("degraded"), 64, 150, generator(1), augment=False)
    return clean, degrade(other, generator=generator(2)), degrade


def test_a_known_noise_is_found_without_pairs(photos) -> None:
    clean, degraded, degrade = photos
    taps, deviation = noise_filter(clean, degraded)
    assert deviation == pytest.approx(10 / 255, rel=0.15)
    found = F.conv2d(white(1, 3, 300, 300), taps)
    truth = degrade.noise(torch.zeros(1, 3, 300, 300, dtype=torch.float64), generator(3))
    assert found.std().item() == pytest.approx(1, abs=0.02)
    assert (autocorrelation(found, 2) - autocorrelation(truth, 2)).abs().max() < 0.15
    assert (channel_correlation(found) - channel_correlation(truth)).abs().max() < 0.1


def test_white_noise_has_a_filter_that_is_one_tap() -> None:
    flat = torch.full((40, 3, 32, 32), 0.5, dtype=torch.float64)
    taps, deviation = noise_filter(flat, flat + 0.1 * white(40, 3, 32, 32), flattest=1.0)
    assert deviation == pytest.approx(0.1, rel=0.05)
    assert (taps - delta()).abs().max() < 0.1


def delta(scale=1.0) -> torch.Tensor:
    taps = torch.zeros(3, 3, SIDE, SIDE, dtype=torch.float64)
    taps[:, :, SIDE // 2, SIDE // 2] = scale * torch.eye(3)
    return taps


def test_the_posteriors_mean_takes_the_spectrum_away(photos) -> None:
    taps, _ = noise_filter(*photos[:2])
    z = white(1, 3, 200, 200)
    noise = F.conv2d(z, taps)
    again = F.conv2d(F.conv2d(noise, posterior_filters(taps)[0]), taps)
    margin = SIDE - 1
    assert (again - noise[..., margin:-margin, margin:-margin]).std() < 0.3 * noise.std()


def test_the_posterior_of_white_noise_is_a_number() -> None:
    mean, spread = posterior_filters(delta(2), 0.5)
    torch.testing.assert_close(mean, delta(2 / 4.5))
    torch.testing.assert_close(spread, delta((0.5 / 4.5) ** 0.5))
    assert log_volume(spread) == pytest.approx(3 * math.log(0.5 / 4.5))


def matrix(taps, side) -> torch.Tensor:
    """The filter on a circle, as a matrix that acts on all values of an image."""
    basis = torch.eye(3 * side**2, dtype=torch.float64).view(-1, 3, side, side)
    half = SIDE // 2
    return F.conv2d(F.pad(basis, (half,) * 4, mode="circular"), taps).flatten(1).T


def test_mean_and_covariance_of_the_posterior_against_matrices() -> None:
    g = generator(4)
    taps = delta() + 0.1 * F.pad(
        torch.randn(3, 3, 3, 3, generator=g, dtype=torch.float64), (SIDE // 2 - 1,) * 4
    )
    side, noise = 16, 0.5
    r, (mean, spread) = matrix(taps, side), posterior_filters(taps, noise)
    identity = torch.eye(len(r), dtype=r.dtype)
    cov = torch.linalg.inv(identity + r.T @ r / noise)
    torch.testing.assert_close(
        matrix(mean, side), cov @ r.T / noise, rtol=0, atol=2e-3
    )  # filters are cut to 15x15
    b = matrix(spread, side)
    torch.testing.assert_close(b @ b.T, cov, rtol=0, atol=2e-3)
    assert log_volume(spread) == pytest.approx(torch.linalg.slogdet(cov).logabsdet.item() / side**2, abs=5e-3)


def test_kl_of_a_correlated_posterior_against_matrices() -> None:
    """On a circle, with deviations and a prior that differ from channel to channel."""
    g = generator(5)
    shape, side = Shape().double(), 16
    shape.set(
        delta() + 0.1 * F.pad(torch.randn(3, 3, 3, 3, generator=g, dtype=torch.float64), (SIDE // 2 - 1,) * 4)
    )

    def law() -> tuple[Gaussian, Gaussian]:
        values = (
            torch.randn(4, 3, generator=g, dtype=torch.float64)
            .view(4, 1, 3, 1, 1)
            .expand(4, 1, 3, side, side)
            * 0.3
        )
        return Gaussian(values[0], values[1]), Gaussian(values[2], values[3])

    q, p = law()
    scale = q.log_sd.exp().flatten()
    b = scale[:, None] * matrix(shape.spread, side)
    dense = torch.distributions.MultivariateNormal(q.mean.flatten(), b @ b.T)
    prior = torch.distributions.MultivariateNormal(
        p.mean.flatten(), torch.diag((2 * p.log_sd).exp().flatten())
    )
    expected = torch.distributions.kl_divergence(dense, prior)
    assert shape.kl(q, p).sum().item() == pytest.approx(expected.item(), rel=1e-4)
    standard = torch.distributions.MultivariateNormal(
        torch.zeros(len(b), dtype=b.dtype), torch.eye(len(b), dtype=b.dtype)
    )
    assert shape.kl(q, None).sum().item() == pytest.approx(
        torch.distributions.kl_divergence(dense, standard).item(), rel=1e-4
    )


def test_the_gain_of_the_windows_follows_the_colours() -> None:
    """Of each channel by its own brightness, whatever the other channels do."""
    values = 0.2 + 0.6 * torch.rand(400, 3, 1, 1, generator=generator(6), dtype=torch.float64)
    texture = 0.01 * white(400, 3, 16, 16, seed=7)
    rising, falling = 0.01 + 0.05 * values[:, :1], 0.05 - 0.04 * values[:, 1:2]
    deviation = torch.cat((rising, falling, torch.full_like(rising, 0.03)), 1)
    gain = window_gain(
        values + texture, values + texture + deviation * white(400, 3, 16, 16, seed=8), flattest=0.5
    )
    for at, expected in ((0.3, (0.025, 0.038, 0.03)), (0.7, (0.045, 0.022, 0.03))):
        found = (
            gain.deviation * (gain.slope @ (torch.full((3,), at, dtype=torch.float64) - gain.centre)).exp()
        )
        torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64), rtol=0.08, atol=0)


def test_errors() -> None:
    with pytest.raises(ValueError, match="clean must be"):
        noise_filter(torch.full((2, 3, 8, 20), 0.4), torch.full((2, 3, 20, 20), 0.4))
    with pytest.raises(ValueError, match="no more power than clean"):
        noise_filter(
            0.3 + 0.4 * torch.rand(4, 3, 32, 32, generator=generator(0)), torch.full((4, 3, 32, 32), 0.4)
        )
    with pytest.raises(ValueError, match="degraded: no block"):
        noise_filter(torch.full((4, 3, 32, 32), 0.4), torch.zeros(4, 3, 32, 32))
