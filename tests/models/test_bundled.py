"""The models that come with the package do what they are for."""

import pytest
import torch

import nflib
from nflib import data, metrics

DEGRADATIONS = {"ntire": data.degrade_ntire, "camera": data.degrade_camera, "aim": data.degrade_aim}


def crops():
    return [photo[:, :256, :256] for photo in data.photos("validation").values()]


def statistics(residuals):
    spatial = torch.cat([metrics.autocorrelation(r[None], 1) for r in residuals]).mean((0, 1))
    colours = torch.cat([metrics.channel_correlation(r[None]) for r in residuals]).mean(0)
    deviation = torch.stack(residuals).flatten(2).var(2).mean(0).sqrt()
    return deviation, torch.stack((spatial[1, 2], spatial[2, 1], spatial[2, 2], spatial[2, 0], (colours.sum() - 3) / 6))


@pytest.mark.parametrize("name", ["ntire", "camera"])
def test_the_noise_is_like_the_truth(name):
    """Photos that were not trained on; deviation within 15 %, correlations within 0.1 or 15 %. AIM-like is not solved (chapter 8)."""
    net = nflib.load(f"deflow_{name}_small")
    generator = torch.Generator().manual_seed(0)
    made = [net.degrade(x[None], generator=generator)[0] - x for x in crops()]
    true = [DEGRADATIONS[name](x, generator=generator) - x for x in crops()]
    (deviation, correlations), (true_deviation, true_correlations) = statistics(made), statistics(true)
    assert ((deviation / true_deviation - 1).abs() < 0.15).all(), deviation / true_deviation
    assert ((correlations - true_correlations).abs() < (0.15 * true_correlations.abs()).clamp(min=0.1)).all(), correlations - true_correlations
    windows = [torch.stack(r).unfold(2, 16, 16).unfold(3, 16, 16).permute(0, 2, 3, 1, 4, 5).flatten(0, 2) for r in (made, true)]
    assert metrics.spectrum_error(*windows) < 2


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_strength_and_round_trip(name):
    net = nflib.load(f"deflow_{name}_small")
    image = crops()[0][None, :, :96, :96]
    condition = net.condition(image, torch.Generator().manual_seed(0))
    context = net.prepare(condition)
    torch.testing.assert_close(net.decode(net.encode(image, context), context), image, atol=1e-4, rtol=0)
    moved = [(net.degrade(image, tau, generator=torch.Generator().manual_seed(1)) - image).std() for tau in (0.33, 1.0, 1.66)]
    assert moved[0] < moved[1] < moved[2] and torch.isfinite(torch.stack(moved)).all()


def test_hot_latents_decode_to_finite_images():
    """A vanishing scale would give infinite values or black boxes."""
    net = nflib.load("srflow_x4_small")
    low = nflib.images.resize(crops()[0][None, :, :64, :64], 1 / 4)
    generator = torch.Generator().manual_seed(0)
    shapes = net.flow.transform.latent_shape((1, 3, 64, 64))
    hot = tuple(1.2 * torch.randn(shape, generator=generator) for shape in shapes)
    decoded = net.decode(hot, low)
    assert torch.isfinite(decoded).all() and ((decoded < -0.5) | (decoded > 1.5)).float().mean() < 0.01
