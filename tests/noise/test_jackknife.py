"""Intervals by leaving photos out: exact where a formula is, and right as often as they say."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

from nflib.noise.jackknife import GROUPS, groups_of, jackknife


def difference(x: np.ndarray, y: np.ndarray) -> Callable[[int | None, int | None], torch.Tensor]:
    """Mean of y less mean of x, perhaps without one of them."""

    def estimate(without_x: int | None, without_y: int | None) -> torch.Tensor:
        kept = [
            np.delete(values, [] if left is None else left)
            for values, left in ((x, without_x), (y, without_y))
        ]
        return torch.tensor(kept[1].mean() - kept[0].mean())

    return estimate


def test_of_means_it_is_welchs_standard_error() -> None:
    from scipy.stats import ttest_ind

    rng = np.random.default_rng(1)
    x, y = rng.random(5), rng.random(9)
    found = jackknife(difference(x, y), 5, 9)
    assert found.error.item() == pytest.approx(math.sqrt(x.var(ddof=1) / 5 + y.var(ddof=1) / 9))
    assert found.freedom.item() == pytest.approx(ttest_ind(x, y, equal_var=False).df)
    interval = ttest_ind(y, x, equal_var=False).confidence_interval(0.95)
    assert 2 * found.half_width.item() == pytest.approx(interval.high - interval.low)


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(200):
        x, y = rng.gamma(4, 0.25, 12), 2 + rng.gamma(4, 0.25, 9)
        hits += abs(y.mean() - x.mean() - 2) < jackknife(difference(x, y), 12, 9).half_width.item()
    assert 180 <= hits <= 198  # binomial with 0.95: outside with probability 0.005


def test_photos_of_a_group_stay_together() -> None:
    photos = torch.tensor([7, 3, 3, 900, 7])
    assert groups_of(photos).tolist() == [1, 0, 0, 2, 1]
    many = groups_of(torch.arange(100).repeat(3))
    assert many.unique().tolist() == list(range(GROUPS))
    assert torch.equal(many[:100], many[100:200])


def test_one_photo_says_nothing_of_others() -> None:
    assert jackknife(difference(np.ones(1), np.ones(5)), 1, 5) is None
