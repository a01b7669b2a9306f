"""What tests do with every row of the catalogue of trainings: a task with a batch, results of its model."""

from __future__ import annotations

from typing import Any

import torch

from nflib import units
from nflib.models import ImageModel
from nflib.pipeline.restoration import restored
from nflib.training import Recipe, Running, Training

SIDE = 48  # of crops: what every model takes
RECIPE = Recipe(steps=2, batch=2, lr=1e-3, every=1)


def images(*size, n=2, seed=0) -> torch.Tensor:
    coarse = torch.rand(n, 3, 6, 6, generator=units.generator(seed))
    smooth = torch.nn.functional.interpolate(coarse, size=size, mode="bilinear")
    return (smooth + 0.05 * torch.randn(n, 3, *size, generator=units.generator(seed + 1))).clamp(0, 1)


def task_of(row: Training) -> tuple[Any, Any]:
    torch.manual_seed(0)
    task = row.task(row.model(row.config("small")))
    batch = task.example(images(SIDE, SIDE))
    task.begin(RECIPE, 0, batch, Running(device="cpu"))
    task.keep()
    return task, batch


def use(model: ImageModel, given: torch.Tensor, tau: float = 0.8, tile: int | None = None) -> torch.Tensor:
    """What a model's purpose says: (B, 3, H, W), with the same random numbers every time."""
    generator = units.generator(3)
    with torch.no_grad():
        if model.purpose == "degrade":
            return model.samples(given, tau, 2, generator=generator, tile=tile)[0]
        if model.purpose == "super-resolve":
            return model.super_resolve(given, tau, 2, generator, tile=tile)[0]
        if model.purpose == "generate":
            side = max(given.shape[-1] // model.multiple, 1) * model.multiple
            return model.sample(len(given), (side, side), tau, generator)
        return torch.stack([restored(model, image, tile=tile or 512) for image in given])
