"""What a model costs, without running it: multiply-adds, bytes and memory of a training step and of one
result.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import torch

from .counting import Counter
from .memory import COPIES, FLOAT, forward_pass, parameters_of
from .workloads import image_shape, without_data

# How often float32 values, one for each parameter, are read or written after the backward pass. Norm of the
# gradient: read. Clip: read and written. Adam: weights, gradient and its two averages read, all but the
# gradient written. Moving average: both read, one written.
UPDATE = 1 + 2 + 7 + 3


@dataclass(frozen=True)
class Cost:
    """What one training step or one result takes, in float32.

    >>> cost = Cost(parameters=10, multiply_adds=100, moved=4000, updated=500, kept=2000, peak=3000)
    >>> cost.operations, cost.bytes(), cost.bytes("bfloat16")
    (200, 4500, 2500)

    Attributes:
        parameters: how many.
        multiply_adds: of convolutions and matrix products; two operations each.
        moved: bytes that forward and backward read and write, each input and output of an operation once.
        updated: bytes that the update of the weights reads and writes, in a training step.
        kept: bytes that wait from forward to backward.
        peak: the most bytes alive at once, weights included; workspaces of the convolutions come on top.
    """

    parameters: int
    multiply_adds: int
    moved: int
    updated: int
    kept: int
    peak: int

    @property
    def operations(self) -> int:
        """Multiplications and additions."""
        return 2 * self.multiply_adds

    def bytes(self, precision: str = "float32") -> int:
        """All that moves. In "bfloat16" half of what forward and backward move, a lower bound: latents,
        log-determinants and what mixes with them stay float32. "tf32" moves as much as float32.
        """
        return self.moved // (2 if precision == "bfloat16" else 1) + self.updated


@functools.lru_cache
def training_cost(config: Any, batch: int, crop: int) -> Cost:
    """Cost of one training step: forward, backward, gradient clipping, Adam and the moving average of the
    weights.

    Counted by running forward and backward on tensors without data (:class:`~nflib.costs.counting.Counter`).
    The backward pass has about twice the multiply-adds of the forward pass, since each product gives two
    gradients; what a reversible model computes again is counted where it happens.

    Args:
        config: of a DeFlow, SRFlow, Glow or LUDVAE.
        batch: crops in a step, for LUD-VAE half of them degraded.
        crop: side in pixels, of the high-resolution crop for SRFlow.

    Raises:
        ValueError: batch and crop do not fit the model.
    """
    parameters, counter, loss = forward_pass(config, batch, crop)
    kept = counter.alive
    with counter:
        loss.backward()
    weights = FLOAT * parameters
    # the gradients were made while counting
    return Cost(
        parameters,
        counter.multiply_adds,
        counter.moved,
        UPDATE * weights,
        kept,
        counter.peak + (COPIES - 1) * weights,
    )


@functools.lru_cache
def result_cost(config: Any, side: int, batch: int = 1) -> Cost:
    """Cost of one result: of images that are degraded (DeFlow, LUD-VAE), super-resolved (SRFlow) or drawn
    (Glow).

    Args:
        config: of a DeFlow, SRFlow, Glow or LUDVAE.
        side: of the resulting images in pixels.
        batch: how many at once.

    Raises:
        ValueError: batch and side do not fit the model.
    """
    model = without_data(config).eval()
    with Counter() as counter, torch.no_grad():
        model.example_result(torch.empty(image_shape(config, batch, side), device="meta"))
    parameters = parameters_of(model)
    return Cost(parameters, counter.multiply_adds, counter.moved, 0, 0, counter.peak + FLOAT * parameters)
