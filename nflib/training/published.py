"""How papers trained their restorers, by name."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..degraders import Composed, Degrader, Learned
from ..degraders.simulated import White
from ..models import LUDVAE, DeFlow
from .recipe import Recipe, Usual

ADAM = (0.9, 0.999)


@dataclass(frozen=True)
class PublishedRecipe:
    """How a paper trained a restorer.

    >>> recipe = published("dncnn-sidd")
    >>> recipe.task, recipe.usual.recipe.steps, recipe.t
    ('denoise', 100000, (1.0, 4.0))

    Attributes:
        name: on the command line.
        task: "denoise", of a DnCNN, or "sr", of an RRDBNet against a discriminator.
        usual: steps, crops, learning rate.
        source: where it stands, and what it says.
        white: deviations of white noise, in grey levels, from the weakest to the strongest; drawn for each
            image, as the two that follow. None: the strength of the degrader, one for all.
        t: strengths of DeFlow.
        sigma_x: deviations of the pre-noise of LUD-VAE's C2N, in grey levels.
    """

    name: str
    task: str
    usual: Usual
    source: str
    white: tuple[float, float] | None = None
    t: tuple[float, float] | None = None
    sigma_x: tuple[float, float] | None = None

    def degrader(self, degrader: Degrader) -> Degrader:
        """A degrader as the recipe wants it: a LUD-VAE with pre-noise from the range."""
        if self.sigma_x is None or not (isinstance(degrader, Learned) and isinstance(degrader.model, LUDVAE)):
            return degrader
        low, high = self.sigma_x
        model = copy.deepcopy(degrader.model)
        model.config = replace(model.config, sigma_drawn=(low / 255, high / 255))
        return Learned(model, degrader.tile)

    def strength(self, degrader: Degrader) -> float | tuple[float, float] | None:
        """The strengths of pairs of a degrader, or None if the recipe says nothing of it."""
        if isinstance(degrader, Composed):
            return self.strength(degrader.first)
        if isinstance(degrader, White) and self.white is not None and degrader.sigma > 0:
            low, high = self.white
            return low / (255 * degrader.sigma), high / (255 * degrader.sigma)
        if isinstance(degrader, Learned) and isinstance(degrader.model, DeFlow):
            return self.t
        return None


_DNCNN = Recipe(
    steps=100_000, batch=64, lr=1e-4, betas=ADAM, milestones=(0.5,), clip=1e6, average=0.0, every=500
)
_ESRGAN = Recipe(
    steps=60_000,
    batch=16,
    lr=1e-4,
    betas=ADAM,
    milestones=(1 / 12, 1 / 6, 1 / 3, 1 / 2),
    clip=1e6,
    average=0.0,
    every=500,
)
_ROWS = (
    PublishedRecipe(
        "dncnn",
        "denoise",
        Usual(_DNCNN, 40),
        "LUD-VAE (section 4.5): DnCNN, 100,000 steps at 1e-4, halved after 50,000; the best of every 500 by "
        "PSNR on validation pairs. Batches of 64 crops of 40 pixels and the mean absolute error are those of "
        "its code.",
    ),
    PublishedRecipe(
        "dncnn-sidd",
        "denoise",
        Usual(_DNCNN, 40),
        "the same as for SIDD, whose noise has many strengths: for each image white noise of 20 to 120 grey "
        "levels, DeFlow's t from 1 to 4, LUD-VAE's sigma_x from 30 to 70.",
        white=(20.0, 120.0),
        t=(1.0, 4.0),
        sigma_x=(30.0, 70.0),
    ),
    PublishedRecipe(
        "esrgan",
        "sr",
        Usual(_ESRGAN, 128),
        "LUD-VAE (section 4.3): ESRGAN, 60,000 steps; the better one of steps 50,000 and 60,000 by LPIPS on "
        "validation pairs. Rate, batch and weights of the losses are those of its code.",
    ),
)
PUBLISHED: Mapping[str, PublishedRecipe] = {row.name: row for row in _ROWS}
"""Name -> :class:`PublishedRecipe`."""


def published(name: str, task: str | None = None) -> PublishedRecipe:
    """The recipe of this name; else, or if it is for another task, a ValueError that lists the names."""
    found = PUBLISHED.get(name)
    if found is None or task not in (None, found.task):
        names = [row.name for row in _ROWS if task in (None, row.task)]
        of = "" if task is None else f" for the task {task}"
        raise ValueError(f"recipe must be one of {', '.join(names) or 'none'}{of}, got {name!r}")
    return found
