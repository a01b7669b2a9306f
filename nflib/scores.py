"""What counts as a score: a finite number. What cannot be measured is never best, never in a mean, and never
written as a number.

The one rule for validations, metrics, tables and records; files have ``null`` in its place
(:func:`nflib.files.json_text`).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable

__all__ = ["deviation", "is_better", "is_score", "mean", "or_none"]


def is_score(value: float | None) -> bool:
    """Whether something was measured: neither None nor NaN nor infinite."""
    return value is not None and math.isfinite(value)


def or_none(value: float | None) -> float | None:
    """The score, or None in place of what is none."""
    return value if is_score(value) else None


def is_better(score: float | None, best: float | None, *, lower: bool = True) -> bool:
    """Whether a score is better than the best one so far, None for none; what is no score never is."""
    if score is None or not is_score(score):
        return False
    return best is None or not is_score(best) or (score < best if lower else score > best)


def mean(values: Iterable[float | None]) -> float | None:
    """The mean of the scores among the values; None if there is none."""
    found = _scores(values)
    return statistics.fmean(found) if found else None


def deviation(values: Iterable[float | None]) -> float | None:
    """The standard deviation (n - 1) of the scores among the values; None of fewer than two."""
    found = _scores(values)
    return statistics.stdev(found) if len(found) > 1 else None


def _scores(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None and is_score(value)]
