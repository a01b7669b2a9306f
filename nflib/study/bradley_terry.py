"""Scores from comparisons in pairs (R. A. Bradley and M. E. Terry, Biometrika 39, 1952).

A method of score ``s_a`` is chosen over one of score ``s_b`` with probability ``1 / (1 + exp(s_b - s_a))``,
every time anew. Only differences of scores mean anything, so their sum is set to zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from .._texts import shown

__all__ = ["BradleyTerry", "Estimate", "draw", "fit"]


class Estimate(NamedTuple):
    """A value and the ends of its interval.

    >>> print(Estimate(0.731, 0.6, 0.842))
    0.73 (0.60 to 0.84)
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"


@dataclass(frozen=True)
class BradleyTerry:
    """What :func:`fit` found.

    >>> found = fit([[0, 8], [2, 0]], ["ours", "theirs"])
    >>> found.ranking()
    ['ours', 'theirs']
    >>> print(found.beats("ours", "theirs"))
    0.77 (0.45 to 0.93)

    Attributes:
        methods: their names, K of them.
        wins: (K, K), ``wins[a, b]`` is how often a was chosen over b.
        scores: (K,), natural log-strengths with sum zero.
        covariance: (K, K) of the scores: the inverse of the Fisher information on vectors of sum zero.
    """

    methods: tuple[str, ...]
    wins: np.ndarray
    scores: np.ndarray
    covariance: np.ndarray

    def score(self, method: str, level: float = 0.95) -> Estimate:
        """Score of a method, and its interval at a level of confidence."""
        a = self._index(method)
        return self._estimate(self.scores[a], self.covariance[a, a], level)

    def beats(self, method: str, other: str, level: float = 0.95) -> Estimate:
        """Probability that ``method`` is chosen over ``other``, and its interval."""
        a, b = self._index(method), self._index(other)
        spread = self.covariance[a, a] + self.covariance[b, b] - 2 * self.covariance[a, b]
        return Estimate(
            *(
                1 / (1 + np.exp(-end))
                for end in self._estimate(self.scores[a] - self.scores[b], spread, level)
            )
        )

    def ranking(self) -> list[str]:
        """Methods, the highest score first."""
        return [self.methods[i] for i in np.argsort(-self.scores, kind="stable")]

    def table(self, level: float = 0.95) -> str:
        """A row a method for the terminal, the best first: score, how often chosen, and the probability to be
        chosen over the next row.
        """
        ranking = self.ranking()
        rows = [("method", "score", "chosen", "over the next")]
        for method, worse in zip(ranking, [*ranking[1:], None]):
            a = self._index(method)
            chosen, compared = self.wins[a].sum(), self.wins[a].sum() + self.wins[:, a].sum()
            over = "" if worse is None else str(self.beats(method, worse, level))
            rows.append((shown(method), str(self.score(method, level)), f"{chosen:g} of {compared:g}", over))
        widths = [max(map(len, column)) for column in zip(*rows)]
        lines = [
            "  ".join(
                [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))]
            ).rstrip()
            for row in rows
        ]
        return "\n".join(
            [
                *lines,
                f"In brackets: intervals at {100 * level:g} %, as if every choice were independent of "
                "the others.",
            ]
        )

    def _index(self, method: str) -> int:
        if method not in self.methods:
            raise ValueError(f"method must be one of {', '.join(self.methods)}, got {method!r}")
        return self.methods.index(method)

    def _estimate(self, value: float, variance: float, level: float) -> Estimate:
        if not 0 < level < 1:
            raise ValueError(f"level must lie between 0 and 1, got {level}")
        reach = torch.special.ndtri(torch.tensor((1 + level) / 2, dtype=torch.float64)).item() * variance**0.5
        return Estimate(float(value), float(value - reach), float(value + reach))


def fit(wins, methods: Sequence[str] | None = None) -> BradleyTerry:
    """Scores by maximum likelihood, with 1/K of a win added in both directions of every pair.

    Without that addition a method that was always chosen would have an infinite score. It is K - 1 halves of
    a win each way in all: in a balanced study of equal methods exactly what D. Firth's correction adds
    (Biometrika 80, 1993), which removes the bias of order 1/n; for two methods the familiar half. It vanishes
    beside many choices.

    Args:
        wins: (K, K), not negative, zero on the diagonal; ``wins[a, b]`` is how often a was chosen over b. A
            tie is half a win for each.
        methods: K names, by default "0", "1", ...

    Raises:
        ValueError: also where two groups of methods were never compared with each other: nothing is known of
            their difference then.
    """
    wins = np.array(wins.tolist() if isinstance(wins, Tensor) else wins, dtype=float)
    if wins.ndim != 2 or wins.shape[0] != wins.shape[1] or len(wins) < 2:
        raise ValueError(f"wins must be a matrix (K, K) of at least two methods, got shape {wins.shape}")
    if not np.isfinite(wins).all() or (wins < 0).any() or np.diag(wins).any():
        raise ValueError("wins must be finite, not negative, and zero on the diagonal")
    methods = tuple(map(str, range(len(wins)))) if methods is None else tuple(methods)
    if len(methods) != len(wins) or len(set(methods)) != len(wins):
        raise ValueError(f"methods must be {len(wins)} different names, got {', '.join(map(str, methods))}")
    known = _connected(wins + wins.T)
    if not known.all():
        groups = [", ".join(m for m, one in zip(methods, known) if one == side) for side in (True, False)]
        raise ValueError(f"wins must connect all methods: nothing compares {groups[0]} with {groups[1]}")

    padded = wins + (1 - np.eye(len(wins))) / len(wins)
    scores, step = np.zeros(len(wins)), np.inf
    while (
        np.abs(step).max() > 1e-9
    ):  # Newton's method: what is left after such a step is of the order of its square
        probability = 1 / (1 + np.exp(scores[None] - scores[:, None]))
        covariance = _inverse_information((padded + padded.T) * probability * (1 - probability))
        step = covariance @ (padded - (padded + padded.T) * probability).sum(1)
        # A step changes the curvature by a factor of at most exp(2 max|step|), so that up to 1/3 it cannot
        # fail to ascend.
        scores = scores + step * min(1.0, 1 / (3 * np.abs(step).max() + 1e-300))
        scores -= scores.mean()
    return BradleyTerry(methods, wins, scores, covariance)


def draw(scores, comparisons, generator: torch.Generator | None = None) -> np.ndarray:
    """Wins of a simulated study.

    Args:
        scores: (K,) log-strengths.
        comparisons: how often each pair is compared: one number for all, or a symmetric matrix (K, K), whole
            numbers.

    Returns:
        (K, K), a random ``wins`` of :func:`fit`.
    """
    scores = torch.as_tensor(scores, dtype=torch.float64)
    counts = torch.as_tensor(comparisons, dtype=torch.float64).expand(len(scores), len(scores)).triu(1)
    won = torch.binomial(counts, torch.sigmoid(scores[:, None] - scores), generator=generator)
    return (won + (counts - won).T).numpy()


def _inverse_information(weights: np.ndarray) -> np.ndarray:
    """Pseudo-inverse of the Laplacian of symmetric weights (K, K): its kernel are the constant vectors."""
    share = np.full(weights.shape, 1 / len(weights))
    return np.linalg.inv(np.diag(weights.sum(1)) - weights + share) - share


def _connected(links: np.ndarray) -> np.ndarray:
    """(K,), whether a method is linked to the first one, through others or not."""
    reached = np.eye(len(links))[0] > 0
    for _ in links:
        reached = reached | (links[reached] > 0).any(0)
    return reached
