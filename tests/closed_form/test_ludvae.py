"""The linear LUD-VAE against the closed-form vectors, and against sampling."""

import math

import numpy as np
import pytest

from nflib.closed_form.divergences import kl_gaussian
from nflib.closed_form.ludvae import (
    LinearLUDVAE,
    compare_pairs,
    encoded_variances,
    matching_prenoise,
    prenoise_kl,
)
from tests.helpers.vectors import assert_matches, case


def toy(inputs) -> LinearLUDVAE:
    return LinearLUDVAE(*(inputs[k] for k in ("alpha", "beta", "gamma_x", "gamma_y")))


def test_elbo_of_a_pair() -> None:
    inputs, expected = case("ludvae_toy_elbo")
    model, x, y = toy(inputs), inputs["x"], inputs["y"]
    mean, cov = model.posterior(x, y)
    exact, factorised = model.elbo(x, y, mean, cov), model.elbo_factorised(x, y)
    found = {
        "log_p_xy": model.log_prob(x, y),
        "posterior_mean": mean,
        "posterior_cov": cov,
        "reconstruction": exact.reconstruction,
        "kl": exact.kl,
        "elbo": exact.value,
        "elbo_factorised": factorised.value,
        "gap_factorised": model.log_prob(x, y) - factorised.value,
    }
    assert_matches(found, expected)


def test_gaps_of_the_factorisations() -> None:
    inputs, expected = case("ludvae_factorisation_gap")
    model = toy(inputs)
    exact, factorised, paper = model.gaps()
    of_y, of_both = model.var_degradation()
    found = {
        "var_zn_given_y": of_y,
        "var_zn_given_xy": of_both,
        "gap_exact_shape": exact,
        "gap_factorised": factorised,
        "gap_paper_shape": paper,
    }
    assert_matches(found, expected)


def test_the_papers_shape_costs_what_is_said() -> None:
    """Mean of log p - ELBO over sampled pairs for the best q(z|x,y) q(z_n|y)."""
    model, rng = LinearLUDVAE(1.2, 0.5, 0.4, 0.3), np.random.default_rng(0)
    z, zn, ex, ey = rng.standard_normal((4, 2000))
    x, y = model.alpha * z + model.gamma_x * ex, model.alpha * z + model.beta * zn + model.gamma_y * ey
    precision = np.linalg.inv(model.posterior(0, 0)[1])
    slope = model.beta / (model.alpha**2 + model.beta**2 + model.gamma_y**2)
    gaps = []
    for one, other in zip(x, y):
        mean_n = slope * other  # E[z_n | y]
        exact = model.posterior(one, other)[0]
        mean_z = exact[0] - precision[0, 1] / precision[0, 0] * (
            mean_n - exact[1]
        )  # the best z given that z_n
        q = model.elbo(one, other, [mean_z, mean_n], np.diag(1 / np.diag(precision)))
        gaps.append(model.log_prob(one, other) - q.value)
    assert np.mean(gaps) == pytest.approx(model.gaps()[2], abs=5 * np.std(gaps) / math.sqrt(len(gaps)))


def test_unpaired_halves() -> None:
    inputs, expected = case("ludvae_halves")
    model, x, y = toy(inputs), inputs["x"], inputs["y"]
    mz, vz, mn, vn = (inputs[k] for k in ("mz", "vz", "mn", "vn"))
    of_x, of_y = model.elbo_x(x, mz, vz), model.elbo_y(y, mz, vz, mn, vn)
    found = {
        "elbo_x": of_x.value,
        "elbo_y": of_y.value,
        "paired_elbo": model.elbo(x, y, [mz, mn], np.diag([vz, vn])).value,
        "kl_z": kl_gaussian(mz, vz, 0, 1),
        "kl_zn": kl_gaussian(mn, vn, 0, 1),
        "elbo_x_proper": model.elbo_x(x, mz, vz, share=1).value,
        "log_p_x": model.log_prob_x(x),
    }
    assert_matches(found, expected)
    assert of_x.value + of_y.value == pytest.approx(found["paired_elbo"])


def test_inference_invariance() -> None:
    inputs, expected = case("kl_inference_invariance")
    n, sx, sy, sigma = np.array(inputs["n"]), inputs["sx"], inputs["sy"], inputs["sigma"]
    best = matching_prenoise(sy, sigma)
    found = {
        "kl": kl_gaussian(n, sy**2 * np.eye(len(n)), np.zeros(len(n)), sx**2 * np.eye(len(n))),
        "mean_kl_per_dim": prenoise_kl(sx, sy, sigma),
        "best_sx": best,
        "min_mean_kl_per_dim": prenoise_kl(best, sy, sigma),
        "marginal_kl_per_dim": kl_gaussian(0, sy**2 + sigma**2, 0, sx**2),
    }
    assert_matches(found, expected)
    assert all(
        prenoise_kl(factor * best, sy, sigma) > found["min_mean_kl_per_dim"] for factor in (0.99, 1.01)
    )


def test_pairs() -> None:
    inputs, expected = case("c2n_n2c")
    pairs = compare_pairs(inputs["s"], inputs["q"])
    found = {
        "n2c_clean_variance": pairs.n2c_clean_variance,
        "bayes_mse": pairs.bayes_error,
        "slope_from_c2n": pairs.slope_c2n,
        "slope_from_n2c": pairs.slope_n2c,
        "residual_mse_seen_from_n2c": pairs.n2c_error,
        "apparent_noise_var_n2c": pairs.n2c_noise_variance,
    }
    assert_matches(found, expected)


@pytest.mark.parametrize(("signal", "noise"), [(4.0, 1.0), (0.3, 2.5)])
def test_pairs_as_least_squares_finds_them(signal, noise) -> None:
    """Both denoisers learned from drawn pairs; E[x | y] by a regression of its own, on other draws."""
    rng, n = np.random.default_rng(0), 200_000
    pairs, se = compare_pairs(signal, noise), 4 * (2 / n) ** 0.5

    def drawn() -> tuple[np.ndarray, np.ndarray]:
        x = signal**0.5 * rng.standard_normal(n)
        return x, x + noise**0.5 * rng.standard_normal(n)

    def learned(y, target) -> tuple[float, float]:
        slope = (target @ y) / (y @ y)
        return slope, np.mean((target - slope * y) ** 2)

    x, y = drawn()
    of_model, _ = learned(y, x)
    x, y = drawn()
    slope_c2n, error_c2n = learned(y, x)
    slope_n2c, error_n2c = learned(y, of_model * y)
    assert slope_c2n == pytest.approx(pairs.slope_c2n, abs=se)
    assert slope_n2c == pytest.approx(pairs.slope_n2c, abs=se)
    assert error_c2n == pytest.approx(pairs.bayes_error, rel=se)
    assert error_n2c == pytest.approx(pairs.n2c_error, abs=1e-12)
    assert np.var((1 - of_model) * y) == pytest.approx(pairs.n2c_noise_variance, rel=3 * se)


def test_what_is_encoded() -> None:
    inputs, expected = case("linear_vae_threshold")
    variances, weight = inputs["variances"], inputs["kl_weight"]
    generated = encoded_variances(variances, weight)
    found = {
        "decoder_sd": weight**0.5,
        "decoder_sd_8bit": 255 * weight**0.5,
        "generated_variances": generated,
        "active": generated > 0,
    }
    assert_matches(found, expected)


@pytest.mark.parametrize("variance", [0.004, 5e-5])
def test_the_threshold_is_the_optimum_of_the_loss(variance) -> None:
    """One noise component, linear encoder and decoder: the best slope of the decoder by brute force."""
    weight, rng = 1e-4, np.linspace(0, 1.2 * variance**0.5, 4001)

    def loss(slope) -> float:
        # at the best encoder: minus twice the log-likelihood of N(0, slope^2 + weight), in units of the
        # weight
        total = slope**2 + weight
        return variance / total + np.log(total)

    assert rng[np.argmin(loss(rng))] ** 2 == pytest.approx(encoded_variances([variance], weight)[0], abs=2e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: LinearLUDVAE(1, 1, 0, 1), "must be positive"),
        (lambda: prenoise_kl(0, 1, 1), "must be positive"),
        (lambda: encoded_variances([1.0], 0), "kl_weight must be positive"),
        (lambda: compare_pairs(0, 1), "must be positive"),
    ],
)
def test_errors(call, message) -> None:
    with pytest.raises(ValueError, match=message):
        call()
