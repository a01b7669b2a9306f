"""Under autocast the networks work in low precision, while latents and log-determinants stay as precise as
they are without it.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor


def full_precision(x: Tensor) -> AbstractContextManager:
    """Without autocast on the device of x: for matrices on latents, whose rounding would be an error of the
    likelihood.
    """
    device = x.device.type
    if torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device):
        return torch.autocast(device, enabled=False)
    return nullcontext()


def raised(x: Tensor) -> Tensor:
    """Values in float32, unless they are in float64."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def as_precise_as(x: Tensor, raw: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
    """What a network answers in the precision of x, before it touches x."""
    return raw.to(x.dtype), shift.to(x.dtype)
