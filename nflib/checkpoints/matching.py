"""Whether the tensors of a file are those of a model."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook

NAMED = 10  # tensors of a list that are named


def check_match(found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    """Raise ValueError unless names, shapes and kinds agree and all numbers are finite."""
    missing, unknown = expected.keys() - found.keys(), found.keys() - expected.keys()
    if missing or unknown:
        raise ValueError(f"missing {listed(missing)}; unknown {listed(unknown)}")
    for name, tensor in found.items():
        like = expected[name]
        if tensor.shape != like.shape:
            raise ValueError(f"{name} has shape {tuple(tensor.shape)}, expected {tuple(like.shape)}")
        if tensor.is_floating_point() != like.is_floating_point() or tensor.is_complex():
            raise ValueError(f"{name} holds {tensor.dtype}, expected {like.dtype}")
        if tensor.is_floating_point() and not torch.isfinite(tensor.float()).all():
            raise ValueError(f"{name} holds numbers that are not finite")


@contextlib.contextmanager
def at_most(numbers: int) -> Iterator[None]:
    """Build a model within this context: raises ValueError where it gets far more numbers than this, before
    they are filled. What a damaged configuration asks for may have no end.
    """
    left = 2 * numbers + 10**6

    def count(module: nn.Module, name: str, parameter: nn.Parameter | None) -> None:
        nonlocal left
        left -= 0 if parameter is None else parameter.numel()
        if left < 0:
            raise ValueError(f"its configuration asks for far more weights than the {numbers:,} in the file")

    hook = register_module_parameter_registration_hook(count)
    try:
        yield
    finally:
        hook.remove()


def listed(names: Iterable[str]) -> str:
    """Names by alphabet, the first ten of them."""
    names = sorted(names)
    shown = ", ".join(names[:NAMED])
    return f"{shown} and {len(names) - NAMED} more" if len(names) > NAMED else shown or "none"
