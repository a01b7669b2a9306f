"""Timing of one job in a process of its own, so that its peak memory is its own. Run as a program: see
:func:`measured`.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch

from ..files import json_text
from ..provenance import peak_memory, resident
from ..training import Running, training
from ..training.running import autocast, compile_blocks
from .roofline import seconds
from .workloads import image_shape, model_class

JOBS = ("training", "result")


@dataclass(frozen=True)
class Job:
    """What is timed.

    >>> job = Job("training", "deflow", "small", batch=8, side=64, device="cpu", precision="float32",
    ...           channels_last=False, compile=False, reversible=False, repeat=1, threads=1)
    >>> job.config.scale
    4

    Attributes:
        job: "training", a step of it; or "result", images degraded or super-resolved.
        model: a name of :data:`nflib.training.TRAININGS`.
        size: "full", as published; or "small".
        batch: images at once.
        side: of the images in pixels.
        device, precision, channels_last, compile: as in :class:`nflib.training.Running`.
        reversible: of the flows; LUD-VAE has no such thing.
        repeat: how often after the first time.
        threads: of the CPU.
    """

    job: str
    model: str
    size: str
    batch: int
    side: int
    device: str
    precision: str
    channels_last: bool
    compile: bool
    reversible: bool
    repeat: int
    threads: int

    @property
    def config(self) -> Any:
        return training(self.model).timed_config(self.size, reversible=self.reversible)


@dataclass(frozen=True)
class Timing:
    """What was measured: the median of the seconds, and bytes at the peak, weights included; None where the
    system does not tell. Or why it ``failed``.

    >>> Timing(seconds=None, memory=None, failed="out of memory").failed
    'out of memory'
    """

    seconds: float | None
    memory: int | None
    failed: str | None = None


def measured(job: Job) -> Timing:
    """Run a job in a fresh process. A process that runs out of memory is a Timing with ``failed``.

    Raises:
        ValueError: the process ended otherwise, with its last line of output.
    """
    done = subprocess.run(
        [sys.executable, "-m", __name__], input=json_text(asdict(job)), capture_output=True, text=True
    )
    if done.returncode == -9:  # so the system ends who takes too much
        return Timing(None, None, "killed, probably for lack of memory")
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["nothing was said"]
        raise ValueError(f"{job.job} of {job.model} ended with code {done.returncode}: {said[-1]}")
    return Timing(**json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Read a job from the input and write its timing, as JSON."""
    job = Job(**json.load(sys.stdin))
    torch.set_num_threads(job.threads)
    try:
        timing = run(job)
    except torch.cuda.OutOfMemoryError:
        timing = Timing(None, None, "out of memory")
    print(json_text(asdict(timing)))


def run(job: Job) -> Timing:
    """Do a job in this process. On a CPU the memory is what the process grew by; the process must be fresh
    for that to be right.
    """
    device = torch.device(job.device)
    before = resident() if device.type == "cpu" else 0
    torch.manual_seed(0)
    act = training_step(job, device) if job.job == "training" else _result(job, device)
    for _ in range(3 if device.type == "cuda" else 1):  # chooses algorithms, compiles
        act()
    found = statistics.median(seconds(act, device) for _ in range(job.repeat))
    after = peak_memory(device)
    return Timing(found, None if before is None or after is None else after - before)


def training_step(job: Job, device: torch.device) -> Callable[[], None]:
    """A step of nflib's own training, on random images."""
    config = job.config
    task = training(job.model).task(model_class(config)(config)).to(device)
    batch = task.transfer_batch_to_device(
        task.example(torch.rand(image_shape(config, job.batch, job.side))), device, 0
    )
    running = Running(precision=job.precision, channels_last=job.channels_last, compile=job.compile)
    task.begin(replace(task.recipe, batch=job.batch), 0, batch, running)
    task.keep()
    return lambda: task.advance(batch)


def _result(job: Job, device: torch.device) -> Callable[[], None]:
    model = model_class(job.config)(job.config).eval().to(device)
    layout = torch.channels_last if job.channels_last else torch.contiguous_format
    model.to(memory_format=layout)  # type: ignore[call-overload]
    image = torch.rand(image_shape(job.config, job.batch, job.side)).to(device, memory_format=layout)
    if job.compile:
        compile_blocks(model)

    def act() -> None:
        with autocast(device, job.precision), torch.no_grad():
            model.example_result(image)

    return act


if __name__ == "__main__":
    main()
