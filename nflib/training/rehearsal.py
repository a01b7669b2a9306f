"""What a training will take, from a few of its steps: before hours are spent."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

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
# Where such steps would take longer, in seconds, they are computed from one of the fewest crops.
LONGEST = 60.0
# Bytes for each parameter that the first step adds: its gradient and the two means of Adam, float32.
FIRST_STEP = 12


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
        measured: crops of the step that was timed; where they are fewer than ``batch``, seconds and memory
            are multiplied. 0 for all.
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
    measured: int = 0
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
            *(
                [f"timed with {self.measured} of the {self.batch} crops, and multiplied"]
                if 0 < self.measured < self.batch
                else []
            ),
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

    It begins with the fewest crops, and stays with them where steps of the batch would take long: time and
    memory of a dry run are bounded, whatever the model. What a model starts from is not computed.

    Arguments as for :func:`nflib.training.fit`. What several devices tell each other takes time too, which is
    not measured.

    Raises:
        ValueError: a batch does not fit into the memory of the device.
    """
    device = units.device(running.device)
    share = recipe.batch // running.together
    few = min(task.together, share)
    parameters = sum(parameter.numel() for parameter in task.trained.parameters())
    units.say(
        f"dry run: {type(task.model).__name__}, {parameters / 1e6:.2f} million parameters, on "
        f"{provenance.device_name(device)}; nothing is written"
    )
    task.to(device)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    crop_seconds, batch = _prepared(task, data, few, device)
    with enough_memory(share):
        task.begin(recipe, seed, batch, running)
        task.keep()
        before = provenance.peak_memory(device)
        seconds = [_step(task, batch)]
        measured, guess = few, seconds[0] * share / few
        units.say(f"a step of {few} crops: {seconds[0]:.3g} s, so about {guess:.3g} s for {share}")
        if few < share and guess * (1 + TIMED) <= LONGEST:
            measured = share
            crop_seconds, batch = _prepared(task, data, share, device)
            seconds = [_step(task, batch)]
        if measured == share or seconds[0] * TIMED <= LONGEST:
            seconds += [_step(task, batch) for _ in units.progress(range(TIMED), "steps")]
    timed = sorted(seconds[1:] or seconds)
    return Rehearsal(
        type(task.model).__name__,
        parameters,
        provenance.device_name(device),
        running.together,
        share,
        tuple(next(tensors(batch)).shape[1:]),
        recipe.steps,
        timed[len(timed) // 2] * share / measured,
        crop_seconds * share / measured,
        _whole(before, provenance.peak_memory(device), parameters, share / measured),
        measured,
        min(kept.BYTES, running.photo_processes * decoded_bytes(data)),
    )


def _prepared(task: Task, data: Dataset, crops: int, device: torch.device) -> tuple[float, Any]:
    """Seconds in which the first crops are prepared, and the batch of them on its device."""
    clock = time.perf_counter()
    batch = default_collate([data[i] for i in range(crops)])
    seconds = time.perf_counter() - clock
    return seconds, task.transfer_batch_to_device(batch, device, 0)


def _step(task: Task, batch: Any) -> float:
    """Seconds of a step; advance reads the loss, and so waits for the device."""
    clock = time.perf_counter()
    task.advance(batch)
    return time.perf_counter() - clock


def _whole(before: int | None, peak: int | None, parameters: int, times: float) -> int | None:
    """Memory of a step of so many times the crops: what grows with them is what a step needs beyond the
    states.
    """
    if before is None or peak is None or times == 1:
        return peak
    return peak + int(max(peak - before - FIRST_STEP * parameters, 0) * (times - 1))
