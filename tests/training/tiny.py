"""A training small enough to be killed and repeated. Run as a program it trains into the folder that it is given, on so many devices."""

import os
import random
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from nflib.data.folders import SuperResolutionImages
from nflib.models import RRDBConfig, SRFlow, SRFlowConfig
from nflib.training import Recipe, SRFlowTask, fit

CONFIG = SRFlowConfig(RRDBConfig(4, 4, 2, 1), taps=(0,), levels=3, steps=1, transitions=1, hidden=4)
RECIPE = Recipe(steps=24, batch=4, lr=1e-3, every=8)


class NoisyTask(SRFlowTask):
    """Also uses all global generators, whose states must therefore be resumed."""

    def loss(self, model, batch, generator):
        extra = torch.rand(()) + np.random.rand() + random.random()
        return super().loss(model, batch, generator) * (1 + 0.1 * extra)


def crops(seed=0, n=3):
    generator = torch.Generator().manual_seed(7)
    return SuperResolutionImages([torch.rand(3, 40, 48, generator=generator) for _ in range(n)], scale=4, crop=16, seed=seed)


def train(out, resume=False, workers=0, task=NoisyTask, devices=1, strategy="ddp_fork", **changes):
    torch.manual_seed(3)
    return fit(
        task(SRFlow(CONFIG)), crops(), out, replace(RECIPE, **changes), validation=crops(seed=1), seed=5, device="cpu", workers=workers,
        resume=resume, devices=devices, strategy=strategy,
    )


if __name__ == "__main__":
    torch.set_num_threads(1)
    folder, devices = Path(sys.argv[1]), int(sys.argv[2])
    Path(f"{folder}.process{os.environ.get('LOCAL_RANK', 0)}").write_text(str(os.getpid()))
    train(folder, devices=devices, strategy="ddp")
