"""How much memory a training takes, without training."""

from __future__ import annotations

import functools
from typing import NamedTuple

import torch

from ..models import DeFlow, DeFlowConfig

FLOAT = 4  # bytes
# weights, gradients, two averages of Adam, the moving average of the weights
COPIES = 5


class TrainingMemory(NamedTuple):
    """Bytes that training a model takes on its device.

    Attributes:
        parameters: how many.
        states: bytes of weights, gradients, optimiser and averaged weights: five float32 for each parameter.
        activations: bytes that are kept from forward to backward for one batch, counted exactly.
    """

    parameters: int
    states: int
    activations: int

    @property
    def low(self) -> int:
        """Cannot be less."""
        return self.states + self.activations

    @property
    def high(self) -> int:
        """Backward has gradients beside the activations. On a CPU the peak was 1.5 times them for the full model, 1.9 times
        for the small one; workspaces of the convolutions come on top."""
        return self.states + 2 * self.activations


@functools.lru_cache
def training_memory(config: DeFlowConfig, batch: int, crop: int) -> TrainingMemory:
    """Of a DeFlow, trained on batches of crops. Nothing is computed: the forward pass runs on tensors without data.

    Args:
        batch: crops of both domains together.
        crop: side in pixels, a multiple of ``2**config.levels``.
    """
    if batch < 1 or crop < 1 or crop % 2**config.levels:
        raise ValueError(f"batch must be at least 1 and crop a multiple of {2**config.levels}, got {batch} and {crop}")
    with torch.random.fork_rng(devices=[]):  # weights are drawn, and thrown away
        model = DeFlow(config).eval().to("meta")  # eval: actnorm does not look at the data
    own = {id(storage): storage for storage in (parameter.untyped_storage() for parameter in model.parameters())}
    kept = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        kept[id(storage)] = storage  # held: an id may be used again for what comes after a thing that is gone
        return tensor

    image = torch.empty(batch, 3, crop, crop, device="meta")
    condition = torch.empty(batch, 3, crop // config.scale, crop // config.scale, device="meta")
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model.encode(image, condition)
    activations = sum(storage.nbytes() for name, storage in kept.items() if name not in own)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return TrainingMemory(parameters, COPIES * FLOAT * parameters, activations)
