from dataclasses import replace

import pytest

from nflib.training import Recipe


def test_learning_rate() -> None:
    recipe = Recipe(steps=100, lr=1.0)
    assert [recipe.lr_at(step) for step in (0, 49, 50, 74, 75, 89, 90, 94, 95, 99)] == [
        1,
        1,
        0.5,
        0.5,
        0.25,
        0.25,
        0.125,
        0.125,
        0.0625,
        0.0625,
    ]


@pytest.mark.parametrize(
    "changes", [{"steps": 0}, {"batch": 0}, {"lr": -1.0}, {"clip": 0.0}, {"average": 1.0}]
)
def test_recipes_that_cannot_be(changes) -> None:
    with pytest.raises(ValueError, match=next(iter(changes))):
        replace(Recipe(), **changes)
