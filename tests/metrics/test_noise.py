import numpy as np
import pytest
import torch
from scipy.signal import correlate2d

from nflib import degraders, units
from nflib.metrics import autocorrelation, channel_correlation, histogram_kl, power_spectrum


def field(degradation, n=40, size=48, seed=0) -> torch.Tensor:
    return degradation.noise(torch.full((n, 3, size, size), 0.5, dtype=torch.float64), units.generator(seed))


def test_autocorrelation_is_what_its_definition_says() -> None:
    residual = torch.randn(2, 3, 9, 12, generator=units.generator(0), dtype=torch.float64)
    found = autocorrelation(residual, lags=4)
    x = residual[1, 2].numpy() - residual[1, 2].numpy().mean()
    pairs = correlate2d(np.ones_like(x), np.ones_like(x))
    expected = correlate2d(x, x) / pairs
    expected = expected[8 - 4 : 8 + 5, 11 - 4 : 11 + 5] / expected[8, 11]
    np.testing.assert_allclose(found[1, 2], expected, atol=1e-12)
    assert found.shape == (2, 3, 9, 9)


@pytest.mark.parametrize(
    "degradation", [degraders.NTIRE(), degraders.White(), degraders.AIM()], ids=lambda d: type(d).__name__
)
def test_statistics_find_the_known_covariance(degradation) -> None:
    noise = field(degradation)
    truth = degradation.covariance(48, 48)
    scale = truth[:, :, 0, 0].diagonal()
    lags = torch.arange(-2, 3)
    expected = truth[torch.arange(3), torch.arange(3)][:, lags[:, None], lags] / scale.view(3, 1, 1)
    found = autocorrelation(noise, 2)
    error = found.std(0) / np.sqrt(len(noise))
    bias = 6 / 48  # the removed mean takes a little of long correlations away
    assert (
        (found.mean(0) - expected).abs() < 5 * error + bias * (type(degradation) is degraders.AIM) + 1e-12
    ).all()

    correlation = channel_correlation(noise).mean(0)
    expected = truth[:, :, 0, 0] / (scale[:, None] * scale).sqrt()
    assert (correlation - expected).abs().max() < 0.03

    spectrum = power_spectrum(noise)
    torch.testing.assert_close(spectrum.mean((-2, -1)), noise.square().mean((-2, -1)))
    expected = torch.fft.fftshift(degradation.spectrum(48, 48)[torch.arange(3), torch.arange(3)], (-2, -1))
    ratio = spectrum.sum(0) / len(noise) / expected
    well = expected > 1e-3 * expected.amax((-2, -1), keepdim=True)
    assert abs(ratio[well].mean() - 1) < 0.05


def test_histogram_kl_against_numpy_and_the_closed_form() -> None:
    g = units.generator(1)
    real, fake = (
        0.04 * torch.randn(4, 3, 100, 100, generator=g),
        0.06 * torch.randn(4, 3, 100, 100, generator=g),
    )
    edges = (np.arange(512) - 255.5) / 255
    p, q = (np.histogram(x.double().numpy(), edges)[0] + 0.5 for x in (real, fake))
    p, q = p / p.sum(), q / q.sum()
    found = histogram_kl(fake, real).item()
    assert found == pytest.approx((p * np.log(p / q)).sum(), rel=1e-3)  # a few values lie on an edge
    assert found == pytest.approx(np.log(0.06 / 0.04) + 0.04**2 / (2 * 0.06**2) - 0.5, rel=0.03)
    assert histogram_kl(real, real) == 0
    assert histogram_kl(real, fake) > found


def test_bad_input_is_named() -> None:
    x = torch.zeros(1, 3, 8, 6)
    with pytest.raises(ValueError, match="lags must be from 0 to less than the size 6x8, got 6"):
        autocorrelation(x, 6)
    with pytest.raises(ValueError, match=r"residual must be a tensor \(B, C, H, W\), got \(3, 8, 6\)"):
        power_spectrum(x[0])
    with pytest.raises(ValueError, match="must be finite"):
        channel_correlation(x / 0)
    with pytest.raises(ValueError, match="real must lie in"):
        histogram_kl(x, x + 2)
    with pytest.raises(ValueError, match="width must be positive"):
        histogram_kl(x, x, width=0)
