"""Which process this is, where several work together."""

from __future__ import annotations

import os

import torch
from torch import Tensor


def rank() -> int:
    """The number of this process among all that work together, 0 if it is alone.

    Known also before and after they are connected: from torchrun, a batch system, or whoever started this process for one of several
    devices.
    """
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank()
    return int(next((os.environ[name] for name in ("RANK", "SLURM_PROCID", "LOCAL_RANK") if name in os.environ), 0))


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
