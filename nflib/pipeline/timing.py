"""Timing of one job in a process of its own, so that its peak memory is its own. Run as a program: see :func:`measured`."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from ..models import DeFlowConfig, LUDVAEConfig, SRFlowConfig
from ..provenance import peak_memory, resident
from .roofline import seconds
from .workloads import MODELS, Config, image_shape, result, smaller

JOBS = ("training", "result")
# A noise for the small LUD-VAE: times do not depend on which.
SMALL_DEVIATION = 0.03


@dataclass(frozen=True)
class Job:
    """What is timed.

    Attributes:
        job: "training", a step of it; or "result", images degraded or super-resolved.
        model: "deflow", "srflow" or "ludvae".
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
    def config(self) -> Config:
        return config_of(self.model, self.size, self.reversible)


@dataclass(frozen=True)
class Timing:
    """What was measured: the median of the seconds, and bytes at the peak, weights included; None where the system does not tell.
    Or why it ``failed``."""

    seconds: float | None
    memory: int | None
    failed: str | None = None


def config_of(model: str, size: str, reversible: bool = False) -> Config:
    """DeFlow for AIM 2019, SRFlow 4x for DF2K, LUD-VAE for AIM 2019; or the small ones that train on a laptop."""
    from ..training.sizes import srflow_config

    small = size == "small"
    if model == "ludvae":
        return LUDVAEConfig.small(SMALL_DEVIATION) if small else LUDVAEConfig()
    if model == "deflow":
        config = DeFlowConfig.small() if small else DeFlowConfig.aim()
    else:
        config = srflow_config("small", 4) if small else SRFlowConfig.df2k_x4()
    return replace(config, reversible=reversible)


def measured(job: Job) -> Timing:
    """Run a job in a fresh process. A process that runs out of memory is a Timing with ``failed``.

    Raises:
        ValueError: the process ended otherwise, with its last line of output.
    """
    # the program is found where this package is, whatever the process was started as
    program = f"import sys; sys.path.insert(0, {str(Path(__file__).parents[2])!r}); from {__name__} import main; main()"
    done = subprocess.run([sys.executable, "-c", program], input=json.dumps(asdict(job)), capture_output=True, text=True)
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
    print(json.dumps(asdict(timing)))


def run(job: Job) -> Timing:
    """Do a job in this process. On a CPU the memory is what the process grew by; the process must be fresh for that to be right."""
    from .. import training  # noqa: F401  what is loaded is there before memory is looked at

    device = torch.device(job.device)
    before = resident() if device.type == "cpu" else 0
    torch.manual_seed(0)
    act = training_step(job, device) if job.job == "training" else _result(job, device)
    for _ in range(3 if device.type == "cuda" else 1):  # chooses algorithms, compiles
        act()
    found = statistics.median(seconds(act, device) for _ in range(job.repeat))
    after = peak_memory(device)
    return Timing(found, None if None in (before, after) else after - before)


def training_step(job: Job, device: torch.device) -> Callable[[], None]:
    """A step of nflib's own training, on random images."""
    from ..training import DeFlowTask, LUDVAETask, SRFlowTask

    config = job.config
    task = {"deflow": DeFlowTask, "srflow": SRFlowTask, "ludvae": LUDVAETask}[job.model](MODELS[type(config)](config)).to(device)
    batch = task.transfer_batch_to_device(_batch(config, torch.rand(image_shape(config, job.batch, job.side))), device, 0)
    task.begin(replace(task.recipe, batch=job.batch), 0, batch, job.precision, job.channels_last, job.compile)
    task.keep()
    return lambda: task.advance(batch)


def _batch(config: Config, image: Tensor) -> tuple[Tensor, Tensor]:
    if isinstance(config, SRFlowConfig):
        return image, smaller(config, image).contiguous()
    return image, (torch.arange(len(image)) % 2 == 0).long()  # a single image is a degraded one


def _result(job: Job, device: torch.device):
    from ..training.running import autocast, compile_blocks

    model = MODELS[type(job.config)](job.config).eval().to(device)
    layout = torch.channels_last if job.channels_last else torch.contiguous_format
    model.to(memory_format=layout)
    image = torch.rand(image_shape(job.config, job.batch, job.side)).to(device, memory_format=layout)
    if job.compile:
        compile_blocks(model)

    def act() -> None:
        with autocast(device, job.precision), torch.no_grad():
            result(model, image)

    return act
