"""The claims of book/errata.md, each checked numerically. The page names these tests."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import integrate

from nflib.bases import DomainGaussian
from nflib.closed_form import divergences
from nflib.closed_form.gaussian import fit_unpaired
from nflib.domain import Downsample, MaxPool
from nflib.metrics import akld
from tests.helpers.vectors import assert_matches, case

stats = pytest.importorskip("scipy.stats")


def test_deflow_eq1_is_unbounded_as_printed() -> None:
    x, y = np.array([0.0, 1, 2]), np.array([1.0, 2, 4])

    def printed(mean_x, var_x=1.0, mean_u=0.0, var_u=1.0) -> float:
        v = var_x + var_u
        return (
            -np.mean((x - mean_x) ** 2) / var_x
            + math.log(var_x) / 2
            - np.mean((y - mean_x - mean_u) ** 2) / v
            + math.log(v) / 2
        )

    values = [printed(mean) for mean in (0, 10, 100, 1000)]
    assert all(
        b < 5 * a < 0 for a, b in itertools.pairwise(values)
    )  # ten times farther, about a hundred times lower

    fit = fit_unpaired(x, y)
    assert all(fit.replace(mean_x=mean).nll(x, y) > fit.nll(x, y) for mean in (0, 10, 100, 1000))


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_deflow_eq3_and_eq4_are_gradients_of_minus_the_loss(scale) -> None:
    x, y = np.array([0.0, 1, 2.5]), scale * np.array([1.0, 2, 4])
    fit = fit_unpaired(x, y).replace(mean_x=0.3, mean_u=0.4)
    v, step = fit.cov_y, 1e-6
    printed_u = np.mean(y - 0.7) / v
    printed_x = np.mean(x - 0.3) / fit.cov_x + printed_u
    for name, printed in (("mean_u", printed_u), ("mean_x", printed_x)):
        at = getattr(fit, name)
        derivative = (
            fit.replace(**{name: at + step}).nll(x, y) - fit.replace(**{name: at - step}).nll(x, y)
        ) / (2 * step)
        assert derivative == pytest.approx(-printed, rel=1e-6)


def test_deflow_eq8_needs_the_square() -> None:
    x, y = np.array([0.0, 1, 2.5]), np.array([1.0, 2, 5])
    fit = fit_unpaired(x, y).replace(cov_x=0.7, cov_u=0.4)
    s, v, step = 0.7, 1.1, 1e-6
    derivative = (fit.replace(cov_x=s + step).nll(x, y) - fit.replace(cov_x=s - step).nll(x, y)) / (2 * step)

    def eq8(power) -> float:
        return (
            1 / (2 * s) - np.mean((x - x.mean()) ** power) / (2 * s**2) + 1 / (2 * v) - y.var() / (2 * v**2)
        )

    assert derivative == pytest.approx(eq8(2), rel=1e-6)
    assert abs(derivative - eq8(1)) > 0.1


def test_deflow_eq19_is_about_the_variance_of_y() -> None:
    x, y = np.array([0.0, 1, 2]), np.array([1.0, 3, 8])
    assert fit_unpaired(x, y).cov_u == pytest.approx(y.var() - x.var())


def test_ludvae_eq33() -> None:
    inputs, expected = case("cross_term_eq33")
    a, b, mu, s = (np.array(inputs[k]) for k in ("a", "b", "mu_u", "sigma_u"))
    identity, precision = np.eye(len(a)), np.linalg.inv(s)

    def log_normal(z, mean, cov) -> float:
        return stats.multivariate_normal(mean, cov).logpdf(z)

    def right_hand_side(cov, sign) -> float:
        constant = 0.5 * np.log((2 * np.pi) ** len(a) * np.linalg.det(s)) + sign * 0.5 * mu @ precision @ mu
        return (
            log_normal(a, 0 * a, identity)
            + log_normal(b, mu, cov)
            + log_normal(a, -mu, s)
            + a @ precision @ b
            + constant
        )

    joint = log_normal(a, 0 * a, identity) + log_normal(b, a + mu, s)
    base = DomainGaussian(len(a)).double()
    base.mean[0].data = torch.from_numpy(mu)
    base.factor[0].data = torch.from_numpy(np.linalg.cholesky(s))
    degraded = torch.from_numpy(b)[None]
    mean, (covariance,) = base.posterior(degraded)  # DeFlow: p(a, b) = p(b) p(a | b)
    given = log_normal(a, mean[0].detach().numpy(), covariance.detach().numpy())
    of_deflow = base.log_prob(degraded, "degraded").item() + given
    assert of_deflow == pytest.approx(right_hand_side(s, 1))
    assert abs(of_deflow - right_hand_side(identity + s, -1)) > 0.01
    pointwise = log_normal(b, a + mu, s) - log_normal(b, mu, identity + s)
    form = np.block([[identity + precision, -precision], [-precision, np.linalg.inv(identity + s)]])
    assert_matches(
        dict(
            log_joint=joint,
            printed=right_hand_side(identity + s, -1),
            corrected=right_hand_side(s, 1),
            printed_minus_true=right_hand_side(identity + s, -1) - joint,
            pair_term=a @ precision @ b,
            pointwise_mutual_information=pointwise,
            mutual_information=0.5 * np.log(np.linalg.det(identity + precision)),
            printed_form_min_eigenvalue=np.linalg.eigvalsh(form)[0],
        ),
        expected,
    )


def test_ludvae_eq43_holds_in_nats_with_another_constant() -> None:
    """The printed bound is Pinsker's in bits; with a divergence in nats it is too small, here below the
    distance itself.
    """
    inputs, expected = case("l1_and_pinsker")
    n, sy, sx = inputs["n"], inputs["sy"], inputs["sx"]
    narrow, wide = stats.norm(n, sy), stats.norm(0, sx)
    distance = integrate.quad(
        lambda t: abs(narrow.pdf(t) - wide.pdf(t)), -200, 200, limit=500, points=expected["crossings"]
    )[0]
    divergence = divergences.kl_gaussian(n, sy**2, 0, sx**2)
    assert divergences.l1_normal(n, sy, 0, sx) == pytest.approx(distance)
    assert distance == pytest.approx(expected["l1"])
    assert divergence == pytest.approx(expected["kl_nats"])
    assert distance > math.sqrt(2 * math.log(2) * divergence)  # as printed: violated
    assert distance < divergences.pinsker(divergence)  # in nats


def test_ludvae_table2_bicubic_row_is_the_clamp() -> None:
    """0.701 is KL(fake || real) at the smallest ratio of variances the code allows, 0.1: a "fake" without any
    noise has it, whatever the true noise is, and one with a little noise has less.
    """
    generator = torch.Generator().manual_seed(0)
    clean = torch.full((1, 3, 32, 32), 0.5)
    for deviation in (0.02, 0.1):
        real = clean + deviation * torch.randn(clean.shape, generator=generator)
        assert akld(clean, real, clean).item() == pytest.approx(0.701, abs=5e-4)
        little = clean + 0.8 * deviation * torch.randn(clean.shape, generator=generator)
        assert akld(little, real, clean).item() < 0.4
    assert 0.5 * (math.log(1 / 0.1) + 0.1 - 1) == pytest.approx(0.701, abs=5e-4)


def test_max_pooling_turns_noise_into_brightness() -> None:
    for k, printed in ((4, 1.029), (16, 1.766), (64, 2.344)):
        mean = integrate.quad(
            lambda t, k=k: t * k * stats.norm.pdf(t) * stats.norm.cdf(t) ** (k - 1), -10, 10
        )[0]
        assert mean == pytest.approx(printed, abs=5e-4)
        noise = torch.randn(4, 3, 256, 256, generator=torch.Generator().manual_seed(0))
        largest = MaxPool(round(k**0.5))(noise)
        averaged = Downsample(round(k**0.5))(noise)
        error = 4 * largest.std().item() / largest.numel() ** 0.5
        assert largest.mean().item() == pytest.approx(mean, abs=error)
        assert averaged.mean().item() == pytest.approx(0, abs=error)
