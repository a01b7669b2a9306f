"""What the comparisons of speed share: two ways to do the same, timed in turn, on one thread."""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from rich.table import Table

import nflib
from experiments import recording
from nflib.cli.printing import print_table
from nflib.files import write_bytes
from nflib.provenance import commit


def parser(description: str, size: int, multiple: int = 16) -> argparse.ArgumentParser:
    """The command line of a comparison: what :func:`report` needs, and the size of the work."""
    options = recording.parser(description)
    options.add_argument(
        "--size", type=int, default=size, help=f"side of the images, a multiple of {multiple}"
    )
    options.add_argument("--batch", type=int, default=4, help="images in a training step")
    options.add_argument("--repeat", type=int, default=5, help="runs of each way, in turn")
    options.add_argument("--json", type=Path, help="write the numbers to this file")
    return options


def start(model: torch.nn.Module, nll: Callable[[], torch.Tensor]) -> None:
    """Initialise ActNorm, and move all weights off their start: a layer of zeros would hide a difference."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.01 * torch.randn_like(parameter))
        nll()
    model.eval()


def training_step(model: torch.nn.Module, nll: Callable[[], torch.Tensor]) -> Callable[[], None]:
    """Forward, backward and Adam. The learning rate is 0, so that both ways keep the same weights."""
    adam = torch.optim.Adam(model.parameters(), lr=0.0)

    def step() -> None:
        adam.zero_grad()
        nll().mean().backward()
        adam.step()

    return step


def compare(plain: Callable[[], object], shared: Callable[[], object], repeat: int) -> dict[str, object]:
    """Median processor seconds of both; of ratios of neighbouring runs the median, lowest and highest."""
    plain(), shared()
    runs = [(_seconds(plain), _seconds(shared)) for _ in range(repeat)]
    ratios = [slow / fast for slow, fast in runs]
    slow, fast = map(statistics.median, zip(*runs, strict=True))
    return {
        "plain": slow,
        "shared": fast,
        "ratio": statistics.median(ratios),
        "lowest": min(ratios),
        "highest": max(ratios),
    }


def report(
    title: str, settings: dict[str, object], measured: dict[str, dict[str, object]], file: Path | None
) -> None:
    """Print a table and, if a file is named, write the numbers with device, seed, date and versions."""
    device = f"one thread of {platform.processor() or platform.machine()}"
    table = Table("task", "plain, s", "shared, s", "ratio", "lowest to highest", title=f"{title}, {device}")
    for task, found in measured.items():
        spread = f"{found['lowest']:.1f} to {found['highest']:.1f}"
        table.add_row(
            task, f"{found['plain']:.2f}", f"{found['shared']:.2f}", f"{found['ratio']:.1f}", spread
        )
    versions = {"nflib": nflib.__version__, "torch": torch.__version__}
    said = ", ".join(f"{name} {version}" for name, version in versions.items())
    print_table(table)
    print(f"largest difference of the images: {settings['difference']:.1e}; {said}")
    if file:
        where = {
            "device": device,
            "seed": 0,
            "date": datetime.date.today().isoformat(),
            "commit": commit(),
            **versions,
        }
        write_bytes(
            file, (json.dumps({**settings, "processor seconds": measured, **where}, indent=1) + "\n").encode()
        )


def _seconds(function: Callable[[], object]) -> float:
    start = time.process_time()
    function()
    return time.process_time() - start
