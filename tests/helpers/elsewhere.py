"""A second device that needs no hardware.

Its tensors hold numbers of this processor and refuse to meet tensors that are not there: an operation with
both is an error, as on a graphics card, unless the other one is a single number or an index. All else is
computed, by the same code as ever, so that results can be compared.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

DEVICE = torch.device("meta")  # a name that PyTorch has everywhere; nothing real is made there
HERE = torch.device("cpu")
MOVES = (torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default)


class Elsewhere(torch.Tensor):
    """A tensor on the second device."""

    here: torch.Tensor

    @staticmethod
    def __new__(cls, here: torch.Tensor) -> Elsewhere:
        return torch.Tensor._make_wrapper_subclass(
            cls,
            here.shape,
            strides=here.stride(),
            storage_offset=here.storage_offset(),
            dtype=here.dtype,
            layout=here.layout,
            device=DEVICE,
            requires_grad=here.requires_grad,
        )

    def __init__(self, here: torch.Tensor):
        self.here = here

    def __repr__(self, **_: object) -> str:
        return f"Elsewhere({self.here!r})"

    def tolist(self) -> Any:
        return self.here.tolist()

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None) -> object:
        return _run(func, args, kwargs or {})


def _is_there(device: object) -> bool:
    return device is not None and torch.device(device).type == DEVICE.type


def _check(func, tensors: list[torch.Tensor]) -> None:
    indexes = (torch.int64, torch.bool) if "index" in func.__name__ else ()
    for tensor in tensors:
        if not isinstance(tensor, Elsewhere) and tensor.dim() and tensor.dtype not in indexes:
            raise RuntimeError(
                f"{func}: a tensor of shape {tuple(tensor.shape)} is not on the second device, another is"
            )


def _run(func, args, kwargs) -> object:
    tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
    there = [tensor for tensor in tensors if isinstance(tensor, Elsewhere)]
    named = kwargs.get("device")
    if func in MOVES:
        target = isinstance(args[0], Elsewhere) if named is None else _is_there(named)
    else:
        target = bool(there) if named is None else _is_there(named)
        if there:
            _check(func, tensors)
    if _is_there(named):
        kwargs = {**kwargs, "device": HERE}
    mine, theirs = (tree_map_only(Elsewhere, lambda tensor: tensor.here, part) for part in (args, kwargs))
    done = func(*mine, **theirs)
    if not target:
        return done
    same = {id(tensor.here): tensor for tensor in there}  # what works in place hands back its argument
    return tree_map_only(
        torch.Tensor, lambda made: same[id(made)] if id(made) in same else Elsewhere(made), done
    )


class _Operations(TorchDispatchMode):
    """What makes a tensor there, and what moves one."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None) -> object:
        kwargs = kwargs or {}
        found = any(isinstance(leaf, Elsewhere) for leaf in tree_leaves((args, kwargs)))
        return _run(func, args, kwargs) if found or _is_there(kwargs.get("device")) else func(*args, **kwargs)


def _index(index: Any) -> Any:
    """An index in which lists are tensors."""
    if isinstance(index, tuple):
        return tuple(map(_index, index))
    return torch.tensor(index) if isinstance(index, list) else index


class _Literals(TorchFunctionMode):
    """Tensors of numbers in a list: PyTorch makes them here, and moves them where no operation is seen."""

    def __torch_function__(self, func, types, args=(), kwargs=None) -> object:
        kwargs = kwargs or {}
        if func in (torch.tensor, torch.as_tensor, torch.asarray) and _is_there(kwargs.get("device")):
            made = func(*args, **{**kwargs, "device": HERE if not isinstance(args[0], Elsewhere) else DEVICE})
            return made.to(DEVICE)
        if func is torch.Tensor.__getitem__ and isinstance(args[0], Elsewhere):
            return func(args[0], _index(args[1]))
        if func is torch.Tensor.new_tensor and isinstance(args[0], Elsewhere):
            made = args[0].here.new_tensor(*args[1:], **kwargs)
            return made.to(DEVICE)
        return func(*args, **kwargs)


@contextlib.contextmanager
def second_device() -> Iterator[torch.device]:
    """Within this context there is the device."""
    with _Operations(), _Literals():
        yield DEVICE
