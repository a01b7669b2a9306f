"""The checks of the book's cells: quiet when right, loud when wrong."""

import numpy as np
import pytest
import torch

from nflib.testing import check


def test_close(capsys) -> None:
    check.close(torch.tensor([1.0, 2.0]), [1.0, 2.0 + 1e-9], what="two values")
    assert capsys.readouterr().out.startswith("✓ two values: [1.")
    for actual, expected in ((1.0, 1.1), ([1.0], [1.0, 2.0]), (np.nan, np.nan)):
        with pytest.raises(AssertionError):
            check.close(actual, expected)
    with pytest.raises(AssertionError, match="a: 1 is not 1.1; largest difference 0.1"):
        check.close(1.0, 1.1, what="a")


def test_within() -> None:
    check.within(1.3, 1.0, 0.1)
    with pytest.raises(AssertionError, match="1.5 is not within 4 x 0.1 of 1"):
        check.within(1.5, 1.0, 0.1)
    with pytest.raises(AssertionError):
        check.within(np.nan, 1.0, 0.1)


def test_true() -> None:
    check.true(True, "yes")
    with pytest.raises(AssertionError, match="not true: no"):
        check.true(np.array(False), "no")


def test_is_minimum() -> None:
    check.is_minimum(lambda x: (x - 2) ** 2, 2.0)
    check.is_minimum(lambda p: p[0] ** 2 + 3 * p[1] ** 2, [0.0, 0.0])
    check.is_minimum(lambda t: (t + 1) ** 2, 0.0, lower=0.0)
    for function, at in (
        (lambda x: (x - 2) ** 2, 2.1),
        (lambda p: p[0] * p[1], [0.0, 0.0]),
        (lambda t: (t + 1) ** 2, 0.0),
    ):
        with pytest.raises(AssertionError, match="not a minimum"):
            check.is_minimum(function, at)


def test_raises(capsys) -> None:
    check.raises(ValueError, lambda: float("a"), contains="convert")
    assert "ValueError: could not convert" in capsys.readouterr().out
    with pytest.raises(AssertionError, match="lacks"):
        check.raises(ValueError, lambda: float("a"), contains="xyz")
    with pytest.raises(AssertionError, match="no ValueError was raised"):
        check.raises(ValueError, lambda: 1)


def checker(value) -> str | None:
    return None if value == 4 else "count again"


def test_exercises(capsys) -> None:
    check.answer(checker, ...)
    check.answer(checker, 4)
    check.answer(checker, 5)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Not answered yet")
    assert lines[1:] == ["Right.", "Not yet: count again"]
    check.right(checker, 4)
    check.wrong(checker, 5)
    with pytest.raises(AssertionError, match="count again"):
        check.right(checker, 5)
    with pytest.raises(AssertionError, match="a wrong answer was accepted: 4"):
        check.wrong(checker, 4)
