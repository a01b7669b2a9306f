"""Bradley-Terry scores: against scipy's optimiser, simulated studies with known strengths, and the parametric
bootstrap.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import optimize, special

from nflib.study.bradley_terry import draw, fit

stats = pytest.importorskip("scipy.stats")
STRENGTHS = np.array([1.0, 0.4, 0.0, -0.5, -0.9])


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def by_logistic_regression(wins: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scores and their covariance from one line per vote, the first score held at zero; by an optimiser and
    numerical curvature.
    """
    size = len(wins)
    padded = wins + (1 - np.eye(size)) / size
    votes = [(a, b, padded[a, b]) for a in range(size) for b in range(size) if a != b]

    def loss(free) -> float:
        s = np.concatenate([[0], free])
        return -sum(n * special.log_expit(s[a] - s[b]) for a, b, n in votes)

    free = optimize.minimize(loss, np.zeros(size - 1), tol=1e-12).x
    curvature = np.array(
        [
            optimize.approx_fprime(free, lambda v, i=i: optimize.approx_fprime(v, loss, 1e-5)[i], 1e-4)
            for i in range(size - 1)
        ]
    )
    centre = np.eye(size)[:, 1:] - 1 / size  # what takes the free scores to those of sum zero
    return centre @ free, centre @ np.linalg.inv(curvature) @ centre.T


@pytest.mark.parametrize("seed", range(3))
def test_scores_and_covariance_are_those_of_a_logistic_regression(seed) -> None:
    wins = np.random.default_rng(seed).integers(0, 12, (4, 4)) * (1 - np.eye(4))
    found = fit(wins)
    scores, covariance = by_logistic_regression(wins)
    assert found.scores == pytest.approx(
        scores, abs=1e-4
    )  # what the optimiser reaches with differences for a gradient
    assert found.covariance == pytest.approx(covariance, rel=0.02, abs=2e-3)  # second differences
    assert found.scores.sum() == pytest.approx(0, abs=1e-12)


def test_two_methods_in_closed_form() -> None:
    found = fit([[0, 30], [12, 0]], ["a", "b"])
    assert found.scores[0] - found.scores[1] == pytest.approx(np.log(30.5 / 12.5))
    assert found.beats("a", "b").value == pytest.approx(30.5 / 43)
    reach = stats.norm.ppf(0.9) * np.sqrt(1 / 30.5 + 1 / 12.5)
    assert found.beats("a", "b", level=0.8)[1:] == pytest.approx(
        special.expit(np.log(30.5 / 12.5) + np.array([-reach, reach]))
    )
    # Seen from the other side: the same numbers, mirrored.
    assert np.array(found.beats("b", "a")) == pytest.approx(1 - np.array(found.beats("a", "b"))[[0, 2, 1]])


@pytest.fixture(scope="module")
def studies() -> dict:
    """Comparisons of each pair -> errors of the scores in deviations and in themselves, (400, 5) each."""
    chance, out = generator(0), {}
    for count in (5, 20, 80):
        found = [fit(draw(STRENGTHS, count, chance)) for _ in range(400)]
        errors = np.array([one.scores for one in found]) - STRENGTHS
        out[count] = errors / np.sqrt([np.diag(one.covariance) for one in found]), errors
    return out


@pytest.mark.parametrize("count", [5, 20, 80])
def test_intervals_cover_the_truth_as_often_as_they_say(studies, count) -> None:
    covered = np.abs(studies[count][0]) < stats.norm.ppf(0.975)
    # 400 studies: a rate of 0.95 is within 0.033 of itself at three standard errors; a small study may be on
    # the safe side.
    assert (covered.mean(0) > 0.95 - 0.033).all()
    assert covered.mean() < 0.98
    half = np.abs(studies[count][0]) < stats.norm.ppf(0.75)
    assert 0.46 < half.mean() < 0.58


def test_error_shrinks_with_the_root_of_the_number_of_votes(studies) -> None:
    error = {count: np.sqrt(np.square(errors).mean()) for count, (_, errors) in studies.items()}
    assert error[20] / error[80] == pytest.approx(2, rel=0.1)
    assert error[5] / error[20] == pytest.approx(2, rel=0.15)  # few votes are pulled together a little


def test_small_studies_are_not_biased(studies) -> None:
    errors = studies[5][1]
    # Bias of a higher order remains: 0.02, where the deviation is 0.4.
    assert (np.abs(errors.mean(0)) < 3.5 * errors.std(0) / np.sqrt(len(errors)) + 0.02).all()


def test_intervals_are_those_of_the_parametric_bootstrap() -> None:
    found, chance = fit(draw(STRENGTHS, 40, generator(1))), generator(2)
    again = np.array([fit(draw(found.scores, 40, chance)).scores for _ in range(600)])
    # 600 draws know a deviation to 3 percent.
    assert again.std(0) == pytest.approx(np.sqrt(np.diag(found.covariance)), rel=0.12)
    for method, ends in zip(found.methods, np.quantile(again, [0.025, 0.975], axis=0).T):
        estimate = found.score(method)
        assert ends == pytest.approx(estimate[1:], abs=0.25 * (estimate.high - estimate.low) / 2)


def test_always_chosen_has_a_finite_score_and_many_votes_still_converge() -> None:
    found = fit(np.array([[0, 10_000, 0], [0, 0, 10_000], [0, 0, 0]]), ["best", "middle", "worst"])
    assert np.isfinite(found.scores).all()
    assert found.ranking() == ["best", "middle", "worst"]
    assert found.beats("best", "middle").low > 0.999
    assert fit([[0, 5], [0, 0]]).scores[0] == pytest.approx(np.log(5.5 / 0.5) / 2)


def test_order_of_the_methods_does_not_matter() -> None:
    wins, order = draw(STRENGTHS, 9, generator(3)), [3, 0, 4, 1, 2]
    assert fit(wins[np.ix_(order, order)]).scores == pytest.approx(fit(wins).scores[order])


def test_draw_is_a_study() -> None:
    wins = draw(STRENGTHS, 2000, generator(4))
    assert ((wins + wins.T) == 2000 * (1 - np.eye(5))).all()
    assert wins[0, 4] / 2000 == pytest.approx(special.expit(1.9), abs=0.03)
    assert (wins == draw(STRENGTHS, 2000, generator(4))).all()
    uneven = draw([0.0, 0.0, 0.0], [[0, 3, 0], [3, 0, 8], [0, 8, 0]])
    assert ((uneven + uneven.T) == [[0, 3, 0], [3, 0, 8], [0, 8, 0]]).all()


def test_table() -> None:
    lines = (
        fit([[0, 2, 9], [8, 0, 9.5], [1, 0.5, 0]], ["white", "DeFlow", "bicubic"])
        .table(level=0.9)
        .splitlines()
    )
    assert [line.split()[0] for line in lines[:4]] == ["method", "DeFlow", "white", "bicubic"]
    assert "17.5 of 20" in lines[1]
    assert lines[4].startswith("In brackets: intervals at 90 %")
    assert len({len(line) for line in lines[:3]}) == 1


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: fit([[0, 1, 2], [1, 0, 2]]), r"matrix \(K, K\) of at least two methods, got shape \(2, 3\)"),
        (lambda: fit([[0]]), "at least two"),
        (lambda: fit([[0, -1], [1, 0]]), "not negative"),
        (lambda: fit([[0, float("nan")], [1, 0]]), "finite"),
        (lambda: fit([[1, 1], [1, 0]]), "zero on the diagonal"),
        (lambda: fit([[0, 1], [1, 0]], ["a", "a"]), "2 different names, got a, a"),
        (lambda: fit([[0, 0], [0, 0]], ["a", "b"]), "nothing compares a with b"),
        (
            lambda: fit([[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 3], [0, 0, 0, 0]], list("abcd")),
            "nothing compares a, b with c, d",
        ),
        (lambda: fit([[0, 1], [1, 0]], ["a", "b"]).score("c"), "one of a, b, got 'c'"),
        (lambda: fit([[0, 1], [1, 0]]).score("0", level=95), "between 0 and 1, got 95"),
    ],
)
def test_bad_arguments_say_what_is_wrong(make, words) -> None:
    with pytest.raises(ValueError, match=words):
        make()
