import itertools
import math

import numpy as np
import pytest
import torch
from scipy import integrate

from nflib.closed_form.divergences import (
    bretagnolle_huber,
    crossings,
    kl_gaussian,
    kl_normal,
    l1_normal,
    mmd_normal,
    pinsker,
)
from nflib.metrics import GaussianKernel, mmd
from tests.helpers.vectors import assert_matches, case

stats = pytest.importorskip("scipy.stats")


def test_kl_in_one_dimension() -> None:
    inputs, expected = case("kl_gauss_1d")
    m1, v1, m2, v2 = (inputs[k] for k in ("m1", "v1", "m2", "v2"))
    there, back = kl_gaussian(m1, v1, m2, v2), kl_gaussian(m2, v2, m1, v1)
    assert_matches({"kl_12": there, "kl_21": back, "kl_12_bits": there / math.log(2)}, expected)
    logs = [torch.tensor(v, dtype=torch.float64).log() / 2 for v in (v1, v2)]
    means = [torch.tensor(m, dtype=torch.float64) for m in (m1, m2)]
    assert kl_normal(means[0], logs[0], means[1], logs[1]).item() == pytest.approx(there, rel=1e-12)
    assert kl_normal(means[0], logs[0]).item() == pytest.approx(kl_gaussian(m1, v1, 0, 1), rel=1e-12)


def test_kl_of_full_covariances() -> None:
    inputs, expected = case("kl_gauss_full")
    m1, s1, m2, s2 = (inputs[k] for k in ("m1", "S1", "m2", "S2"))
    assert_matches({"kl_12": kl_gaussian(m1, s1, m2, s2), "kl_21": kl_gaussian(m2, s2, m1, s1)}, expected)


def test_l1_and_its_bounds() -> None:
    inputs, expected = case("l1_and_pinsker")
    n, sy, sx = (inputs[k] for k in ("n", "sy", "sx"))
    kl, l1 = kl_gaussian(n, sy**2, 0, sx**2), l1_normal(n, sy, 0, sx)
    found = {
        "l1": l1,
        "total_variation": l1 / 2,
        "kl_nats": kl,
        "pinsker_nats": pinsker(kl),
        "printed_bound": pinsker(math.log(2) * kl),
        "bretagnolle_huber": bretagnolle_huber(kl),
        "crossings": crossings(n, sy, 0, sx),
    }
    assert_matches(found, expected)


@pytest.mark.parametrize("variances", [(1.0, 1.0), (1.0, 4.0), (9.0, 0.3)])
def test_mmd_of_normal_laws_by_sampling(variances) -> None:
    kernel, rng = GaussianKernel((1.7,)), np.random.default_rng(2)
    draws = [
        mmd(*(torch.tensor(v**0.5 * rng.standard_normal((100, 1))) for v in variances), kernel).item()
        for _ in range(200)
    ]
    assert mmd_normal(*variances, 1.7) == pytest.approx(
        np.mean(draws), abs=4 * np.std(draws) / math.sqrt(len(draws))
    )


@pytest.mark.parametrize("laws", [(0.3, 1.0, -0.5, 2.0), (0.0, 3.0, 0.0, 1.0), (4.0, 0.5, 0.0, 0.6)])
def test_l1_is_the_integral(laws) -> None:
    mean, sd, other_mean, other_sd = laws
    places = sorted({*np.linspace(-30, 30, 61), *crossings(*laws)})

    def distance(t) -> float:
        return abs(stats.norm.pdf(t, mean, sd) - stats.norm.pdf(t, other_mean, other_sd))

    assert l1_normal(*laws) == pytest.approx(
        sum(integrate.quad(distance, a, b)[0] for a, b in itertools.pairwise(places)), abs=1e-7
    )
    kl = kl_gaussian(mean, sd**2, other_mean, other_sd**2)
    assert l1_normal(*laws) <= min(pinsker(kl), bretagnolle_huber(kl)) < 2 + pinsker(kl)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: kl_gaussian([0, 0], np.eye(2), [0], np.eye(2)), "expected means"),
        (lambda: kl_gaussian(0, -1.0, 0, 1), "cov must be positive definite"),
        (lambda: crossings(0, 1, 1, 1), "positive and different"),
    ],
)
def test_errors(call, message) -> None:
    with pytest.raises(ValueError, match=message):
        call()
