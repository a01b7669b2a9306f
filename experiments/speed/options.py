"""What changes how a training step is computed, against the plain step: same weights, same crops, in turn.

    python -m experiments.speed.options [--models deflow srflow ludvae] [--size small]
                                        [--options bfloat16 channels_last compile] [--batch N] [--crop N]
                                        [--device cpu] [--repeat 5] [--json FILE]

Plain is float32, not compiled, in the usual layout. On a CPU times are processor seconds of one thread, on a
GPU seconds. Compiling itself is not in the ratio: its seconds have a column of their own. `reversible` is
measured by memory.py; how much a loss changes is bounded by tests/training/test_running.py.
"""

from __future__ import annotations

import datetime
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from rich.table import Table

import nflib
from experiments.recording import parser
from nflib.cli.printing import print_table
from nflib.costs.bench import CPU_BATCH, MODELS
from nflib.costs.timing import Job, training_step
from nflib.files import write_bytes
from nflib.provenance import commit, device_name
from nflib.training import training
from nflib.training.folders import SIZES
from nflib.units import progress

OPTIONS = {
    "bfloat16": {"precision": "bfloat16"},
    "channels_last": {"channels_last": True},
    "compile": {"compile": True},
    "bfloat16+channels_last": {"precision": "bfloat16", "channels_last": True},
    "all": {"precision": "bfloat16", "channels_last": True, "compile": True},
}


def ready(job: Job, device: torch.device) -> tuple[Callable[[], None], float]:
    """A step of which two were made, and the seconds they took: compiling is over."""
    torch.compiler.reset()  # nothing of what was compiled for others
    torch.manual_seed(0)
    step = training_step(job, device)
    start = time.perf_counter()
    step()
    step()
    return step, time.perf_counter() - start


def seconds(step: Callable[[], None], device: torch.device) -> float:
    clock = time.process_time if device.type == "cpu" else time.perf_counter
    start = clock()
    step()  # reads the loss, and so waits for the device
    return clock() - start


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    options.add_argument("--size", choices=SIZES, default="small", help="full: as published")
    options.add_argument("--options", nargs="+", choices=tuple(OPTIONS), default=list(OPTIONS))
    options.add_argument("--batch", type=int, help="crops of a step, by default as of nflib bench")
    options.add_argument("--crop", type=int, help="their side in pixels, by default as of nflib bench")
    options.add_argument("--device", help="as of nflib train")
    options.add_argument("--repeat", type=int, default=5, help="steps of each way, in turn")
    options.add_argument("--json", type=Path, help="write the numbers to this file")
    arguments = options.parse_args()
    torch.set_num_threads(1)
    device = nflib.device(arguments.device)

    table = Table(
        "model", "option", "plain, s", "so, s", "plain / so", "lowest to highest", "first two steps, s"
    )
    rows = []
    for model in progress(arguments.models, "models"):
        usual = training(model).usual[arguments.size]
        most = CPU_BATCH if device.type == "cpu" and arguments.size == "full" else usual.recipe.batch
        batch, crop = arguments.batch or min(usual.recipe.batch, most), arguments.crop or usual.crop
        job = Job(
            "training",
            model,
            arguments.size,
            batch,
            crop,
            str(device),
            "float32",
            False,
            False,
            False,
            arguments.repeat,
            1,
        )
        plain, _ = ready(job, device)
        for option in progress(arguments.options, model):
            other, first = ready(replace(job, **OPTIONS[option]), device)
            pairs = [(seconds(plain, device), seconds(other, device)) for _ in range(arguments.repeat)]
            ratios = [a / b for a, b in pairs]
            slow, fast = map(statistics.median, zip(*pairs, strict=True))
            rows.append(
                {
                    "model": model,
                    "option": option,
                    "batch": batch,
                    "crop": crop,
                    "plain": slow,
                    "so": fast,
                    "ratio": statistics.median(ratios),
                    "lowest": min(ratios),
                    "highest": max(ratios),
                    "first_two_steps": first,
                }
            )
            spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
            table.add_row(
                model,
                option,
                f"{slow:.3f}",
                f"{fast:.3f}",
                f"{rows[-1]['ratio']:.2f}",
                spread,
                f"{first:.1f}",
            )
    print_table(table, names=(0, 1))
    if arguments.json:
        found = {
            "size": arguments.size,
            "device": device_name(device),
            "seed": 0,
            "clock": "processor seconds" if device.type == "cpu" else "seconds",
            "date": datetime.date.today().isoformat(),
            "commit": commit(),
            "nflib": nflib.__version__,
            "torch": torch.__version__,
            "rows": rows,
        }
        write_bytes(arguments.json, (json.dumps(found, indent=1) + "\n").encode())


if __name__ == "__main__":
    main()
