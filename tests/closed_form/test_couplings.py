"""Joint laws with given marginals against the vectors and simulation."""

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from nflib.closed_form.couplings import GaussianCoupling
from tests.helpers.vectors import assert_matches, case


def test_vectors_1d() -> None:
    inputs, expected = case("coupling_laws_1d")
    s, t, m, u, x = inputs["var_x"], inputs["var_u"], inputs["mu_x"], inputs["mu_u"], inputs["x"]
    additive = GaussianCoupling.additive(m, s, u, t)
    transport, copula = (GaussianCoupling(m, s, m + u, s + t, c) for c in (1.0, inputs["correlation"]))
    optimal, misled = (additive.denoising_error(c.denoiser_slope) for c in (additive, transport))
    found = dict(
        additive_mean=additive.conditional(x)[0],
        additive_var=additive.conditional(x)[1],
        additive_correlation=additive.correlation,
        additive_cost=additive.cost,
        ot_y=transport.conditional(x)[0],
        ot_cost=transport.cost,
        copula_mean=copula.conditional(x)[0],
        copula_var=copula.conditional(x)[1],
        copula_cost=copula.cost,
        denoiser_mse_optimal=optimal,
        denoiser_mse_from_ot=misled,
        denoiser_penalty=misled / optimal,
    )
    assert_matches(found, expected)


def test_vectors_2d() -> None:
    inputs, expected = case("coupling_ot_2d")
    sigma_x, sigma_u = np.array(inputs["sigma_x"]), np.array(inputs["sigma_u"])
    root = sqrtm(sigma_x)
    transport = np.linalg.inv(root) @ sqrtm(root @ (sigma_x + sigma_u) @ root) @ np.linalg.inv(root)
    np.testing.assert_allclose(transport @ sigma_x @ transport, sigma_x + sigma_u)
    move = transport - np.eye(2)
    assert_matches(
        dict(T=transport, ot_cost=np.trace(move @ sigma_x @ move), additive_cost=np.trace(sigma_u)), expected
    )


def test_vectors_twist() -> None:
    """Latents turned by an angle that grows with their squared length: the marginals stay, the distance from
    x to y does not.

    Chapters 1 and 2 derive it; here the mean is a Gauss quadrature over the length of z and the two
    coordinates of u.
    """
    inputs, expected = case("twist_coupling")
    c, s2 = inputs["c"], inputs["s2"]
    half_squares, weights_z = np.polynomial.laguerre.laggauss(120)
    nodes, weights_u = np.polynomial.hermite_e.hermegauss(80)
    z = np.sqrt(2 * half_squares)[:, None, None]
    w = z + np.sqrt(s2) * (nodes[:, None] + 1j * nodes)[None]
    inner = np.real(np.conj(z) * w * np.exp(-1j * c * (np.abs(w) ** 2 - z**2)))
    weights = weights_z[:, None, None] * (weights_u[:, None] * weights_u)[None] / (2 * np.pi)
    mean, square_x, square_y = (float((weights * v).sum()) for v in (inner, z**2, np.abs(w) ** 2))
    assert_matches(
        dict(
            mean_inner_product=mean,
            mean_squared_difference=square_x + square_y - 2 * mean,
            marginal_var_x=square_x / 2,
            marginal_var_y=square_y / 2,
        ),
        expected,
    )


@pytest.mark.parametrize("c", [-1.0, -0.4, 0.0, 0.7, 1.0])
def test_samples_have_the_marginals_and_the_cost(c) -> None:
    coupling = GaussianCoupling(0.5, 1.0, 0.9, 2.0, c)
    n = 200_000
    x, y = coupling.sample(n, torch.Generator().manual_seed(0))
    assert x.var() == pytest.approx(1.0, rel=5 * np.sqrt(2 / n))
    assert y.var() == pytest.approx(2.0, rel=5 * np.sqrt(2 / n))
    assert np.corrcoef(x, y)[0, 1] == pytest.approx(c, abs=5 / np.sqrt(n))
    squared = (y - x) ** 2
    assert coupling.cost == pytest.approx(squared.mean(), abs=5 * squared.std() / np.sqrt(n))
    fitted = np.cov(x, y)[0, 1] / y.var()
    assert coupling.denoiser_slope == pytest.approx(fitted, abs=0.01)
    assert coupling.denoising_error(0.3) == pytest.approx(np.mean((x - 0.5 - 0.3 * (y - 0.9)) ** 2), rel=0.02)


@pytest.mark.parametrize(
    ("changes", "message"), [(dict(correlation=1.2), "between -1 and 1"), (dict(var_x=0.0), "positive")]
)
def test_errors(changes, message) -> None:
    with pytest.raises(ValueError, match=message):
        GaussianCoupling(**(dict(mean_x=0, var_x=1, mean_y=0, var_y=1, correlation=0) | changes))
