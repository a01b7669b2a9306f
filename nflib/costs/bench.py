"""How fast the models are on this machine, and how near to what it can do."""

from __future__ import annotations

import datetime
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import torch

from .. import __version__
from ..files import write_json
from ..provenance import commit
from ..training import TRAININGS, training
from ..training.folders import known_size
from ..units import device as usable
from ..units import progress
from .cost import result_cost, training_cost
from .roofline import PRECISIONS, Card, Floor, measure
from .timing import JOBS, Job, Timing, measured
from .workloads import image_shape

# Timed if nothing else is said: those that papers describe.
MODELS = tuple(name for name, row in TRAININGS.items() if row.published is not None)
# More takes minutes a step.
CPU_BATCH = 2


@dataclass(frozen=True)
class Machine:
    """The machine of a measurement: what the processor reaches, threads of the CPU, bytes of memory,
    versions, commit (None without a checkout).

    >>> from nflib.costs import CARDS
    >>> card = CARDS["RTX 4090"]
    >>> machine = Machine(card, "cuda", threads=16, memory=2**34, torch="2.4.0", nflib="0.1.0", commit=None)
    >>> machine.card.bandwidth
    1008.0
    """

    card: Card
    device: str
    threads: int
    memory: int | None
    torch: str
    nflib: str
    commit: str | None


@dataclass(frozen=True)
class Measurement:
    """One job of one model.

    >>> job = Job("result", "deflow", "small", 4, 64, "cpu", "float32", False, False, False, 1, 1)
    >>> one = Measurement(job, Timing(2.0, None), parameters=1000, multiply_adds=10**6, floor=Floor(0.5, 0.1))
    >>> one.images_per_second, one.share
    (2.0, 0.25)

    Attributes:
        job: what was done; its settings.
        timing: how long it took, and how much memory.
        parameters, multiply_adds: of the model and of the job.
        floor: the least time by the roofline of this machine.
    """

    job: Job
    timing: Timing
    parameters: int
    multiply_adds: int
    floor: Floor

    @property
    def images_per_second(self) -> float:
        return self.job.batch / cast("float", self.timing.seconds)

    @property
    def share(self) -> float:
        """Share of the roofline that was reached: the least time by the time it took."""
        return self.floor.seconds / cast("float", self.timing.seconds)


@dataclass(frozen=True)
class Bench:
    """What :func:`bench` found.

    >>> from nflib.costs import CARDS
    >>> card = CARDS["RTX 4090"]
    >>> machine = Machine(card, "cuda", threads=16, memory=None, torch="2.4.0", nflib="0.1.0", commit=None)
    >>> Bench(machine, (), date="2026-01-31", seconds=60.0).machine.card.name
    'RTX 4090'
    """

    machine: Machine
    measurements: tuple[Measurement, ...]
    date: str
    seconds: float

    def save(self, path: str | Path) -> None:
        """Write as JSON."""
        rows = []
        for one in self.measurements:
            rows.append(
                {
                    **asdict(one.job),
                    **asdict(one.timing),
                    "parameters": one.parameters,
                    "multiply_adds": one.multiply_adds,
                    "floor": {**one.floor._asdict(), "bound": one.floor.bound},
                }
            )
        machine = asdict(self.machine)
        write_json(
            Path(path),
            {**machine, "date": self.date, "total_seconds": self.seconds, "seed": 0, "measurements": rows},
        )


def bench(
    models: Sequence[str] = MODELS,
    *,
    size: str = "full",
    batch: int | None = None,
    crop: int | None = None,
    image: int = 256,
    precision: str = "float32",
    channels_last: bool = False,
    compile: bool = False,
    reversible: bool = False,
    repeat: int | None = None,
    device: str | None = None,
) -> Bench:
    """Time training steps and results of models, on random images. Each job has a process of its own.

    A training step is that of :func:`nflib.training.fit`: loss, backward pass, clipping, Adam, moving
    average. A result is one image degraded (DeFlow, LUD-VAE) or super-resolved (SRFlow). Memory is, on a GPU,
    the most that torch held for tensors; on a CPU, by how much the process grew beyond what it took before
    the model was made.

    Args:
        models: names of :data:`nflib.training.TRAININGS`; by default those that papers describe.
        size: "full": DeFlow for AIM 2019, SRFlow 4x for DF2K, LUD-VAE, as published; "small": those that
            train on a laptop.
        batch: crops of a training step; by default as published, for full models on a CPU 2.
        crop: their side in pixels; by default as published.
        image: side of the resulting image in pixels.
        precision, channels_last, compile: see :class:`nflib.training.Running`.
        reversible: flows keep no activations.
        repeat: how often each is timed after a first time that is not: by default 1 on a CPU, else 10.
        device: by default as in :func:`nflib.device`.

    Raises:
        ValueError: an argument out of range, or sizes that do not fit a model.
    """
    begin = time.perf_counter()
    _check(models, size, precision, repeat)
    chosen = usable(device)
    slow = chosen.type == "cpu"
    jobs = []
    for model in dict.fromkeys(models):
        usual = training(model).usual[size]
        backwards = reversible and hasattr(training(model).timed_config(size), "reversible")
        crops = min(usual.recipe.batch, CPU_BATCH) if slow and size == "full" else usual.recipe.batch
        for job in JOBS:
            shape = (
                (crops if batch is None else batch, usual.crop if crop is None else crop)
                if job == "training"
                else (1, image)
            )
            one = Job(
                job,
                model,
                size,
                *shape,
                str(chosen),
                precision,
                channels_last,
                compile,
                backwards,
                (1 if slow else 10) if repeat is None else repeat,
                torch.get_num_threads(),
            )
            image_shape(one.config, *shape)
            jobs.append(one)
    machine = Machine(
        measure(chosen),
        chosen.type,
        torch.get_num_threads(),
        _memory(chosen),
        torch.__version__,
        __version__,
        commit(),
    )
    rows = tuple(_measurement(job, machine.card) for job in progress(jobs, "timing"))
    return Bench(machine, rows, datetime.date.today().isoformat(), time.perf_counter() - begin)


def _measurement(job: Job, card: Card) -> Measurement:
    timing = measured(job)
    cost = (
        training_cost(job.config, job.batch, job.side)
        if job.job == "training"
        else result_cost(job.config, job.side, job.batch)
    )
    tf32 = job.precision == "float32" and card.tf32 is not None and torch.backends.cudnn.allow_tf32
    floor = card.floor(cost, "tf32" if tf32 else job.precision)
    return Measurement(job, timing, cost.parameters, cost.multiply_adds, floor)


def _check(models: Sequence[str], size: str, precision: str, repeat: int | None) -> None:
    if unknown := [model for model in models if model not in TRAININGS] or (not models and ["nothing"]):
        raise ValueError(f"models must be of {', '.join(TRAININGS)}, got {unknown[0]}")
    known_size(size)
    known = [name for name in PRECISIONS if name != "tf32"]
    if precision not in known:
        raise ValueError(f"precision must be one of {', '.join(known)}, got {precision!r}")
    if repeat is not None and repeat < 1:
        raise ValueError(f"repeat must be at least 1, got {repeat}")


def _memory(device: torch.device) -> int | None:
    """Bytes of the device; None where the system does not tell."""
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError):  # Windows
        return None
