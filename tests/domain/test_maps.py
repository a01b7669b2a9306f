import numpy as np
import pytest
import torch
from scipy import ndimage

from nflib import domain, images, units

ALL = [
    domain.AddNoise(0.1),
    domain.MultiplyNoise(0.2),
    domain.Downsample(3),
    domain.MaxPool(3),
    domain.GaussianBlur(1.3),
    domain.Median(3),
    domain.Bilateral(1.5, 0.2),
    domain.Compose(domain.Downsample(2), domain.AddNoise(0.05)),
    domain.Compose(),
]


def picture(batch=2, height=17, width=22, seed=0) -> torch.Tensor:
    return torch.rand(batch, 3, height, width, dtype=torch.float64, generator=units.generator(seed))


@pytest.mark.parametrize("h", ALL, ids=repr)
def test_every_map_keeps_its_promises(h) -> None:
    x = picture()
    one, again, other = (h(x, units.generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(one, again)
    assert torch.equal(one, other) == ("Noise" not in repr(h))
    assert one.dtype == x.dtype
    assert one.shape[:2] == x.shape[:2]
    assert h(picture(1, 1, 1), units.generator(1)).shape == (1, 3, 1, 1)
    flat = h(torch.full((1, 3, 40, 40), 0.5), units.generator(1))
    assert abs(flat.mean() - 0.5) < 0.03
    if "Noise" not in repr(h):
        torch.testing.assert_close(flat, torch.full_like(flat, 0.5))


def test_noise_has_its_deviation() -> None:
    x = torch.tensor([0.0, 0.25, 1.0])[None, :, None, None].expand(1, 3, 200, 200)
    error = 4 / np.sqrt(2 * 200**2)  # four standard errors of a deviation, relative
    added = domain.AddNoise(0.03)(x, units.generator(0)) - x
    np.testing.assert_allclose(added.std((0, 2, 3)), [0.03] * 3, rtol=error)
    times = domain.MultiplyNoise(0.2)(x, units.generator(0)) - x
    np.testing.assert_allclose(times.std((0, 2, 3)), [0, 0.05, 0.2], rtol=error)
    np.testing.assert_allclose(times.mean((0, 2, 3)), [0, 0, 0], atol=4 * 0.2 / 200)


def test_smaller_maps_against_other_code() -> None:
    x = picture()
    assert domain.Downsample(3)(x).shape == (2, 3, 6, 8)  # 17 x 22, rounded up
    torch.testing.assert_close(
        domain.Downsample(4)(x[..., :16, :20]), images.resize(x[..., :16, :20], size=(4, 5))
    )
    pooled = domain.MaxPool(3)(x)
    assert pooled.shape == (2, 3, 6, 8)
    blocks = x[..., :15, :21].numpy().reshape(2, 3, 5, 3, 7, 3).max((3, 5))
    np.testing.assert_array_equal(pooled[..., :5, :7], blocks)
    np.testing.assert_array_equal(
        pooled[..., 5, 7], x[..., 15:, 21:].amax((-2, -1))
    )  # what is left at the corner


def test_filters_against_scipy() -> None:
    x = picture()
    blurred = ndimage.gaussian_filter(x.numpy(), (0, 0, 1.5, 1.5), mode="nearest", truncate=4)
    np.testing.assert_allclose(domain.GaussianBlur(1.5)(x), blurred, rtol=1e-10)
    middle = ndimage.median_filter(x.numpy(), (1, 1, 5, 5), mode="nearest")
    np.testing.assert_array_equal(domain.Median(5)(x), middle)
    assert torch.equal(domain.GaussianBlur(0)(x), x)
    assert torch.equal(domain.Median(1)(x), x)


def test_bilateral_pixel_by_pixel() -> None:
    x, h = picture(1, 6, 7), domain.Bilateral(0.8, 0.3)
    pixels = np.pad(x[0].numpy(), ((0, 0), (2, 2), (2, 2)), mode="edge")
    for i in range(6):
        for j in range(7):
            total = weights = 0
            for a in range(-2, 3):
                for b in range(-2, 3):
                    other = pixels[:, i + 2 + a, j + 2 + b]
                    weight = np.exp(-(a**2 + b**2) / (2 * 0.8**2)) * np.exp(
                        -np.sum((other - pixels[:, i + 2, j + 2]) ** 2) / (2 * 0.3**2)
                    )
                    total, weights = total + weight * other, weights + weight
            np.testing.assert_allclose(h(x)[0, :, i, j], total / weights)


def test_bilateral_keeps_edges_that_a_blur_does_not() -> None:
    edge = torch.zeros(1, 3, 16, 16)
    edge[..., 8:] = 1
    noisy = domain.AddNoise(0.03)(edge, units.generator(0))
    kept, lost = domain.Bilateral(2.0, 0.15)(noisy), domain.GaussianBlur(2.0)(noisy)
    assert (kept - edge).abs().max() < 0.06
    assert (lost - edge).abs().max() > 0.3
    assert (kept - edge).std() < 0.03 / 3


def test_max_pooling_moves_the_mean_by_the_expected_maximum() -> None:
    """E max of 16 standard normals is 1.765991... (Harter 1961, order statistics)."""
    noisy = 0.5 + 0.05 * torch.randn(1, 1, 800, 800, dtype=torch.float64, generator=units.generator(0))
    pooled = domain.MaxPool(4)(noisy)
    assert abs(pooled.mean() - (0.5 + 0.05 * 1.76599139)) < 4 * pooled.std() / np.sqrt(pooled.numel())
    assert abs(domain.Downsample(4)(noisy).mean() - 0.5) < 1e-3


def test_compose_is_one_after_the_other() -> None:
    x = picture()
    first, second = domain.Downsample(2), domain.AddNoise(0.1)
    expected = second(first(x), units.generator(3))
    assert torch.equal(domain.Compose(first, second)(x, units.generator(3)), expected)
    assert torch.equal(domain.Compose(domain.Compose(first), second)(x, units.generator(3)), expected)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: domain.AddNoise(-1), "sigma must be"),
        (lambda: domain.MultiplyNoise(float("nan")), "sigma must be"),
        (lambda: domain.Median(4), "size must be odd, got 4"),
        (lambda: domain.Downsample(0), "factor must be a whole number"),
        (lambda: domain.MaxPool(2.5), "factor must be a whole number"),
        (lambda: domain.Bilateral(0, 1), "must be positive, got 0 and 1"),
        (lambda: domain.Compose(domain.Median(3), 3), "map 1 must be a callable"),
        (
            lambda: domain.Median(3)(torch.rand(3, 8, 8)),
            r"\(B, C, H, W\), got torch.float32 of shape \(3, 8, 8\)",
        ),
        (lambda: domain.AddNoise()(torch.zeros(1, 3, 8, 8, dtype=torch.uint8)), "torch.uint8"),
    ],
)
def test_bad_input_is_named(wrong, words) -> None:
    with pytest.raises(ValueError, match=words):
        wrong()
