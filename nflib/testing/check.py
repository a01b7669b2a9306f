"""Checks for the cells of the book: one quiet line when right, an AssertionError with both values
when wrong."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from torch import Tensor

__all__ = ["answer", "close", "is_minimum", "raises", "right", "true", "within", "wrong"]


def close(actual, expected, rtol: float = 1e-6, atol: float = 0.0, what: str = "") -> None:
    """Two numbers or arrays agree to ``atol + rtol * |expected|``."""
    a, b = _array(actual), _array(expected)
    if a.shape != b.shape:
        raise AssertionError(f"{_named(what)}shapes differ: {a.shape} and {b.shape}")
    if not np.allclose(a, b, rtol=rtol, atol=atol, equal_nan=False):
        raise AssertionError(
            f"{_named(what)}{_short(a)} is not {_short(b)}; largest difference {np.abs(a - b).max():.3g}"
        )
    _right(what, f"{_short(a)} = {_short(b)}")


def within(estimate, truth, standard_error, sigmas: float = 4.0, what: str = "") -> None:
    """An estimate lies within some standard errors of the truth. Four are exceeded by chance once in 16,000
    times.
    """
    a, b, error = _array(estimate), _array(truth), _array(standard_error)
    if not (np.abs(a - b) <= sigmas * error).all():
        raise AssertionError(
            f"{_named(what)}{_short(a)} is not within {sigmas:g} x {_short(error)} of {_short(b)}"
        )
    _right(what, f"{_short(a)} is within {sigmas:g} x {_short(error)} of {_short(b)}")


def true(condition, what: str) -> None:
    """A statement holds."""
    if not bool(condition):
        raise AssertionError(f"not true: {what}")
    _right(what, "")


def is_minimum(function: Callable, at, step: float = 1e-3, lower: float = -np.inf, what: str = "") -> None:
    """No small step from ``at`` makes the function smaller: each coordinate up and down, and 50 random
    directions.

    Args:
        function: of a number or an array shaped like ``at``, giving a number.
        at: the claimed minimum.
        step: size of a step relative to ``1 + |at|``.
        lower: coordinates may not go below this (an active constraint).
    """
    at = np.asarray(at, dtype=float)
    rng = np.random.default_rng(0)
    axes = np.eye(at.size)
    random = rng.standard_normal((50, at.size))
    directions = np.concatenate([axes, -axes, random / np.linalg.norm(random, axis=1, keepdims=True)])
    best = float(function(at[()]))
    for direction in directions.reshape(-1, *at.shape):
        other = np.maximum(at + step * (1 + np.abs(at)) * direction, lower)
        value = float(function(other[()]))
        if value < best - 1e-12 * abs(best):
            raise AssertionError(
                f"{_named(what)}not a minimum: {value:.8g} at {_short(other)} is below {best:.8g} at "
                f"{_short(at)}"
            )
    _right(what, f"no step from {_short(at)} goes below {best:.6g}")


def raises(error: type[Exception], function: Callable, contains: str = "", what: str = "") -> None:
    """The call ends in the given error, whose message contains the given words. The message is printed."""
    try:
        function()
    except error as caught:
        if contains not in str(caught):
            raise AssertionError(f"{_named(what)}the message lacks {contains!r}: {caught}") from None
        _right(what, f"{error.__name__}: {caught}")
        return
    raise AssertionError(f"{_named(what)}no {error.__name__} was raised")


def answer(checker: Callable, value) -> None:
    """Tell the reader whether an exercise is right. ``checker(value)`` returns None when it is, else what to
    look at.

    ``None`` and ``...`` stand for "not answered yet".
    """
    if value is None or value is ...:
        print("Not answered yet. Put your answer in place of the three dots and run both cells again.")
        return
    hint = checker(value)
    print("Right." if hint is None else f"Not yet: {hint}")


def right(checker: Callable, value) -> None:
    """The checker of an exercise accepts the solution."""
    hint = checker(value)
    if hint is not None:
        raise AssertionError(f"the solution was not accepted: {hint}")
    _right("the solution is accepted", "")


def wrong(checker: Callable, value) -> None:
    """The checker of an exercise rejects a typical wrong answer, and says what to look at."""
    hint = checker(value)
    if hint is None:
        raise AssertionError(f"a wrong answer was accepted: {value!r}")
    _right("a wrong answer is rejected", hint)


def _array(value) -> np.ndarray:
    return value.detach().cpu().numpy() if isinstance(value, Tensor) else np.asarray(value, dtype=float)


def _named(what: str) -> str:
    return f"{what}: " if what else ""


def _short(array: np.ndarray) -> str:
    if array.ndim == 0:
        return f"{float(array):.6g}"
    if array.size > 6:
        return f"[{array.size} values]"
    return np.array2string(array, precision=4, separator=", ").replace("\n", "")


def _right(what: str, detail: str) -> None:
    print("✓ " + ": ".join(part for part in (what, detail) if part))
