import numpy as np
import pytest
import torch

from nflib import domain, units
from nflib.domain import LinearPrediction
from tests.helpers.vectors import assert_matches, case


def test_domain_leak_of_the_vectors() -> None:
    """The law of the case, as a finite population: x, u and the noises of h exactly uncorrelated, of exactly
    the right variance.
    """
    inputs, expected = case("domain_leak")
    s, q, k = (inputs[name] for name in "sqk")
    draws = torch.randn(4096, 4, dtype=torch.float64, generator=units.generator(0))
    with_ones = torch.cat([torch.ones_like(draws[:, :1]), draws], 1)
    unit = torch.linalg.qr(with_ones)[0][:, 1:] * 64  # mean 0, variance 1, no correlation
    scale = 1e3  # image ranges: so that the rounding of h plays no role
    clean, noise, first, second = (
        scale * v * root**0.5 for v, root in zip(unit.T.view(4, 1, 64, 64), (s, q, k, k))
    )
    h_clean, h_noisy = clean + first, clean + noise + second
    one = LinearPrediction.fit([h_clean], [clean], radius=0)
    two = LinearPrediction.fit([h_noisy], [clean + noise], radius=0)

    def residual(h, image) -> float:
        return ((image - one.predict(h)) / scale).var(correction=0).item()

    recovered = residual(h_noisy, clean + noise) - residual(h_clean, clean)
    found = {
        "c_clean": one.weights[0].item(),
        "c_noisy": two.weights[0].item(),
        "residual_var_clean": residual(h_clean, clean),
        "residual_var_noisy": residual(h_noisy, clean + noise),
        "recovered_noise_var": recovered,
        "fraction": recovered / q,
    }
    assert_matches(found, expected)
    exact = residual(clean + first, clean + noise) - residual(
        h_clean, clean
    )  # the condition of y made from its clean source
    assert exact == pytest.approx(q, rel=1e-9)


def test_equal_laws_of_h_are_not_invariance() -> None:
    """math: with less noise for the noisy domain, so that h(x) and h(y) have one law, the flow recovers (1 -
    2c) q: here nothing.
    """
    g, n = units.generator(0), 400
    clean, noise = (torch.randn(1, n, n, dtype=torch.float64, generator=g) * s for s in (1.0, 0.5))
    h_clean = clean + torch.randn(1, n, n, dtype=torch.float64, generator=g)
    h_noisy = clean + noise + 0.75**0.5 * torch.randn(1, n, n, dtype=torch.float64, generator=g)
    fit = LinearPrediction.fit([h_clean], [clean], radius=0)
    residuals = [image - fit.predict(h) for h, image in ((h_clean, clean), (h_noisy, clean + noise))]
    assert abs(residuals[1].var() - residuals[0].var()) < 4 * 0.5 * np.sqrt(4 / n**2)
    assert abs(h_clean.var() - h_noisy.var()) < 4 * 2 * np.sqrt(4 / n**2)


def test_it_is_least_squares_at_every_scale() -> None:
    g = units.generator(1)
    for scale in (1, 2, 4):
        image = torch.rand(3, 12 * scale, 40 * scale, dtype=torch.float64, generator=g)
        h = 1000 * torch.rand(3, 12, 40, dtype=torch.float64, generator=g)
        fit = LinearPrediction.fit([h], [image], radius=1)
        padded = np.pad(h.numpy(), ((0, 0), (1, 1), (1, 1)), mode="edge")
        rows = np.stack(
            [np.append(padded[:, i : i + 3, j : j + 3].ravel(), 1) for i in range(12) for j in range(40)]
        )
        for y in range(scale):
            for x in range(scale):
                target = image[:, y::scale, x::scale].reshape(3, -1).T.numpy()
                expected = rows @ np.linalg.lstsq(rows, target, rcond=None)[0]
                np.testing.assert_allclose(
                    fit.predict(h)[:, y::scale, x::scale].reshape(3, -1).T, expected, atol=1e-8
                )


def test_tall_images_have_no_seam_and_several_images_count_alike() -> None:
    g = units.generator(2)
    image = torch.rand(3, 150, 20, dtype=torch.float64, generator=g)
    h = domain.AddNoise(0.1)(image[None], g)[0]
    whole = LinearPrediction.fit([h], [image], radius=0)
    halves = LinearPrediction.fit([h[:, :70], h[:, 70:]], [image[:, :70], image[:, 70:]], radius=0)
    torch.testing.assert_close(whole.weights, halves.weights)
    torch.testing.assert_close(whole.predict(h)[:, 70:], halves.predict(h[:, 70:]))


def test_a_blur_hides_only_what_is_finer_than_rounding() -> None:
    """Without rounding a linear blur could be undone."""
    g = units.generator(3)
    image = torch.rand(3, 96, 96, dtype=torch.float64, generator=g)
    lost = {}
    for sigma in (0.4, 0.6, 1.0, 2.0):
        h = domain.GaussianBlur(sigma)(image[None])[0]
        lost[sigma] = (image - LinearPrediction.fit([h], [image], 4).predict(h)).std() / image.std()
    assert lost[0.4] < 0.02 < 0.6 < lost[2.0]
    assert list(lost.values()) == sorted(lost.values())


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match="2 times as large as h"):
        LinearPrediction.fit([torch.rand(3, 8, 8)], [torch.rand(3, 17, 17)])
    with pytest.raises(ValueError, match="must not be empty"):
        LinearPrediction.fit([], [])
