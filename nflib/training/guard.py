"""When numbers stop being finite: which layer was first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle


def tensors(value: Any) -> Iterator[Tensor]:
    """All tensors in nested tuples, lists and dictionaries."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        yield from tensors(list(value.values()))
    elif isinstance(value, (tuple, list)):
        for part in value:
            yield from tensors(part)


def is_finite(value) -> bool:
    return all(bool(torch.isfinite(tensor).all()) for tensor in tensors(value))


def blame(model: nn.Module, batch, forward: Callable[[], Tensor]) -> str:
    """Say where values that are not finite come from, after a backward pass.

    Looks at the batch, the parameters, the outputs of all layers in a second forward pass, and the gradients,
    in this order.

    Args:
        model: with the gradients of the pass that went wrong.
        batch: tensors the model was given.
        forward: repeats the forward pass and returns the loss.
    """
    if not is_finite(batch):
        return "the batch itself is not finite"
    for name, parameter in model.named_parameters():
        if not is_finite(parameter):
            return f"parameter {name} is not finite"
    found: list[str] = []

    def watch(name: str, layer: nn.Module) -> RemovableHandle:
        def hook(_, inputs, output) -> None:
            if not found and not is_finite(output):
                found.append(f"the output of {name or 'the model'} ({type(layer).__name__}) is not finite")

        return layer.register_forward_hook(hook)

    handles = [watch(name, layer) for name, layer in model.named_modules()]
    try:
        with torch.no_grad():
            loss = forward()
    finally:
        for handle in handles:
            handle.remove()
    if found:
        return found[0]
    if not is_finite(loss):
        return "the outputs of all layers are finite, the loss is not"
    # A bad gradient spreads to all that came before in the forward pass, so the last bad parameter is nearest
    # to its origin.
    bad = [
        name
        for name, parameter in model.named_parameters()
        if parameter.grad is not None and not is_finite(parameter.grad)
    ]
    return (
        f"the gradient is first not finite, going backwards, at {bad[-1]}"
        if bad
        else "the norm of the gradient overflows"
    )
