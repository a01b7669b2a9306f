"""The noise's spectrum from images without pairs, and filters that give it and take it away."""

import pytest
import torch
import torch.nn.functional as F

from nflib import data
from nflib.data import NTIRE
from nflib.metrics import autocorrelation, channel_correlation
from nflib.models.noise_filter import SIDE, inverse_filter, noise_filter


def generator(seed):
    return torch.Generator().manual_seed(seed)


def white(*shape, seed=0):
    return torch.randn(shape, generator=generator(seed), dtype=torch.float64)


@pytest.fixture(scope="module")
def photos():
    """Crops of photos of different scenes, those of the second half with noise."""
    degrade = NTIRE(sigma=10 / 255)
    clean = data.patches(data.photos("clean"), 64, 150, generator(0), augment=False)
    other = data.patches(data.photos("degraded"), 64, 150, generator(1), augment=False)
    return clean, degrade(other, generator=generator(2)), degrade


def test_a_known_noise_is_found_without_pairs(photos):
    clean, degraded, degrade = photos
    taps, deviation = noise_filter(clean, degraded)
    assert deviation == pytest.approx(10 / 255, rel=0.15)
    found = F.conv2d(white(1, 3, 300, 300), taps)
    truth = degrade.noise(torch.zeros(1, 3, 300, 300, dtype=torch.float64), generator(3))
    assert found.std().item() == pytest.approx(1, abs=0.02)
    assert (autocorrelation(found, 2) - autocorrelation(truth, 2)).abs().max() < 0.15
    assert (channel_correlation(found) - channel_correlation(truth)).abs().max() < 0.1


def test_white_noise_has_a_filter_that_is_one_tap():
    flat = torch.full((40, 3, 32, 32), 0.5, dtype=torch.float64)
    taps, deviation = noise_filter(flat, flat + 0.1 * white(40, 3, 32, 32), flattest=1.0)
    assert deviation == pytest.approx(0.1, rel=0.05)
    delta = torch.zeros(3, 3, SIDE, SIDE, dtype=torch.float64)
    delta[:, :, SIDE // 2, SIDE // 2] = torch.eye(3)
    assert (taps - delta).abs().max() < 0.1


def test_the_inverse_takes_the_spectrum_away(photos):
    taps, _ = noise_filter(*photos[:2])
    z = white(1, 3, 200, 200)
    noise = F.conv2d(z, taps)
    again = F.conv2d(F.conv2d(noise, inverse_filter(taps)), taps)
    margin = SIDE - 1
    assert (again - noise[..., margin:-margin, margin:-margin]).std() < 0.3 * noise.std()
    delta = torch.zeros(3, 3, SIDE, SIDE, dtype=torch.float64)
    delta[:, :, SIDE // 2, SIDE // 2] = 2 * torch.eye(3)
    torch.testing.assert_close(inverse_filter(delta, 0.0), delta / 4)
    torch.testing.assert_close(inverse_filter(delta, 1.0), delta / 5)


def test_errors():
    with pytest.raises(ValueError, match="clean must be"):
        noise_filter(torch.zeros(2, 3, 8, 20), torch.zeros(2, 3, 20, 20))
    with pytest.raises(ValueError, match="no more power than clean"):
        noise_filter(torch.rand(4, 3, 32, 32), torch.zeros(4, 3, 32, 32))
