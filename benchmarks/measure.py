"""Two ways to do the same, timed against each other: in turn, in processor seconds of one thread."""

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
from rich.console import Console
from rich.table import Table

import nflib


def parser(description: str, size: int) -> argparse.ArgumentParser:
    """The options that all benchmarks share."""
    options = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--size", type=int, default=size, help="side of the image, a multiple of 16")
    options.add_argument("--batch", type=int, default=4, help="images in a training step")
    options.add_argument("--repeat", type=int, default=5, help="runs of each way, in turn")
    options.add_argument("--json", help="write the numbers to this file")
    return options


def start(model: torch.nn.Module, nll: Callable[[], torch.Tensor]) -> None:
    """Move all weights off their start, since a last layer of zeros would hide any difference, and initialise ActNorm."""
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
    """Median processor seconds of both; of the ratios of neighbouring runs the median, the lowest and the highest."""
    plain(), shared()
    runs = [(_seconds(plain), _seconds(shared)) for _ in range(repeat)]
    ratios = [slow / fast for slow, fast in runs]
    slow, fast = map(statistics.median, zip(*runs))
    return {"plain": slow, "shared": fast, "ratio": statistics.median(ratios), "lowest": min(ratios), "highest": max(ratios)}


def report(title: str, settings: dict[str, object], measured: dict[str, dict[str, object]], file: str | None) -> None:
    """Print a table and, if a file is named, write the numbers with device, seed, date and versions."""
    device = f"one thread of {platform.processor() or platform.machine()}"
    table = Table("task", "plain, s", "shared, s", "ratio", "lowest to highest", title=f"{title}, {device}")
    for task, found in measured.items():
        spread = f"{found['lowest']:.1f} to {found['highest']:.1f}"
        table.add_row(task, f"{found['plain']:.2f}", f"{found['shared']:.2f}", f"{found['ratio']:.1f}", spread)
    Console().print(table, f"largest difference of the images: {settings['difference']:.1e}; nflib {nflib.__version__}, torch {torch.__version__}")
    if file:
        versions = {"nflib": nflib.__version__, "torch": torch.__version__}
        found = {**settings, "processor seconds": measured, "device": device, "seed": 0, "date": datetime.date.today().isoformat(), **versions}
        Path(file).write_text(json.dumps(found, indent=1) + "\n")


def _seconds(function: Callable[[], object]) -> float:
    start = time.process_time()
    function()
    return time.process_time() - start
