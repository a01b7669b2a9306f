"""Which process this is, where several work together."""

from __future__ import annotations

import torch
from torch import Tensor

from ..processes import own_share


def rank() -> int:
    """The number of this process among all that work together, 0 if it is alone; also before they are connected."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank()
    return own_share().index


def is_first() -> bool:
    return rank() == 0


def wait() -> None:
    """Until all processes are here."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.barrier()


def mean_over_processes(value: Tensor) -> Tensor:
    """The mean of what each process has of this tensor; every process gets the same."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.all_reduce(value)
        value /= torch.distributed.get_world_size()
    return value
