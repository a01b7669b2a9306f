"""The unpaired Gaussian problem: the closed form against vectors, optimisers, autograd and simulation."""

from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

import nflib.closed_form.gaussian as gaussian
from nflib.closed_form.gaussian import fit_moments, fit_unpaired
from tests.helpers.vectors import assert_matches, case, of_topic

FITS = [name for name in of_topic("unpaired_1d") if "weighting" in case(name)[0]]


def samples(seed, n, m, dim=None, scale_y=1.5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    shape = () if dim is None else (dim,)
    mix = 1.0 if dim is None else rng.standard_normal((dim, dim)) + 2 * np.eye(dim)
    x = rng.standard_normal((n, *shape)) @ mix if dim else rng.standard_normal(n)
    y = scale_y * (rng.standard_normal((m, *shape)) @ mix.T if dim else rng.standard_normal(m)) + 0.7
    return x + 0.3, y


@pytest.mark.parametrize("name", FITS)
def test_vectors_fit(name) -> None:
    inputs, expected = case(name)
    x, y, weighting = np.array(inputs["x"]), np.array(inputs["y"]), inputs["weighting"]
    fit = fit_unpaired(x, y, weighting if isinstance(weighting, str) else tuple(weighting))
    assert_matches(
        dict(
            mean_x=x.mean(),
            mean_y=fit.mean_y,
            var_hat_x=x.var(),
            var_hat_y=y.var(),
            case=fit.case,
            mu_x=fit.mean_x,
            mu_u=fit.mean_u,
            var_x=fit.cov_x,
            var_u=fit.cov_u,
            lambda_u=fit.multiplier,
            objective=fit.nll(x, y),
        ),
        expected,
    )


@pytest.mark.parametrize("name", of_topic("unpaired_multivariate"))
def test_vectors_multivariate(name) -> None:
    inputs, expected = case(name)
    a, b = np.array(inputs["A"]), np.array(inputs["B"])
    w_x, w_y = inputs["weights"]
    zero = np.zeros(len(a))
    fit = fit_moments(zero, a, zero, b, weights=(w_x, w_y))

    def half(cov, data) -> float:
        return 0.5 * (np.linalg.slogdet(cov)[1] + np.trace(np.linalg.solve(cov, data)))

    difference, vectors = np.linalg.eigh(b - a)
    assert_matches(
        dict(
            generalised_eigenvalues=np.sort(np.linalg.eigvals(np.linalg.solve(a, b)).real),
            sigma_x=fit.cov_x,
            sigma_u=fit.cov_u,
            rank_sigma_u=np.linalg.matrix_rank(fit.cov_u, tol=1e-10),
            objective=w_x * half(fit.cov_x, a) + w_y * half(fit.cov_y, b),
            naive_sigma_u=(vectors * np.maximum(difference, 0)) @ vectors.T,
        ),
        expected,
    )
    assert (
        np.abs(fit.cov_u - np.array(expected["naive_sigma_u"])).max() > 0.01
    )  # clipping in pixel coordinates is another answer


def test_vectors_nll_and_gradient() -> None:
    inputs, expected = case("unpaired1d_nll_and_gradient")
    x, y = np.array(inputs["x"]), np.array(inputs["y"])
    at = dict(mean_x=inputs["mu_x"], cov_x=inputs["var_x"], mean_u=inputs["mu_u"], cov_u=inputs["var_u"])
    fit = fit_unpaired(x, y).replace(**at)
    nll_x, nll_y = fit.replace(weights=(1.0, 0.0)).nll(x, y), fit.replace(weights=(0.0, 1.0)).nll(x, y)

    def derivative(name, step=1e-5) -> float:
        up, down = (fit.replace(**{name: at[name] + s}).nll(x, y) for s in (step, -step))
        return (up - down) / (2 * step)

    assert_matches(
        dict(
            nll_x=nll_x,
            nll_y=nll_y,
            objective=fit.nll(x, y),
            objective_without_constants=fit.nll(x, y) - np.log(2 * np.pi),
            total_nll=fit.replace(weights=(len(x), len(y))).nll(x, y),
        ),
        {k: v for k, v in expected.items() if not k.startswith("grad")},
    )
    for name, key in (
        ("mean_x", "grad_mu_x"),
        ("mean_u", "grad_mu_u"),
        ("cov_x", "grad_var_x"),
        ("cov_u", "grad_var_u"),
    ):
        assert derivative(name) == pytest.approx(expected[key], abs=1e-8)


def test_vectors_standard_errors() -> None:
    inputs, expected = case("unpaired1d_standard_errors")
    n, m = inputs["N"], inputs["M"]
    fit = gaussian.UnpairedGaussian(0.0, inputs["var_x"], 0.0, inputs["var_u"], 0.0, 1)
    errors = fit.standard_errors(n, m)
    exact = gaussian.unclipped_moments(inputs["var_x"], inputs["var_u"], n, m)
    assert_matches(
        dict(
            se_mu_x=errors.mean_x,
            se_mu_u=errors.mean_u,
            se_var_x=errors.cov_x,
            se_var_u=errors.cov_u,
            cov_var_x_var_u=-(errors.cov_x**2),
            exact_mean_unclipped_var_u=exact.mean,
            exact_variance_unclipped_var_u=exact.variance,
            unpaired_to_paired_variance_ratio_equal_sizes=gaussian.price_of_unpaired(
                inputs["var_u"] / inputs["var_x"]
            ),
        ),
        expected,
    )


def test_vectors_interval() -> None:
    inputs, expected = case("unpaired1d_f_interval")
    n, m = inputs["N"], inputs["M"]
    interval = gaussian.ratio_interval(inputs["var_hat_x"], inputs["var_hat_y"], n, m, inputs["level"])
    assert_matches(
        dict(
            F=interval.statistic,
            r_low=interval.low,
            r_high=interval.high,
            p_value_no_noise=interval.p_value,
            prob_case2=gaussian.probability_of_case_two(inputs["true_r"], n, m),
        ),
        expected,
    )


def test_vectors_clipped_normal() -> None:
    inputs, expected = case("clipped_normal_moments")
    assert_matches(gaussian.clipped_normal(inputs["theta"], inputs["tau"])._asdict(), expected)


@pytest.mark.parametrize("scale_y", [0.5, 1.0, 1.6])
@pytest.mark.parametrize("weighting", ["average", "count", (0.2, 3.0)])
def test_scalar_fit_is_what_an_optimiser_finds(scale_y, weighting) -> None:
    x, y = samples(3, 40, 25, scale_y=scale_y)
    fit = fit_unpaired(x, y, weighting)

    def objective(p) -> float:
        return fit.replace(mean_x=p[0], cov_x=np.exp(p[1]), mean_u=p[2], cov_u=p[3]).nll(x, y)

    found = minimize(
        objective,
        [0, 0, 0, 0.5],
        method="L-BFGS-B",
        bounds=[(None, None)] * 3 + [(0, None)],
        options={"ftol": 1e-15, "gtol": 1e-10},
    )
    assert fit.nll(x, y) <= found.fun + 1e-10
    assert found.fun == pytest.approx(fit.nll(x, y), rel=1e-8)
    np.testing.assert_allclose(
        [found.x[0], np.exp(found.x[1]), found.x[2], found.x[3]],
        [fit.mean_x, fit.cov_x, fit.mean_u, fit.cov_u],
        atol=2e-4,
    )


@pytest.mark.parametrize("dim", [2, 3])
@pytest.mark.parametrize("weighting", ["average", "count"])
def test_vector_fit_is_what_an_optimiser_finds(dim, weighting) -> None:
    x, y = samples(dim, 60, 35, dim, scale_y=1.1)
    fit = fit_unpaired(x, y, weighting)
    lower = np.tril_indices(dim)

    def unpack(p) -> Any:
        factors = np.zeros((2, dim, dim))
        factors[0][lower], factors[1][lower] = p.reshape(2, -1)
        return factors @ factors.transpose(0, 2, 1)

    def objective(p) -> float:
        cov_x, cov_u = unpack(p)
        return fit.replace(cov_x=cov_x + 1e-12 * np.eye(dim), cov_u=cov_u).nll(x, y) / sum(fit.weights)

    start = np.tile(np.eye(dim)[lower], 2)
    found = minimize(objective, start, method="BFGS", options={"gtol": 1e-9})
    best = fit.nll(x, y) / sum(fit.weights)
    assert best <= found.fun + 1e-9
    assert found.fun == pytest.approx(best, abs=1e-6)


def test_multiplier_satisfies_kkt_in_two_dimensions() -> None:
    x, y = samples(1, 50, 30, 2, scale_y=0.8)
    fit = fit_unpaired(x, y, "count")
    assert fit.case == 2
    cov_u = torch.tensor(fit.cov_u, requires_grad=True)
    cov_x = torch.tensor(fit.cov_x, requires_grad=True)
    a, b = (torch.tensor(np.cov(s.T, bias=True)) for s in (x, y))
    v = cov_x + cov_u
    w_x, w_y = fit.weights
    loss = 0.5 * (
        w_x * (torch.logdet(cov_x) + torch.trace(torch.linalg.solve(cov_x, a)))
        + w_y * (torch.logdet(v) + torch.trace(torch.linalg.solve(v, b)))
    )
    gradient_x, gradient_u = torch.autograd.grad(loss, (cov_x, cov_u))
    np.testing.assert_allclose(gradient_x, 0, atol=1e-9)
    np.testing.assert_allclose(gradient_u, fit.multiplier, atol=1e-9)  # stationarity of the Lagrangian
    assert np.linalg.eigvalsh(fit.multiplier).min() > -1e-9
    np.testing.assert_allclose(fit.multiplier @ fit.cov_u, 0, atol=1e-8)  # complementary slackness


def test_scalar_and_one_dimensional_vectors_agree() -> None:
    x, y = samples(0, 30, 20)
    scalar, vector = fit_unpaired(x, y), fit_unpaired(x[:, None], y[:, None])
    assert isinstance(scalar.cov_u, float)
    assert vector.cov_u.shape == (1, 1)
    assert vector.mean_u.shape == (1,)
    assert scalar.cov_u == pytest.approx(vector.cov_u[0, 0])
    assert scalar.nll(x, y) == pytest.approx(vector.nll(x[:, None], y[:, None]))


def test_affine_equivariance() -> None:
    """A change of coordinates changes the answer accordingly; clipping in pixel coordinates would not have
    this.
    """
    x, y = samples(5, 80, 50, 3, scale_y=1.0)
    change = np.array([[1.0, 0.4, 0], [-0.3, 2.0, 0.1], [0.5, 0, 0.7]])
    fit, changed = fit_unpaired(x, y), fit_unpaired(x @ change.T, y @ change.T)
    np.testing.assert_allclose(changed.cov_u, change @ fit.cov_u @ change.T, atol=1e-10)
    np.testing.assert_allclose(changed.cov_x, change @ fit.cov_x @ change.T, atol=1e-10)


def test_tensors_are_accepted() -> None:
    x, y = samples(0, 30, 20)
    assert fit_unpaired(torch.tensor(x), torch.tensor(y)).cov_u == fit_unpaired(x, y).cov_u


def test_standard_errors_match_simulation() -> None:
    n, m, s, t = 200, 150, 2.0, 1.0
    rng = np.random.default_rng(0)
    fits = [fit_unpaired(rng.normal(0, np.sqrt(s), n), rng.normal(1, np.sqrt(s + t), m)) for _ in range(4000)]
    truth = gaussian.UnpairedGaussian(0.0, s, 1.0, t, 0.0, 1)
    for name, error in truth.standard_errors(n, m)._asdict().items():
        spread = np.std([getattr(fit, name) for fit in fits])
        assert spread == pytest.approx(error, rel=5 / np.sqrt(2 * 4000)), (
            name
        )  # five standard errors of a standard deviation


def test_vector_standard_errors_match_simulation() -> None:
    cov_x, cov_u = np.array([[2.0, 0.5], [0.5, 1.0]]), np.array([[3.0, -0.4], [-0.4, 2.0]])
    truth = gaussian.UnpairedGaussian(np.zeros(2), cov_x, np.zeros(2), cov_u, np.zeros((2, 2)), 1)
    rng = np.random.default_rng(0)
    fits = [
        fit_unpaired(
            rng.multivariate_normal([0, 0], cov_x, 300), rng.multivariate_normal([0, 0], cov_x + cov_u, 200)
        )
        for _ in range(2000)
    ]
    errors = truth.standard_errors(300, 200)
    for name in ("mean_u", "cov_x", "cov_u"):
        np.testing.assert_allclose(
            np.std([getattr(fit, name) for fit in fits], axis=0),
            getattr(errors, name),
            rtol=5 / np.sqrt(4000),
            err_msg=name,
        )


def test_interval_covers() -> None:
    rng, covered, trials = np.random.default_rng(0), 0, 4000
    for _ in range(trials):
        x, y = rng.normal(0, 1, 60), rng.normal(0, np.sqrt(1.3), 40)
        interval = gaussian.ratio_interval(x.var(), y.var(), 60, 40, level=0.9)
        covered += interval.low <= 0.3 <= interval.high
    assert abs(covered / trials - 0.9) < 4 * np.sqrt(0.09 / trials)


def test_degrade() -> None:
    x, y = samples(0, 4000, 3000, 2, scale_y=2.0)
    fit = fit_unpaired(x, y)

    def draw(seed, tau=1.0, data=x) -> np.ndarray | torch.Tensor:
        return fit.degrade(data, tau, torch.Generator().manual_seed(seed))

    assert np.array_equal(draw(1), draw(1))
    assert not np.array_equal(draw(1), draw(2))
    assert np.array_equal(draw(1, tau=0.0), x)
    np.testing.assert_allclose(draw(1, tau=0.5) - x, 0.5 * (draw(1) - x), atol=1e-12)
    noise = draw(1) - x
    np.testing.assert_allclose(noise.mean(0), fit.mean_u, atol=4 * np.sqrt(np.diag(fit.cov_u).max() / 4000))
    np.testing.assert_allclose(np.cov(noise.T), fit.cov_u, atol=6 * np.abs(fit.cov_u).max() / np.sqrt(4000))
    tensor = draw(1, data=torch.tensor(x, dtype=torch.float32))
    assert tensor.dtype == torch.float32
    np.testing.assert_allclose(tensor, draw(1), atol=1e-5)
    with pytest.raises(ValueError, match=r"x must have shape \(N, \*\(2,\)\)"):
        fit.degrade(x[:, 0])


@pytest.mark.parametrize("scale_y", [0.6, 1.7])
@pytest.mark.parametrize("dim", [None, 1, 3])
def test_to_flow_is_the_same_model(dim, scale_y) -> None:
    x, y = samples(2, 50, 40, dim, scale_y)
    fit = fit_unpaired(x, y)
    flow = fit.to_flow()

    def rows(a) -> torch.Tensor:
        return torch.tensor(np.reshape(a, (len(a), -1)))

    nll = -flow.log_prob(rows(x)).mean() - flow.log_prob(rows(y), domain="degraded").mean()
    assert nll.item() == pytest.approx(fit.nll(x, y), rel=1e-10)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.ones(5), np.arange(4.0), "x has no variance"),
        (np.full(5, 0.1), np.arange(4.0), "x has no variance"),
        ([1.0], [1.0, 2.0], "x has no variance"),
        (np.arange(6.0).reshape(2, 3), np.zeros((4, 3)), "at least 4 samples"),
        (np.stack([np.arange(9.0)] * 2, 1), np.zeros((4, 2)), "no variance in some direction"),
        ([], [1.0], r"x must have shape .* got \(0,\)"),
        ([1.0, 2.0], [], r"y must have shape .* got \(0,\)"),
        ([1.0, np.nan], [1.0], "x must be finite, got 1 NaN"),
        ([1.0, 2.0], [np.inf, 1.0], "y must be finite, got 1 NaN"),
        (np.zeros((3, 2, 2)), np.zeros(3), r"x must have shape .* got \(3, 2, 2\)"),
        (np.zeros((3, 2)), np.zeros(3), "samples of one length"),
        (np.zeros((3, 2)), np.zeros((3, 4)), "samples of one length"),
        (["a", "b"], [1.0], "x must be an array of numbers"),
        ([[1.0, 2.0], [3.0]], [1.0], "x must be an array of numbers"),
    ],
)
def test_bad_data(x, y, message) -> None:
    with pytest.raises(ValueError, match=message):
        fit_unpaired(x, y)


@pytest.mark.parametrize("weighting", ["mean", (1.0, 0.0), (1.0, -1.0), (np.nan, 1.0)])
def test_bad_weighting(weighting) -> None:
    with pytest.raises(ValueError, match="weight"):
        fit_unpaired([1.0, 2.0], [1.0, 3.0], weighting)


def test_bad_numbers_elsewhere() -> None:
    with pytest.raises(ValueError, match="level"):
        gaussian.ratio_interval(1.0, 1.0, 5, 5, level=95)
    with pytest.raises(ValueError, match="at least 2"):
        gaussian.ratio_interval(1.0, 1.0, 1, 5)
    with pytest.raises(ValueError, match="deviation"):
        gaussian.clipped_normal(1.0, 0.0)
