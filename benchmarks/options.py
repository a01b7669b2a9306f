"""The arguments of fit that change how a training step is computed, each against the plain step: same weights, same crops, in turn.

    python benchmarks/options.py [--models deflow srflow ludvae] [--size small] [--options bfloat16 channels_last compile]
                                 [--batch N] [--crop N] [--device cpu] [--repeat 5] [--json FILE]

Plain is float32, not compiled, in the usual layout. On a CPU times are processor seconds of one thread, on a GPU seconds. Compiling
itself is not in the ratio: its seconds have a column of their own. `reversible` is measured by memory.py; how much a loss changes is
bounded by tests/training/test_running.py.
"""

from __future__ import annotations

import argparse
import datetime
import json
import statistics
import time
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

import nflib
from nflib.models import LUDVAE, DeFlow, DeFlowConfig, LUDVAEConfig, SRFlow, SRFlowConfig
from nflib.training import DeFlowTask, LUDVAETask, Recipe, SRFlowTask, Task
from nflib.training.fit import commit
from nflib.training.sizes import srflow_config
from nflib.units import device_name, generator, progress

OPTIONS = {
    "bfloat16": {"precision": "bfloat16"}, "channels_last": {"channels_last": True}, "compile": {"compile": True},
    "bfloat16+channels_last": {"precision": "bfloat16", "channels_last": True},
    "all": {"precision": "bfloat16", "channels_last": True, "compile": True},
}
# Crops of a step and their side.
SHAPES = {"small": (8, 64), "full": (2, 160)}


def task(model: str, size: str) -> Task:
    """A new task with the same weights every time."""
    torch.manual_seed(0)
    if model == "deflow":
        return DeFlowTask(DeFlow(DeFlowConfig.small() if size == "small" else DeFlowConfig.aim()))
    if model == "srflow":
        return SRFlowTask(SRFlow(srflow_config("small", 4) if size == "small" else SRFlowConfig.df2k_x4()))
    return LUDVAETask(LUDVAE(LUDVAEConfig(levels=2, width=16) if size == "small" else LUDVAEConfig()))


def crops(model: str, batch: int, side: int, device: torch.device):
    random = torch.rand(batch, 3, side, side, generator=generator(1)).to(device)
    if model == "srflow":
        return random, torch.nn.functional.avg_pool2d(random, 4)
    return random, torch.arange(batch, device=device) % 2


def ready(model: str, size: str, batch, device: torch.device, **how) -> tuple[Task, float]:
    """A task that has made two steps, and the seconds they took: compiling is over."""
    torch.compiler.reset()  # nothing of what was compiled for others
    one = task(model, size).to(device)
    one.begin(Recipe(steps=10**6, lr=1e-6, batch=len(batch[0])), 0, batch, **how)
    one.averaged.to(device)
    one.keep()
    start = time.perf_counter()
    one.advance(batch)
    one.advance(batch)
    return one, time.perf_counter() - start


def seconds(one: Task, batch, device: torch.device) -> float:
    clock = time.process_time if device.type == "cpu" else time.perf_counter
    start = clock()
    one.advance(batch)  # reads the loss, and so waits for the device
    return clock() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=("deflow", "srflow", "ludvae"), default=["deflow", "srflow", "ludvae"])
    parser.add_argument("--size", choices=tuple(SHAPES), default="small", help="full: as published")
    parser.add_argument("--options", nargs="+", choices=tuple(OPTIONS), default=list(OPTIONS))
    parser.add_argument("--batch", type=int, help="crops of a step")
    parser.add_argument("--crop", type=int, help="their side in pixels")
    parser.add_argument("--device", help="as of nflib train")
    parser.add_argument("--repeat", type=int, default=5, help="steps of each way, in turn")
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    device = nflib.device(arguments.device)
    batch, side = (given or usual for given, usual in zip((arguments.batch, arguments.crop), SHAPES[arguments.size]))

    table = Table("model", "option", "plain, s", "so, s", "plain / so", "lowest to highest", "first two steps, s")
    rows = []
    for model in progress(arguments.models, "models"):
        data = crops(model, batch, side, device)
        plain, _ = ready(model, arguments.size, data, device)
        for option in progress(arguments.options, model):
            other, first = ready(model, arguments.size, data, device, **OPTIONS[option])
            pairs = [(seconds(plain, data, device), seconds(other, data, device)) for _ in range(arguments.repeat)]
            ratios = [a / b for a, b in pairs]
            slow, fast = map(statistics.median, zip(*pairs))
            rows.append({
                "model": model, "option": option, "plain": slow, "so": fast, "ratio": statistics.median(ratios), "lowest": min(ratios),
                "highest": max(ratios), "first_two_steps": first,
            })
            spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
            table.add_row(model, option, f"{slow:.3f}", f"{fast:.3f}", f"{rows[-1]['ratio']:.2f}", spread, f"{first:.1f}")
    Console().print(table)
    if arguments.json:
        found = {
            "size": arguments.size, "batch": batch, "crop": side, "device": device_name(device), "seed": 0,
            "clock": "processor seconds" if device.type == "cpu" else "seconds", "date": datetime.date.today().isoformat(),
            "commit": commit(), "nflib": nflib.__version__, "torch": torch.__version__, "rows": rows,
        }
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
