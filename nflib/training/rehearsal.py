"""What a training will take, from a few of its steps: before hours are spent."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import torch
from torch.utils.data import Dataset, default_collate

from .. import provenance, units
from ..data import kept
from ..data.contents import decoded_bytes
from .guard import tensors
from .recipe import Recipe
from .running import Running, enough_memory
from .tasks import Task

# Steps that are timed, after one that is not: it compiles, and finds the fastest algorithms.
TIMED = 3


@dataclass(frozen=True)
class Rehearsal:
    """What a dry run found. As text it is a short report.

    >>> found = Rehearsal("DeFlow", 10**6, "cpu", 1, batch=8, crop=(3, 64, 64), steps=3600, step_seconds=0.5,
    ...                   crop_seconds=0.1, memory=None)
    >>> found.hours, found.workers
    (0.5, 1)

    Attributes:
        model: its name.
        parameters: how many are trained.
        device: name of the device.
        devices: how many will share the work.
        batch: crops of a step on one device.
        crop: shape of a crop.
        steps: of the whole training.
        step_seconds: of a step on one device, the median.
        crop_seconds: in which one process prepares the crops of such a step.
        memory: bytes at the peak: of the device, or of the process if it is the CPU; None where the system
            does not tell.
        photos: bytes of decoded photos that all processes of a machine together will keep at most.
    """

    model: str
    parameters: int
    device: str
    devices: int
    batch: int
    crop: tuple[int, ...]
    steps: int
    step_seconds: float
    crop_seconds: float
    memory: int | None
    photos: int = 0

    @property
    def hours(self) -> float:
        """Hours of the whole training, if enough workers prepare the crops."""
        return self.steps * self.step_seconds / 3600

    @property
    def workers(self) -> int:
        """Processes that prepare crops as fast as a device uses them; 0 if the training itself can do it
        between its steps.
        """
        return (
            0
            if self.crop_seconds < 0.05 * self.step_seconds
            else math.ceil(self.crop_seconds / self.step_seconds)
        )

    def __str__(self) -> str:
        shared = f", {self.devices} devices share each step" if self.devices > 1 else ""
        size = "x".join(map(str, self.crop))
        lines = [
            f"{self.model}, {self.parameters / 1e6:.2f} million parameters, on {self.device}{shared}",
            f"a step of {self.batch} crops ({size}) on a device: {self.step_seconds:.3g} s, "
            f"{self.batch / self.step_seconds:.3g} crops/s",
            "peak memory: "
            + ("not known on this system" if self.memory is None else f"{self.memory / 2**30:.2f} GiB"),
            f"decoded photos in memory, all processes of a machine: at most {self.photos / 2**30:.2f} GiB",
            f"preparing these crops: {self.crop_seconds:.3g} s in one process; advised: --workers "
            f"{self.workers}",
            f"{self.steps} steps: about {duration(self.hours)}, validation and the first seconds not counted",
        ]
        return "\n".join(lines)


def duration(hours: float) -> str:
    """Hours as people say it: "40 minutes", "7.5 hours", "3.1 days"."""
    if hours < 1.5:
        return f"{60 * hours:.3g} minutes"
    return f"{hours:.3g} hours" if hours < 48 else f"{hours / 24:.3g} days"


def rehearse(
    task: Task, data: Dataset, *, recipe: Recipe, seed: int = 0, running: Running = Running()
) -> Rehearsal:
    """Train a few steps on the first crops, in this process only. The task is not fit for training
    afterwards.

    Arguments as for :func:`nflib.training.fit`. What several devices tell each other takes time too, which is
    not measured.

    Raises:
        ValueError: a batch does not fit into the memory of the device.
    """
    device = units.device(running.device)
    share = recipe.batch // running.together
    clock = time.perf_counter()
    batch = default_collate([data[i] for i in range(share)])
    crop_seconds = time.perf_counter() - clock
    task.to(device)
    batch = task.transfer_batch_to_device(batch, device, 0)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    seconds = []
    with enough_memory(share):
        task.begin(recipe, seed, batch, running)
        task.keep()
        for _ in range(1 + TIMED):
            clock = time.perf_counter()
            task.advance(batch)
            seconds.append(time.perf_counter() - clock)  # advance reads the loss, and so waits for the device
    parameters = sum(parameter.numel() for parameter in task.trained.parameters())
    return Rehearsal(
        type(task.model).__name__,
        parameters,
        provenance.device_name(device),
        running.together,
        share,
        tuple(next(tensors(batch)).shape[1:]),
        recipe.steps,
        sorted(seconds[1:])[TIMED // 2],
        crop_seconds,
        provenance.peak_memory(device),
        min(kept.BYTES, running.photo_processes * decoded_bytes(data)),
    )
