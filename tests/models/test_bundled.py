"""The models that come with the package do what they are for."""

from typing import Any

import pytest
import torch

import nflib
from nflib import data, degraders, metrics

DEGRADATIONS = {
    "ntire": degraders.degrade_ntire,
    "camera": degraders.degrade_camera,
    "aim": degraders.degrade_aim,
}


def crops() -> list:
    return [photo[:, :256, :256] for photo in data.photos("validation").values()]


def windows(residuals) -> torch.Tensor:
    return torch.stack(residuals).unfold(2, 16, 16).unfold(3, 16, 16).permute(0, 2, 3, 1, 4, 5).flatten(0, 2)


def statistics(residuals) -> tuple[torch.Tensor, torch.Tensor]:
    spatial = torch.cat([metrics.autocorrelation(r[None], 1) for r in residuals]).mean((0, 1))
    colours = torch.cat([metrics.channel_correlation(r[None]) for r in residuals]).mean(0)
    deviation = torch.stack(residuals).flatten(2).var(2).mean(0).sqrt()
    return deviation, torch.stack(
        (spatial[1, 2], spatial[2, 1], spatial[2, 2], spatial[2, 0], (colours.sum() - 3) / 6)
    )


def both(name) -> tuple[Any, list, list]:
    """The model, and what it and the truth add to photos that were not trained on."""
    net = nflib.load(f"deflow_{name}_small")
    generator = torch.Generator().manual_seed(0)
    made = [net.degrade(x[None], generator=generator)[0] - x for x in crops()]
    return net, made, [DEGRADATIONS[name](x, generator=generator) - x for x in crops()]


@pytest.mark.parametrize("name", ["ntire", "camera"])
def test_the_noise_is_like_the_truth(name) -> None:
    """Deviation within 15 %, correlations within 0.1 or 15 % of what the models can have. AIM-like is not
    solved (chapter 9).

    Their blocks of s x s pixels are independent, and only (1 - 1/s) of all neighbours, (1 - 1/s)^2 of all
    diagonal ones, are in one block; so this share of the true correlation is all there can be.
    """
    net, made, true = both(name)
    (deviation, correlations), (true_deviation, true_correlations) = statistics(made), statistics(true)
    assert ((deviation / true_deviation - 1).abs() < 0.15).all(), deviation / true_deviation
    inside = 1 - 1 / 2**net.config.levels
    expected = true_correlations * torch.tensor([inside, inside, inside**2, inside**2, 1])
    assert ((correlations - expected).abs() < (0.15 * expected.abs()).clamp(min=0.1)).all(), (
        correlations - expected
    )
    assert metrics.spectrum_error(windows(made), windows(true)) < 2


def test_camera_noise_grows_with_the_light() -> None:
    """Deviation within 15 % of the truth in the brightest third of the photos, within 25 % in the darkest.

    The flower is darker than most of what was seen: there a log-linear gain leaves too much noise. An even
    noise would be 60 % off.
    """
    _, made, true = both("camera")
    light, *squares = (
        torch.nn.functional.avg_pool2d(torch.stack(x).mean(1), 16).flatten()
        for x in (crops(), [r.square() for r in made], [r.square() for r in true])
    )
    low, high = light.quantile(torch.tensor([1 / 3, 2 / 3]))
    for third, limit in ((light >= high, 0.15), (light <= low, 0.25)):
        found, wanted = (part[third].mean().sqrt() for part in squares)
        assert abs(found / wanted - 1) < limit, (found, wanted)


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_strength_and_round_trip(name) -> None:
    net = nflib.load(f"deflow_{name}_small")
    image = crops()[0][None, :, :96, :96]
    condition = net.condition(image, torch.Generator().manual_seed(0))
    context = net.prepare(condition)
    torch.testing.assert_close(net.decode(net.encode(image, context), context), image, atol=1e-4, rtol=0)
    moved = [
        (net.degrade(image, tau, generator=torch.Generator().manual_seed(1)) - image).std()
        for tau in (0.33, 1.0, 1.66)
    ]
    assert moved[0] < moved[1] < moved[2]
    assert torch.isfinite(torch.stack(moved)).all()


def test_hot_latents_decode_to_finite_images() -> None:
    """A vanishing scale would give infinite values or black boxes."""
    net = nflib.load("srflow_x4_small")
    low = nflib.images.resize(crops()[0][None, :, :64, :64], 1 / 4)
    generator = torch.Generator().manual_seed(0)
    shapes = net.flow.transform.latent_shape((1, 3, 64, 64))
    hot = tuple(1.2 * torch.randn(shape, generator=generator) for shape in shapes)
    decoded = net.decode(hot, low)
    assert torch.isfinite(decoded).all()
    assert ((decoded < -0.5) | (decoded > 1.5)).float().mean() < 0.01


@pytest.mark.parametrize(
    ("name", "kind", "gain"), [("denoiser_ntire_small", "ntire", 6), ("denoiser_camera_small", "camera", 4)]
)
def test_denoisers_know_true_noise(name, kind, gain) -> None:
    """They were trained on pairs of a DeFlow and have never seen the true degradation: far above the input,
    in dB.
    """
    net = nflib.load(name)
    for x in crops():
        noisy = DEGRADATIONS[kind](x, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            restored = net(noisy[None]).clamp(0, 1)
        assert metrics.psnr(restored, x[None]) > metrics.psnr(noisy[None], x[None]) + gain


def test_the_refiner_is_above_bicubic_on_true_noise() -> None:
    net = nflib.load("refiner_x2_ntire_small")
    for x in crops():
        noisy = DEGRADATIONS["ntire"](
            nflib.images.resize(x, 1 / 2).clamp(0, 1), generator=torch.Generator().manual_seed(0)
        )
        with torch.no_grad():
            restored, bicubic = net(noisy[None]).clamp(0, 1), nflib.images.resize(noisy, 2).clamp(0, 1)[None]
        assert metrics.psnr(restored, x[None]) > metrics.psnr(bicubic, x[None]) + 2


def test_the_gan_is_sharper_than_the_pixel_loss_and_further_from_the_truth() -> None:
    """The same network and pairs; both at once is what tells an ESRGAN from a better or a worse training."""
    pixel, gan = (nflib.load(f"{name}_x2_ntire_small") for name in ("refiner", "esrgan"))
    for x in crops():
        noisy = DEGRADATIONS["ntire"](
            nflib.images.resize(x, 1 / 2).clamp(0, 1), generator=torch.Generator().manual_seed(0)
        )
        with torch.no_grad():
            smooth, sharp = (net(noisy[None]).clamp(0, 1) for net in (pixel, gan))
        assert metrics.psnr(sharp, x[None]) < metrics.psnr(smooth, x[None])
        assert detail(sharp) > 1.3 * detail(smooth)


def detail(image: torch.Tensor) -> float:
    """Deviation of what halving would remove."""
    return (image - nflib.images.resize(nflib.images.resize(image, 1 / 2), 2)).std().item()


@pytest.mark.parametrize(("name", "channels"), [("ntire", "RGB"), ("camera", "GB")])
def test_the_spectrum_of_ludvaes_noise_is_like_the_truth(name, channels) -> None:
    """Photos that were not trained on; deviation within 15 % but for the red of the camera-like noise, of
    which a quarter is missing.
    """
    net = nflib.load(f"ludvae_{name}_small")
    generator = torch.Generator().manual_seed(0)
    made = [net.degrade(x[None], generator=generator)[0] - x for x in crops()]
    true = [DEGRADATIONS[name](x, generator=generator) - x for x in crops()]
    assert metrics.spectrum_error(windows(made), windows(true)) < 2
    ratio = statistics(made)[0] / statistics(true)[0]
    assert ((ratio[["RGB".index(c) for c in channels]] - 1).abs() < 0.15).all(), ratio


@pytest.mark.parametrize("name", ["ntire", "camera", "aim"])
def test_the_laws_are_like_the_truth(name) -> None:
    """Photos that were not trained on: deviation within 8 %, correlations within 0.1, spectrum within 1 dB;
    AIM-like noise too, with the JPEG after it.
    """
    net = nflib.load(f"law_{name}")
    generator = torch.Generator().manual_seed(0)
    made = [net.degrade(x[None], generator=generator)[0] - x for x in crops()]
    true = [DEGRADATIONS[name](x, generator=generator) - x for x in crops()]
    (deviation, correlations), (true_deviation, true_correlations) = statistics(made), statistics(true)
    assert ((deviation / true_deviation - 1).abs() < 0.08).all(), deviation / true_deviation
    assert ((correlations - true_correlations).abs() < 0.1).all(), correlations - true_correlations
    assert metrics.spectrum_error(windows(made), windows(true)) < 1
    assert net.config.last_stage == ("jpeg:30" if name == "aim" else "")
