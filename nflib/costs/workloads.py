"""What is counted and timed of each model: the loss of a training step, and one result."""

from __future__ import annotations

from typing import Any, get_type_hints

import torch

from .. import models
from ..models import ImageModel


def model_class(config: Any) -> type[ImageModel]:
    """The class of :mod:`nflib.models` that a configuration is of."""
    for name in models.__all__:
        found = getattr(models, name)
        if (
            isinstance(found, type)
            and issubclass(found, ImageModel)
            and found is not ImageModel
            and get_type_hints(found.__init__)["config"] is type(config)
        ):
            return found
    raise ValueError(f"config must be that of an image model, got {type(config).__name__}")


def without_data(config: Any) -> ImageModel:
    """The model on the device "meta", where nothing is computed."""
    with torch.random.fork_rng(devices=[]):  # weights are drawn, and thrown away
        return model_class(config)(config).to("meta")


def image_shape(config: Any, batch: int, side: int) -> tuple[int, int, int, int]:
    """(B, C, H, W) of a batch of results for a model; ValueError if there is no such batch."""
    model_class(config)
    if batch < 1 or side < 1 or side % config.multiple:
        raise ValueError(
            f"batch must be at least 1 and crop a multiple of {config.multiple}, got {batch} and {side}"
        )
    return batch, getattr(config, "image_channels", 3), side, side
