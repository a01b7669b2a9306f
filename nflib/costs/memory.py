"""How much memory a training takes, without training."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from .counting import Counter
from .workloads import image_shape, without_data

FLOAT = 4  # bytes
# weights, gradients, two averages of Adam, the moving average of the weights
COPIES = 5


class TrainingMemory(NamedTuple):
    """Bytes that training a model takes on its device.

    >>> TrainingMemory(parameters=10, states=200, activations=1000).low
    1160

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
        """The least it can be: when backward begins all activations are there, and no gradient yet."""
        return self.states - FLOAT * self.parameters + self.activations

    @property
    def high(self) -> int:
        """What to expect: backward has gradients beside the activations. On a CPU the peak was 1.5 times them
        for the full model, 1.9 times for the small one; workspaces of the convolutions come on top. A
        reversible model also needs the activations of one step, see the peak of :func:`training_cost`.
        """
        return self.states + 2 * self.activations


@functools.lru_cache
def training_memory(config: Any, batch: int, crop: int) -> TrainingMemory:
    """Memory that training a flow or LUD-VAE in float32 takes. Nothing is computed: the forward pass runs on
    tensors without data.

    Args:
        config: of a DeFlow, SRFlow, Glow or LUDVAE.
        batch: crops in a step, for LUD-VAE half of them degraded.
        crop: side in pixels, a multiple of ``2**config.levels`` for a flow.

    Raises:
        ValueError: batch and crop do not fit the model.
    """
    parameters, counter, loss = forward_pass(config, batch, crop)
    activations = counter.alive
    del loss  # held till here: with it goes what waits for its backward pass
    return TrainingMemory(parameters, COPIES * FLOAT * parameters, activations)


def forward_pass(config: Any, batch: int, crop: int) -> tuple[int, Counter, Tensor]:
    """Forward pass of a training step on tensors without data: number of parameters, what the pass cost, and
    the loss.
    """
    model, shape = without_data(config).train(), image_shape(config, batch, crop)
    if getattr(config, "reversible", False):
        with Counter():  # the first pass also tries whether each transform is invertible
            model.example_loss(torch.empty(shape, device="meta"))
    with Counter() as counter:
        loss = model.example_loss(torch.empty(shape, device="meta"))
    return parameters_of(model), counter, loss


def parameters_of(model: nn.Module) -> int:
    """How many numbers are trained."""
    return sum(parameter.numel() for parameter in model.parameters())
