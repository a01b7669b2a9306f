import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nflib import data, degraders, images, units
from nflib.degraders import AIM, NTIRE, Camera, White

ALL = [AIM(), NTIRE(), Camera(), White()]
named = pytest.mark.parametrize("degrade", ALL, ids=lambda d: type(d).__name__)
GREY = torch.full((3, 512, 512), 0.5, dtype=torch.float64)
KODAK = Path(__file__).parents[3] / "shared" / "data" / "kodak"


def correlation(noise, dy, dx) -> float:
    """Circular lag correlation of (C, H, W) fields, averaged over channels."""
    return ((noise * noise.roll((-dy, -dx), (1, 2))).mean((1, 2)) / noise.square().mean((1, 2))).mean().item()


def psnr(a, b) -> float:
    return -10 * math.log10((a - b).square().mean())


# ---- what every degradation must satisfy


@named
@pytest.mark.parametrize("shape", [(3, 24, 40), (2, 3, 17, 33), (3, 1, 1), (3, 1, 3), (1, 3, 5, 64)])
def test_any_size_in_8_bits_and_range(degrade, shape) -> None:
    clean = torch.rand(shape, generator=units.generator(0))
    degraded = degrade(clean, generator=units.generator(1))
    assert degraded.shape == clean.shape
    assert degraded.dtype == clean.dtype
    assert degraded.min() >= 0
    assert degraded.max() <= 1
    torch.testing.assert_close(degraded * 255, (degraded * 255).round(), atol=1e-4, rtol=0)


@named
def test_strength_zero_is_the_input_and_strength_grows(degrade) -> None:
    clean = data.photos("validation")["chelsea"][:, :96, :96]
    assert torch.equal(degrade(clean, strength=0), clean)
    scores = [psnr(degrade(clean, s, units.generator(0)), clean) for s in (0.25, 0.5, 1, 2)]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] - scores[-1] > 8


@named
def test_seeds_and_independence_within_a_batch(degrade) -> None:
    clean = torch.full((2, 3, 32, 32), 0.5)
    first = degrade(clean, generator=units.generator(3))
    assert torch.equal(first, degrade(clean, generator=units.generator(3)))
    assert not torch.equal(first, degrade(clean, generator=units.generator(4)))
    assert not torch.equal(first[0], first[1])


@named
@pytest.mark.parametrize(
    ("clean", "message"),
    [
        (torch.zeros(1, 8, 8), "floating tensor"),
        (torch.zeros(3, 0, 8), "floating tensor"),
        (torch.zeros(8, 8), "floating tensor"),
        (torch.zeros(3, 8, 8, dtype=torch.uint8), "floating tensor"),
        (torch.full((3, 8, 8), 200.0), "must lie in"),
        (torch.full((3, 8, 8), math.nan), "must be finite"),
        (np.zeros((8, 8, 3)), "must be a tensor, got ndarray"),
    ],
)
def test_bad_images(degrade, clean, message) -> None:
    with pytest.raises(ValueError, match=message):
        degrade(clean)


@named
@pytest.mark.parametrize("strength", [-1, math.nan, math.inf])
def test_bad_strength(degrade, strength) -> None:
    with pytest.raises(ValueError, match="strength"):
        degrade(torch.zeros(3, 8, 8), strength)


# ---- the truth they state


@named
def test_periodogram_agrees_with_the_spectrum(degrade) -> None:
    """|FFT|^2 of white noise through a filter, over the spectrum, is exponential with mean 1 at every
    frequency.
    """
    noise = degrade.noise(GREY, units.generator(0))
    if isinstance(degrade, Camera):
        noise = noise / degrade.deviation(GREY)
    transform = torch.fft.fft2(noise)
    spectrum = degrade.spectrum(512, 512)
    # frequencies with a thousandth of the mean power or more; half of them are conjugates of the others
    for c in range(3):
        used = spectrum[c, c] > 1e-3 * spectrum[c, c].mean()
        ratio = (transform[c].abs().square() / 512**2 / spectrum[c, c])[used]
        deviation = math.sqrt(2 / len(ratio))
        assert abs(ratio.mean() - 1) < 4 * deviation
        assert abs((ratio > 1).double().mean() - math.exp(-1)) < 4 * deviation
        rest = (transform[c].abs().square() / 512**2)[~used]
        assert rest.sum() <= 1e-3 * spectrum[c, c].mean() * len(rest)


@named
def test_measured_covariance_agrees_with_the_stated_one(degrade) -> None:
    """Against the mean over 400 small fields, entry by entry, in units of the standard error of that mean."""
    clean = torch.full((400, 3, 16, 18), 0.5, dtype=torch.float64)
    noise = degrade.noise(clean, units.generator(7))
    if isinstance(degrade, Camera):
        noise = noise / degrade.deviation(clean)
    stated = degrade.covariance(16, 18)
    for c, d in ((0, 0), (1, 1), (0, 1), (0, 2), (1, 2)):
        for dy, dx in ((0, 0), (0, 1), (1, 0), (2, 0), (0, 2), (1, 1), (1, -1), (8, 9)):
            products = (noise[:, c] * noise[:, d].roll((-dy, -dx), (1, 2))).mean((1, 2))
            error = products.std() / 20
            assert abs(products.mean() - stated[c, d, dy, dx]) < 4.5 * error, (c, d, dy, dx)


def circular_autocorrelation(kernel) -> np.ndarray:
    """Of a filter given in pixels, by brute force, scaled to one at lag zero."""
    size = kernel.shape
    out = np.array(
        [
            [(kernel * np.roll(kernel, (-dy, -dx), (0, 1))).sum() for dx in range(size[1])]
            for dy in range(size[0])
        ]
    )
    return out / out[0, 0]


def gaussian_kernel(size, s) -> Any:
    """A Gaussian blur of deviation s pixels on a circle, summed over its copies (its transform is exp(-2 pi^2
    s^2 f^2)).
    """
    lag = np.arange(size)[:, None] + size * np.arange(-6, 7)[None]
    one = np.exp(-(lag**2) / (2 * s**2)).sum(1) / (s * math.sqrt(2 * math.pi))
    return one


def test_covariances_exactly_in_pixels() -> None:
    """The same filters built in pixels instead of frequencies. s = 2 is wide enough for the sampled Gaussian
    to be exact.
    """
    size = 24
    blur = np.outer(gaussian_kernel(size, 2.0), gaussian_kernel(size, 2.0))
    field = circular_autocorrelation(blur)
    band = circular_autocorrelation(gaussian_kernel(size, 2.0)[None])[0]
    aim = AIM(s_band=2.0)
    mix = np.array([[8, 4, 0], [8, -2, -2], [8, 0, 4]]) / 255
    expected = (mix @ mix.T)[:, :, None, None] * field + (3 / 255) ** 2 * band
    np.testing.assert_allclose(aim.covariance(size, size).numpy(), expected, atol=1e-12)

    delta = np.zeros((size, size))
    delta[0, 0] = 1
    high = delta - blur
    grain = sum(np.roll(high, (k, k), (0, 1)) for k in (-1, 0, 1))
    ntire = NTIRE(s=2.0)
    channels = (12 / 255) ** 2 * (0.2 * np.eye(3) + 0.8)
    expected = channels[:, :, None, None] * circular_autocorrelation(grain)
    np.testing.assert_allclose(ntire.covariance(size, size).numpy(), expected, atol=1e-12)

    row = np.zeros(size)
    row[[-2, -1, 0, 1, 2]] = 0.05, 0.25, 1, 0.25, 0.05
    expected = np.eye(3)[:, :, None, None] * circular_autocorrelation(np.outer(row, row))
    np.testing.assert_allclose(Camera().covariance(size, size).numpy(), expected, atol=1e-12)


@named
def test_a_spectrum_needs_a_field(degrade) -> None:
    with pytest.raises(ValueError, match="at least 16x16"):
        degrade.spectrum(8, 32)


@pytest.mark.parametrize("degrade", [AIM(), NTIRE()], ids=["AIM", "NTIRE"])
def test_channel_covariance_is_the_mean_of_the_spectrum(degrade) -> None:
    torch.testing.assert_close(degrade.channel_covariance, degrade.spectrum(40, 56).mean((2, 3)))


def test_deviations_before_jpeg() -> None:
    deviation = AIM().channel_covariance.diagonal().sqrt() * 255
    torch.testing.assert_close(
        deviation, torch.tensor([89, 81, 89], dtype=torch.float64).sqrt()
    )  # 9.4, 9.0, 9.4
    torch.testing.assert_close(
        NTIRE().channel_covariance.diagonal().sqrt() * 255, torch.full((3,), 12.0, dtype=torch.float64)
    )


# lag 1 and 2 across and down, both diagonals, correlation of red and green: the table measured on another
# implementation
TABLE = {
    "AIM": ((0.93, 0.95, 0.76, 0.80), (0.88, 0.88)),
    "NTIRE": ((-0.33, -0.33, -0.09, -0.09), (0.62, -0.13)),
    "Camera": ((0.465, 0.465, 0.144, 0.144), (0.22, 0.22)),
}


@pytest.mark.parametrize("degrade", ALL[:3], ids=lambda d: type(d).__name__)
def test_lags_of_the_noise(degrade) -> None:
    lags, diagonals = TABLE[type(degrade).__name__]
    noise = torch.cat([degrade.noise(GREY, units.generator(k)) for k in range(4)])
    measured = [correlation(noise, dy, dx) for dy, dx in ((0, 1), (1, 0), (0, 2), (2, 0), (1, 1), (1, -1))]
    np.testing.assert_allclose(
        measured, [*lags, *diagonals], atol=0.01
    )  # half a unit of the table's last digit and as much noise


def test_ntire_on_grey_is_noise_and_rounding_alone() -> None:
    """Nothing clips at one half: the residual is the noise up to rounding, 26.58 dB."""
    noise = NTIRE().noise(GREY, units.generator(0))
    degraded = NTIRE()(GREY, generator=units.generator(0))
    assert (degraded - GREY - noise).abs().max() <= 0.5 / 255 + 1e-12
    assert psnr(degraded, GREY) == pytest.approx(20 * math.log10(255 / 12), abs=0.03)
    between = torch.corrcoef(noise.flatten(1))
    torch.testing.assert_close(
        between, torch.full((3, 3), 0.8, dtype=torch.float64) + 0.2 * torch.eye(3), atol=0.01, rtol=0
    )


def test_clipping_at_black_and_white() -> None:
    """At black half of the noise is cut off: the mean of max(n, 0) is sigma / sqrt(2 pi)."""
    for level in (0.0, 1.0):
        degraded = White(12 / 255)(torch.full_like(GREY, level), generator=units.generator(1))
        shift = (degraded - level).abs().mean().item()
        assert shift == pytest.approx(12 / 255 / math.sqrt(2 * math.pi), rel=0.01)


def test_aim_on_grey_shows_jpeg() -> None:
    """Blotches survive, the residual is stronger than the noise, and the blocks of 8 show at their
    borders."""
    noise = AIM().noise(GREY, units.generator(0))
    degraded = AIM()(GREY, generator=units.generator(0))
    before_jpeg = (GREY + noise).clamp(0, 1)
    assert (degraded - before_jpeg).abs().max() > 4 / 255
    steps = degraded.diff(dim=2).abs().mean((0, 1))
    border = steps[7::8].mean()
    inside = steps[torch.arange(511) % 8 != 7].mean()
    unbroken = before_jpeg.diff(dim=2).abs().mean((0, 1))
    assert border / inside > 1.3
    assert unbroken[7::8].mean() / unbroken[torch.arange(511) % 8 != 7].mean() < 1.1
    correlated = torch.corrcoef(torch.stack([(degraded - 0.5).flatten(), noise.flatten()]))[0, 1]
    assert correlated > 0.8


def test_aim_colour_cast() -> None:
    cast = AIM(
        gain=(0.95, 0.98, 0.92),
        offset=(0.01, -0.01, 0.03),
        sigma=0,
        sigma_colour=0,
        sigma_band=0,
        quality=100,
    )
    clean = torch.tensor([0.2, 0.5, 0.8]).view(3, 1, 1).expand(3, 32, 32).contiguous()
    full, half = cast(clean)[:, 0, 0], cast(clean, 0.5)[:, 0, 0]
    expected = torch.tensor([0.95 * 0.2 + 0.01, 0.98 * 0.5 - 0.01, 0.92 * 0.8 + 0.03])
    torch.testing.assert_close(full, expected, atol=2.5 / 255, rtol=0)  # rounding here and in JPEG's colours
    torch.testing.assert_close(half, (expected + clean[:, 0, 0]) / 2, atol=2.5 / 255, rtol=0)


def test_camera_noise_follows_the_light() -> None:
    ramp = torch.linspace(0.05, 0.6, 8, dtype=torch.float64).repeat_interleave(64).expand(3, 512, 512)
    noise = Camera().noise(ramp, units.generator(0))
    for band in range(8):
        level = ramp[0, 0, 64 * band].item()
        measured = noise[:, :, 64 * band : 64 * band + 64].square().mean((1, 2)).sqrt()
        expected = torch.tensor([1.75, 1.0, 1.35], dtype=torch.float64) * math.sqrt(3.5e-3 * level + 1.4e-4)
        torch.testing.assert_close(measured, expected, rtol=0.04, atol=0)


def test_module_level_functions() -> None:
    clean = torch.rand(3, 32, 32, generator=units.generator(0))
    for function, kind in (
        (degraders.degrade_aim, AIM),
        (degraders.degrade_ntire, NTIRE),
        (degraders.degrade_camera, Camera),
    ):
        assert torch.equal(function(clean, 0.5, units.generator(1)), kind()(clean, 0.5, units.generator(1)))
    assert torch.equal(
        degraders.degrade_white(clean, 0.1, units.generator(1)), White(0.1)(clean, 1.0, units.generator(1))
    )


@pytest.mark.skipif(not KODAK.is_dir(), reason="needs the Kodak photos in ../shared/data/kodak")
def test_strength_on_kodak_photos() -> None:
    """The PSNR that was measured with another implementation on eight of these photos."""
    photos = [images.read(p)[:, :256, :384] for p in images.list_images(KODAK)[:8]]
    ntire = [psnr(degraders.degrade_ntire(x, generator=units.generator(k)), x) for k, x in enumerate(photos)]
    aim = [psnr(degraders.degrade_aim(x, generator=units.generator(k)), x) for k, x in enumerate(photos)]
    assert np.mean(ntire) == pytest.approx(26.6, abs=0.3)
    assert np.mean(aim) == pytest.approx(26.6, abs=0.8)
    assert min(aim) > 23.5
    assert max(aim) < 28.5
