"""Base distributions against torch.distributions and simulation."""

import numpy as np
import pytest
import torch
from torch.distributions import MultivariateNormal, Normal

from nflib.bases import DomainGaussian, LocalDomainGaussian, StandardNormal
from tests.helpers.vectors import assert_matches, case


def draw(*shape, seed=0) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def domain_gaussian(channels, seed=0) -> DomainGaussian:
    base = DomainGaussian(channels).double().requires_grad_(False)
    for i, (mean, factor) in enumerate(zip(base.mean, base.factor)):
        mean.copy_(draw(*mean.shape, seed=seed + i))
        factor.copy_(draw(*factor.shape, seed=seed + 10 + i))
    return base


def test_standard_normal_against_torch() -> None:
    z = draw(4, 3, 2, 2)
    expected = Normal(0.0, 1.0).log_prob(z).flatten(1).sum(1)
    torch.testing.assert_close(StandardNormal().log_prob(z), expected)
    torch.testing.assert_close(
        StandardNormal().log_prob((z, z[:, :1])),
        expected + Normal(0.0, 1.0).log_prob(z[:, :1]).flatten(1).sum(1),
    )


def test_standard_normal_vector() -> None:
    inputs, expected = case("standard_normal_nll")
    z = torch.tensor([inputs["z"]], dtype=torch.float64)
    dims = z.shape[1]
    entropy = (
        MultivariateNormal(torch.zeros(dims, dtype=torch.float64), torch.eye(dims, dtype=torch.float64))
        .entropy()
        .item()
    )
    assert_matches(
        dict(
            expected_nats=entropy,
            expected_nats_per_dim=entropy / dims,
            expected_bits_per_dim=entropy / dims / np.log(2),
            variance_of_nll=dims / 2,
            nll_of_z=-StandardNormal().log_prob(z).item(),
        ),
        expected,
    )
    nll = -StandardNormal().log_prob(draw(200_000, dims))
    assert nll.mean().item() == pytest.approx(expected["expected_nats"], abs=4 * np.sqrt(2.5 / 200_000))
    assert nll.var().item() == pytest.approx(expected["variance_of_nll"], rel=0.02)


def test_domain_gaussian_against_torch() -> None:
    base, z = domain_gaussian(3), draw(4, 3, 2, 5, seed=9)
    total = torch.eye(3) + base.factor[0] @ base.factor[0].T
    rows = z.permute(0, 2, 3, 1)
    degraded = MultivariateNormal(base.mean[0], total).log_prob(rows).sum((1, 2))
    clean = (
        MultivariateNormal(torch.zeros(3, dtype=torch.float64), torch.eye(3, dtype=torch.float64))
        .log_prob(rows)
        .sum((1, 2))
    )
    torch.testing.assert_close(base.log_prob(z, "clean"), clean)
    torch.testing.assert_close(base.log_prob(z, "degraded"), degraded)
    mixed = base.log_prob(z, ["clean", "degraded", "degraded", "clean"])
    torch.testing.assert_close(mixed, torch.stack((clean[0], degraded[1], degraded[2], clean[3])))


def test_domain_gaussian_on_levels_adds_up() -> None:
    base, z = domain_gaussian([2, 3]), (draw(4, 2, 4, 4), draw(4, 3, 2, 2))
    each = [domain_gaussian(2).log_prob(z[0], "degraded")]
    single = DomainGaussian(3).double().requires_grad_(False)
    single.mean[0].copy_(base.mean[1])
    single.factor[0].copy_(base.factor[1])
    each.append(single.log_prob(z[1], "degraded"))
    torch.testing.assert_close(base.log_prob(z, "degraded"), sum(each))


def test_a_nan_of_the_other_domain_does_not_leak() -> None:
    base = DomainGaussian(2)
    z = torch.zeros(2, 2)
    log_prob = base.log_prob(z, ["clean", "degraded"])
    log_prob.sum().backward()
    assert base.factor[0].grad.isfinite().all()


def test_shift_has_the_law_it_claims() -> None:
    base, like = domain_gaussian(2), torch.empty(1, 2, 300, 400, dtype=torch.float64)
    for tau in (1.0, 0.5):
        u = base.shift(like, tau, torch.Generator().manual_seed(0))[0].flatten(1)
        cov = tau**2 * base.factor[0] @ base.factor[0].T
        error = np.sqrt(cov.diagonal().max().item() / u.shape[1])
        np.testing.assert_allclose(u.mean(1).numpy(), (tau * base.mean[0]).numpy(), atol=4 * error)
        np.testing.assert_allclose(
            np.cov(u.numpy()), cov.numpy(), atol=6 * cov.diagonal().max().item() / np.sqrt(u.shape[1])
        )
    assert torch.equal(base.shift(like, 0.0), torch.zeros_like(like))


def test_samples_of_the_degraded_domain_are_clean_plus_shift() -> None:
    base, like = domain_gaussian(2), torch.empty(100_000, 2, dtype=torch.float64)
    z = base.sample(like, generator=torch.Generator().manual_seed(0), domain="degraded")
    total = torch.eye(2) + base.factor[0] @ base.factor[0].T
    np.testing.assert_allclose(
        np.cov(z.T.numpy()), total.numpy(), atol=6 * total.max().item() / np.sqrt(len(z))
    )
    mixed = base.sample(
        torch.empty(2, 2, dtype=torch.float64),
        generator=torch.Generator().manual_seed(0),
        domain=["clean", "degraded"],
    )
    clean = base.sample(torch.empty(2, 2, dtype=torch.float64), generator=torch.Generator().manual_seed(0))
    assert torch.equal(mixed[0], clean[0])
    assert not torch.equal(mixed[1], clean[1])


def test_temperature_multiplies_the_standard_deviation() -> None:
    like = torch.empty(5, 3)
    cold, warm = (StandardNormal().sample(like, t, torch.Generator().manual_seed(0)) for t in (0.5, 1.0))
    torch.testing.assert_close(cold, 0.5 * warm)
    assert isinstance(StandardNormal().sample((like, like)), tuple)


def test_posterior_is_the_regression_on_simulated_pairs() -> None:
    base = domain_gaussian(2)
    clean = draw(200_000, 2, seed=5)
    degraded = clean + base.shift(clean, generator=torch.Generator().manual_seed(6))
    mean, (cov,) = base.posterior(degraded)
    residual = clean - mean
    np.testing.assert_allclose(np.cov(residual.T.numpy()), cov.numpy(), atol=0.01)
    np.testing.assert_allclose(
        (residual.T @ degraded / len(clean)).numpy(), 0, atol=0.03
    )  # nothing left to explain


def test_noise_factor_starts_small_and_gets_a_gradient() -> None:
    base, z = DomainGaussian(2), 2 * draw(500, 2).float()
    assert base.noise_power() == [pytest.approx(0.02)]
    (-base.log_prob(z, "degraded").mean()).backward()
    assert (base.factor[0].grad.diagonal() < -1e-3).all()  # more noise is better: it grows
    stuck = DomainGaussian(2, noise=0.0)
    (-stuck.log_prob(z, "degraded").mean()).backward()
    assert torch.equal(stuck.factor[0].grad, torch.zeros(2, 2))  # the saddle


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: DomainGaussian(2).log_prob(torch.zeros(3, 2), "noisy"), "domain must be .* got 'noisy'"),
        (lambda: DomainGaussian(2).log_prob(torch.zeros(3, 2), ["clean"]), "1 domain names for a batch of 3"),
        (lambda: DomainGaussian(2).log_prob(torch.zeros(3, 4)), r"latents with \[2\] channels, got \[4\]"),
        (lambda: StandardNormal().log_prob(torch.zeros(3, 4), "degraded"), "only the domain"),
        (lambda: StandardNormal().sample(torch.zeros(3, 4), domain="degraded"), "only the domain"),
    ],
)
def test_errors(call, message) -> None:
    with pytest.raises(ValueError, match=message):
        call()


class TestLocal:
    """Against the full Gaussian with the factor that each position has, one position at a time."""

    @staticmethod
    def base():
        base = LocalDomainGaussian(3).double().requires_grad_(False)
        base.mean[0].copy_(draw(3))
        base.factor[0].copy_(draw(3, seed=1))
        base.axes0.copy_(torch.linalg.qr(draw(3, 3, seed=5))[0])
        return base

    def test_log_prob_and_posterior(self) -> None:
        base, z, gain = self.base(), draw(2, 3, 2, 2, seed=2), draw(2, 3, 2, 2, seed=3).exp()
        local = base.given((gain,))
        means, variances = local.posterior((z,))
        total = torch.zeros(2, dtype=torch.float64)
        for b, i, j in np.ndindex(2, 2, 2):
            g, full = gain[b, :, i, j], DomainGaussian(3).double().requires_grad_(False)
            full.mean[0].copy_(base.axes0 @ (g * base.mean[0]))
            full.factor[0].copy_(base.axes0 @ torch.diag(g * base.factor[0]))
            place = z[b : b + 1, :, i, j]
            total[b] += full.log_prob(place, "degraded")[0]
            mean, covariance = full.posterior(place)
            torch.testing.assert_close(means[0][b, :, i, j], mean[0])
            torch.testing.assert_close(
                base.axes0 @ torch.diag(variances[0][b, :, i, j]) @ base.axes0.T, covariance[0]
            )
        torch.testing.assert_close(local.log_prob((z,), "degraded"), total)
        torch.testing.assert_close(local.log_prob((z,), "clean"), StandardNormal().log_prob(z))

    def test_shift_has_the_stated_moments(self) -> None:
        base, like = self.base(), torch.zeros(1, 3, 200, 200, dtype=torch.float64)
        gain = torch.ones_like(like)
        gain[..., 100:] = 2.0
        (shift,) = base.given((gain,)).shift((like,), 0.5, torch.Generator().manual_seed(0))
        for half, g in ((shift[..., :100], 1.0), (shift[..., 100:], 2.0)):
            values = base.axes0.T @ half[0].flatten(1)
            deviation = 0.5 * g * base.factor[0].abs()
            assert (
                (values.mean(1) - 0.5 * g * base.mean[0]).abs() < 5 * deviation / values.shape[1] ** 0.5
            ).all()
            torch.testing.assert_close(values.std(1), deviation, rtol=0.03, atol=0)

    def test_without_gain_it_is_one(self) -> None:
        base, z = self.base(), draw(2, 3, 2, 2)
        torch.testing.assert_close(
            base.log_prob(z, "degraded"), base.given((torch.ones_like(z),)).log_prob((z,), "degraded")
        )
        assert base.given(None).mean is base.mean
