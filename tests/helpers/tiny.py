"""A training small enough to be killed and repeated. As a program, see :func:`program`, it trains into the
folder that it is given.
"""

import os
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nflib.data.folders import SuperResolutionImages
from nflib.models import RRDBConfig, SRFlow, SRFlowConfig
from nflib.training import Recipe, Running, SRFlowTask, fit

ROOT = Path(__file__).resolve().parents[2]
CONFIG = SRFlowConfig(RRDBConfig(4, 4, 2, 1), taps=(0,), levels=3, steps=1, transitions=1, hidden=4)
RECIPE = Recipe(steps=24, batch=4, lr=1e-3, every=8)


class NoisyTask(SRFlowTask):
    """Also uses all global generators, whose states must therefore be resumed."""

    def loss(self, model, batch, generator) -> torch.Tensor:
        extra = torch.rand(()) + np.random.rand() + random.random()
        return super().loss(model, batch, generator) * (1 + 0.1 * extra)


def crops(seed=0, n=3) -> SuperResolutionImages:
    generator = torch.Generator().manual_seed(7)
    return SuperResolutionImages(
        [torch.rand(3, 40, 48, generator=generator) for _ in range(n)], scale=4, crop=16, seed=seed
    )


def train(out, resume=False, workers=0, task=NoisyTask, devices=1, strategy="ddp_fork", **changes) -> Any:
    torch.manual_seed(3)
    running = Running(device="cpu", workers=workers, resume=resume, devices=devices, strategy=strategy)
    return fit(
        task(SRFlow(CONFIG)),
        crops(),
        out,
        recipe=replace(RECIPE, **changes),
        validation=crops(seed=1),
        seed=5,
        running=running,
    )


def program(folder, devices=1, options=(), **how) -> subprocess.Popen:
    """Start this module as a program of its own; its output as ``how`` says."""
    return subprocess.Popen(
        [sys.executable, *options, "-m", __name__, str(folder), str(devices)], cwd=ROOT, **how
    )


if __name__ == "__main__":
    torch.set_num_threads(1)
    folder, devices = Path(sys.argv[1]), int(sys.argv[2])
    Path(f"{folder}.process{os.environ.get('LOCAL_RANK', 0)}").write_text(str(os.getpid()))
    train(folder, devices=devices, strategy="ddp")
