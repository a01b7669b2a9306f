"""What all experiments share: folders and seed, a command line, and records of where and by what they ran."""

from __future__ import annotations

import argparse
import csv
import datetime
import json
import math
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import torch
from rich.table import Table

import nflib
from nflib.cli.printing import print_table
from nflib.files import write_bytes
from nflib.provenance import commit, device_name

ROOT = Path(__file__).resolve().parents[1]
RESULTS, RUNS, WEIGHTS = (
    ROOT / "experiments" / "results",
    ROOT / "_build" / "runs",
    ROOT / "nflib" / "weights",
)
SEED = 0
# Of a curve that is recorded.
ROWS = 200


def parser(description: str, result: str | None = None) -> argparse.ArgumentParser:
    """A command line that explains itself with the docstring of its module.

    Args:
        description: the docstring.
        result: name of the JSON of a recorded run, which has some options more, those that :class:`Record`
            reads.
    """
    options = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    if result is not None:
        options.add_argument(
            "--out",
            "--json",
            type=Path,
            help=f"the JSON, written anew after every part; by default experiments/results/{result}",
        )
        options.add_argument("--device", help="cpu, cuda, cuda:1; by default the fastest there is")
        options.add_argument("--commit", default=commit(), help="of the code; found by itself in a checkout")
        options.add_argument(
            "--tiny",
            action="store_true",
            help="the smallest run there is, to see that it works: its numbers mean nothing",
        )
    return options


def photo_option(options: argparse.ArgumentParser) -> None:
    """``--kodak``, for :func:`experiments.photos.photos`."""
    options.add_argument(
        "--kodak",
        type=Path,
        help="folder of Kodak's kodim01.png to kodim24.png; without it, bundled photos only",
    )


def seed_options(options: argparse.ArgumentParser, *, required: bool = False) -> None:
    """``--seeds`` and ``--json`` of a comparison that repeats everything with several seeds."""
    options.add_argument("--seeds", type=int, nargs="+", default=[SEED])
    options.add_argument(
        "--json",
        type=Path,
        required=required,
        help="write the result here; runs that are there already are kept",
    )


def train_all(description: str, plans: Iterable[str], train_one: Callable[[str, Path | None], None]) -> None:
    """The command line of what trains bundled models.

    It calls ``train_one(name, kodak)`` for the names that are asked for, all by default.
    """
    options = parser(description)
    options.add_argument("names", nargs="*", choices=[*plans, []], help="which, all by default")
    photo_option(options)
    arguments = options.parse_args()
    torch.set_num_threads(1)
    for name in arguments.names or plans:
        train_one(name, arguments.kodak)


class Record:
    """A JSON of results that grows part by part, and is whole or not there at any time.

    It begins with where, when and by what it was computed: "device", "commit", "seed", "date", "seconds" (of
    computing, all calls of the script together), "torch", "cuda" (version, null without), "nflib" and "tiny".
    Parts are added under "parts", an object. A file that is there already, made by the same device, commit,
    versions and settings, is gone on with; another is replaced.

    Args:
        arguments: of :func:`parser`.
        result: name of the JSON in experiments/results/ (of a tiny run in _build/runs/tiny/), unless a file
            is named.
        device: on which it is computed.
        settings: what else the results depend on.
    """

    def __init__(self, arguments: argparse.Namespace, result: str, device: torch.device, **settings):
        self._clock = time.perf_counter()
        self.path = arguments.out or (RUNS / "tiny" if arguments.tiny else RESULTS) / result
        self.content = {
            "device": device_name(device),
            "commit": arguments.commit,
            "seed": SEED,
            "torch": torch.__version__,
            "cuda": torch.version.cuda,
            "nflib": nflib.__version__,
            "tiny": arguments.tiny,
            **json.loads(json.dumps(settings)),
        }
        found = json.loads(self.path.read_text(encoding="utf-8")) if self.path.is_file() else {}
        same = bool(found) and all(found.get(key) == value for key, value in self.content.items())
        self.parts: dict = found["parts"] if same else {}
        self._before = found["seconds"] if same else 0.0

    def add(self, name: str, part: dict) -> None:
        self.parts[name] = part
        self.content |= {
            "date": datetime.date.today().isoformat(),
            "seconds": round(self._before + time.perf_counter() - self._clock, 1),
            "parts": self.parts,
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(self.path, (json.dumps(self.content, indent=1) + "\n").encode())


def curve(folder: Path) -> dict[str, list]:
    """The columns of a run's metrics.csv that a figure wants; None where nothing was validated."""
    with (folder / "metrics.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {
        name: [float(row[name]) if row[name] else None for row in rows]
        for name in ("step", "loss", "validation")
    }


def thinned(found: dict[str, list]) -> dict[str, list]:
    """At most ROWS rows of a curve.

    The loss of each is the mean of all rows that it stands for, the validation is the last of them.
    """
    size = math.ceil(len(found["step"]) / ROWS)
    thin = {"step": [], "loss": [], "validation": []}
    for first in range(0, len(found["step"]), size or 1):
        rows = {name: values[first : first + size] for name, values in found.items()}
        losses = [loss for loss in rows["loss"] if loss is not None]
        thin["step"].append(round(rows["step"][-1]))
        thin["loss"].append(round(sum(losses) / len(losses), 5) if losses else None)
        thin["validation"].append(
            next((value for value in reversed(rows["validation"]) if value is not None), None)
        )
    return thin


def show(title: str, columns: Sequence[str], rows: Iterable[Sequence]) -> None:
    """Print a table."""
    table = Table(*columns, title=title, title_justify="left")
    for row in rows:
        table.add_row(
            *(
                "-" if cell is None else f"{cell:.4g}" if isinstance(cell, float) else str(cell)
                for cell in row
            )
        )
    print_table(table)
