"""How a training is run: on which devices, how precisely, in which layout. Nothing of it changes what is
learned, beyond rounding.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..models import ImageModel
from ..processes import MOST, check_devices, launched_by, own_share

PRECISIONS = ("float32", "bfloat16")
STRATEGIES = ("ddp", "ddp_fork")


@dataclass(frozen=True)
class Running:
    """How :func:`nflib.training.fit` and all trainings on folders are run.

    >>> Running(devices=4, nodes=2).together
    8

    Attributes:
        device: "cpu", "cuda", "cuda:1", "mps"; :func:`nflib.device` by default.
        devices: of each machine. There is a process for each; every batch is shared among them.
        nodes: machines. The command is started on each of them, by torchrun or a batch system.
        strategy: "ddp" starts this program again for each further device; "ddp_fork" copies the process,
            which notebooks need, and which CUDA does not allow.
        precision: "float32", or "bfloat16" for the networks, where latents and log-determinants stay float32.
            For GPUs: a CPU without arithmetic for it is many times slower (``experiments/speed/options.py``).
        channels_last: keep images and the weights of convolutions with the channels last in memory.
        compile: compile the blocks of the networks. The first steps then take minutes.
        workers: processes that prepare crops; the result does not depend on it.
        resume: go on from ``last.state`` if it is there.
        dry_run: train a few steps, write nothing, and return a :class:`~nflib.training.Rehearsal`.
    """

    device: torch.device | str | None = None
    devices: int = 1
    nodes: int = 1
    strategy: str = "ddp"
    precision: str = "float32"
    channels_last: bool = False
    compile: bool = False
    workers: int = 0
    resume: bool = False
    dry_run: bool = False

    @property
    def together(self) -> int:
        """Devices that share a batch, on all machines."""
        return self.devices * self.nodes

    @property
    def photo_processes(self) -> int:
        """Processes of each machine that read photos."""
        return self.devices * (1 + self.workers)


def check_running(running: Running, device: torch.device) -> None:
    """Raise ValueError unless there are so many devices, they can work together, and as many processes were
    started as there should be, if others than this one start them.
    """
    names = launched_by()
    if names is not None and own_share().count != running.together:
        raise ValueError(
            f"devices times nodes must be {own_share().count}, as many processes as {' and '.join(names)} "
            f"promise, got {running.devices} times {running.nodes}"
        )
    check_devices(device, running.devices, running.nodes)
    if not 0 <= running.workers <= MOST:
        raise ValueError(f"workers must be from 0 to {MOST}, got {running.workers!s:.60}")
    if running.strategy not in STRATEGIES:
        raise ValueError(f"strategy must be one of {', '.join(STRATEGIES)}, got {running.strategy!r}")
    if running.together > 1 and device.type == "cuda" and running.strategy == "ddp_fork":
        raise ValueError(
            "strategy ddp_fork is for the cpu: CUDA cannot be used in a copied process; train with ddp, "
            "from a command or a script"
        )


def autocast(device: torch.device, precision: str) -> contextlib.AbstractContextManager:
    """The context in which a loss is computed.

    Raises:
        ValueError: the precision is not one of PRECISIONS.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}, got {precision!r}")
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")


def channels_last(batch: Any) -> Any:
    """The images of a batch, (B, C, H, W) each, with their channels last in memory; all else as it is."""
    if isinstance(batch, Tensor):
        return batch.contiguous(memory_format=torch.channels_last) if batch.dim() == 4 else batch
    return type(batch)(channels_last(part) for part in batch)


def compile_blocks(model: nn.Module) -> None:
    """Compile, at their first use, the blocks that a model repeats: much faster to compile than the whole,
    and as fast to run.
    """
    for module in repeated_blocks(model):
        module.compile()


def repeated_blocks(model: nn.Module) -> list[nn.Module]:
    """The blocks that an image model says it repeats, and those of the image models inside it."""
    models = [module for module in model.modules() if isinstance(module, ImageModel)]
    kinds = tuple({kind for one in models for kind in one.repeated})
    return [module for module in model.modules() if isinstance(module, kinds)]


@contextlib.contextmanager
def enough_memory(crops: int) -> Iterator[None]:
    """Raise ValueError, with what helps, where a GPU has too little memory for a step of so many crops."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise ValueError(
            f"{str(error).partition('. ')[0]}: a step of {crops} crops does not fit. What helps: a "
            "smaller batch or crop, --reversible (flows), "
            "--precision bfloat16, more devices"
        ) from None
