"""How to train: steps, crops, learning rate; and what a size of a model takes if nothing else is said."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

# Beyond them nothing fits, and nobody waits.
MOST_CROPS, MOST_STEPS = 2**16, 10**9


@dataclass(frozen=True)
class Recipe:
    """How to train.

    >>> recipe = Recipe(steps=1000, lr=1e-3, milestones=(0.5, 0.75))
    >>> [recipe.lr_at(step) for step in (0, 500, 999)]
    [0.001, 0.0005, 0.00025]

    Attributes:
        steps: optimiser steps.
        batch: crops per step, of all devices together.
        lr: learning rate of Adam at the start.
        betas: of Adam.
        milestones: shares of the steps after which the learning rate is halved.
        clip: largest norm of the gradient; a longer one is shortened.
        average: decay of the moving average of the weights.
        every: steps between validations; then the state is kept, in memory and on disk.
    """

    steps: int = 200_000
    batch: int = 12
    lr: float = 2.5e-4
    betas: tuple[float, float] = (0.9, 0.99)
    milestones: tuple[float, ...] = (0.5, 0.75, 0.9, 0.95)
    clip: float = 5.0
    average: float = 0.999
    every: int = 500

    def __post_init__(self):
        if min(self.steps, self.batch, self.every) < 1:
            raise ValueError(
                f"steps, batch and every must be at least 1, got {self.steps}, {self.batch}, {self.every}"
            )
        if self.batch > MOST_CROPS or self.steps > MOST_STEPS:
            raise ValueError(
                f"batch must be at most {MOST_CROPS:,} and steps {MOST_STEPS:,}, got {self.batch!s:.60} and "
                f"{self.steps!s:.60}"
            )
        if not 0 < self.lr < math.inf or not 0 < self.clip < math.inf or not 0 <= self.average < 1:
            raise ValueError(
                f"lr and clip must be positive and finite and average in [0, 1), got {self.lr}, {self.clip}, "
                f"{self.average}"
            )

    def lr_at(self, step: int) -> float:
        """The learning rate of a step, the first being 0 (the step at a milestone already has the halved
        one).
        """
        return self.lr * 0.5 ** sum(step >= share * self.steps for share in self.milestones)


class Usual(NamedTuple):
    """What a training of some size takes if nothing else is said: how to train, and the side of the crops in
    pixels.

    >>> usual = Usual(Recipe(steps=1000), crop=64).but(steps=10)
    >>> usual.recipe.steps, usual.crop
    (10, 64)
    """

    recipe: Recipe
    crop: int

    def but(
        self,
        *,
        steps: int | None = None,
        batch: int | None = None,
        crop: int | None = None,
        lr: float | None = None,
    ) -> Usual:
        """This with what was asked for in its place."""
        asked: dict[str, Any] = {"steps": steps, "batch": batch, "lr": lr}
        recipe = replace(self.recipe, **{name: value for name, value in asked.items() if value is not None})
        return Usual(recipe, self.crop if crop is None else crop)
