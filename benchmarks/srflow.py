"""SRFlow with the condition's work shared, against the plain way: same weights, same run, one thread.

    python benchmarks/srflow.py [--model df2k_x4] [--size 160] [--batch 4] [--repeat 3] [--json FILE]

The plain way (plain.py) hands every step the whole upsampled condition and lets it start over at every call, as published.
Times are processor seconds of one thread, so that a busy machine disturbs them little; the ratio is of the medians.
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import statistics
import time
from pathlib import Path

import plain
import torch
from rich.console import Console
from rich.table import Table

import nflib
from nflib.models import SRFlow, SRFlowConfig

SAMPLES = 8


def seconds(function, repeat: int) -> float:
    """Median processor seconds of a call, after one call to warm up."""
    function()
    times = []
    for _ in range(repeat):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=("df2k_x4", "df2k_x8", "celeba_x8"), default="df2k_x4", help="published configuration")
    parser.add_argument("--size", type=int, default=160, help="side of the high-resolution image, a multiple of 16")
    parser.add_argument("--batch", type=int, default=4, help="images in a training step")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", help="write the numbers to this file")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)

    model = SRFlow(getattr(SRFlowConfig, arguments.model)())
    hr = torch.rand(1, 3, arguments.size, arguments.size)
    lr = torch.nn.functional.avg_pool2d(hr, model.config.scale)
    with torch.no_grad():
        for parameter in model.parameters():  # off their start: a last layer of zeros would hide any difference
            parameter.add_(0.01 * torch.randn_like(parameter))
        model.nll(hr, lr)  # ActNorm
    model.eval()
    latents = tuple(0.8 * torch.randn(s) for s in model.flow.transform.latent_shape((SAMPLES, *hr.shape[1:])))

    @torch.no_grad()
    def sample():
        return model.decode(latents, model.prepare(lr))  # the condition's part is there once and broadcasts over the samples

    @torch.no_grad()
    def sample_plain():
        return plain.decode(model, latents, lr.expand(SAMPLES, -1, -1, -1))

    batch = torch.rand(arguments.batch, *hr.shape[1:])
    small = torch.nn.functional.avg_pool2d(batch, model.config.scale)

    def step(nll):
        model.zero_grad()
        nll(batch, small).sum().backward()

    difference = (sample() - sample_plain()).abs().max().item()
    measured = {
        f"{SAMPLES} samples from one image": (seconds(sample_plain, arguments.repeat), seconds(sample, arguments.repeat)),
        f"NLL and backward, {arguments.batch} images": (
            seconds(lambda: step(lambda *pair: plain.nll(model, *pair)), arguments.repeat), seconds(lambda: step(model.nll), arguments.repeat),
        ),
    }
    table = Table("task", "plain, s", "shared, s", "ratio", title=f"SRFlow {arguments.model}, {arguments.size} px, one thread of {platform.processor() or platform.machine()}")
    for task, (slow, fast) in measured.items():
        table.add_row(task, f"{slow:.2f}", f"{fast:.2f}", f"{slow / fast:.1f}")
    Console().print(table, f"largest difference of the images: {difference:.1e}; nflib {nflib.__version__}, torch {torch.__version__}")
    if arguments.json:
        found = {
            "model": arguments.model, "size": arguments.size, "batch": arguments.batch, "difference": difference,
            "processor seconds": {task: {"plain": slow, "shared": fast, "ratio": slow / fast} for task, (slow, fast) in measured.items()},
            "device": f"one thread of {platform.processor() or platform.machine()}", "seed": 0, "date": datetime.date.today().isoformat(),
            "nflib": nflib.__version__, "torch": torch.__version__,
        }
        Path(arguments.json).write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
