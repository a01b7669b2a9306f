"""The context: what a conditional transform is told besides its input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

# A tensor, a pyramid (a sequence of tensors), None, or whatever else a transform of a model is told.
Context = Any


def map_tensors(value: Any, function: Callable[[Tensor], Any]) -> Any:
    """A tensor or (nested, perhaps named) tuple again, each tensor replaced by what the function makes of it;
    all else is left as it is.
    """
    if isinstance(value, Tensor):
        return function(value)
    if not isinstance(value, (tuple, list)):
        return value
    parts = [map_tensors(part, function) for part in value]
    return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)


def tensors(value: Any) -> list[Tensor]:
    """All tensors in what :func:`map_tensors` takes, in its order."""
    found: list[Tensor] = []
    map_tensors(value, found.append)
    return found


def matching_context(context: Context, context_channels: int, x: Tensor) -> Tensor:
    """The context tensor that fits ``x``: its batch and positions, with ``context_channels`` channels.

    Args:
        context: a tensor, or a pyramid (a sequence of tensors) of which the first that fits is taken.

    Raises:
        ValueError: if there is none, naming the shape that was expected and what was found.
    """
    expected = (x.shape[0], context_channels, *x.shape[2:])
    candidates = [context] if context is None or isinstance(context, Tensor) else list(context)
    for candidate in candidates:
        if candidate is not None and tuple(candidate.shape) == expected:
            return candidate
    found = ", ".join("none" if c is None else str(tuple(c.shape)) for c in candidates) or "an empty pyramid"
    raise ValueError(f"expected a context of shape {expected}, got {found}")


def with_context(x: Tensor, context: Context, context_channels: int) -> Tensor:
    """Channels of ``x``, then of the context that fits it. With ``context_channels`` 0 the context is not
    looked at.
    """
    if context_channels == 0:
        return x
    return torch.cat((x, matching_context(context, context_channels, x)), 1)
