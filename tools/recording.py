"""What the scripts of recorded runs share: their command line, where and by what something was computed, tables, and the files."""

from __future__ import annotations

import argparse
import datetime
import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

import nflib
from nflib.images.files import write_bytes
from nflib.provenance import commit, device_name

ROOT = Path(__file__).resolve().parents[1]
RESULTS, RUNS = ROOT / "benchmarks" / "results", ROOT / "_build" / "runs"
SEED = 0


def parser(description: str, result: str) -> argparse.ArgumentParser:
    """The options that all recorded runs have. ``result``: name of the JSON."""
    options = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--out", "--json", type=Path, help=f"the JSON, written anew after every part; by default benchmarks/results/{result}")
    options.add_argument("--device", help="cpu, cuda, cuda:1; by default the fastest there is")
    options.add_argument("--commit", default=commit(), help="of the code; found by itself in a checkout")
    options.add_argument("--tiny", action="store_true", help="the smallest run there is, to see that it works: its numbers mean nothing")
    return options


class Record:
    """A JSON of results that grows part by part, and is whole or not there at any time.

    It begins with where, when and by what it was computed: "device", "commit", "seed", "date", "seconds" (of computing, all calls of
    the script together), "torch", "cuda" (version, null without), "nflib" and "tiny". Parts are added under "parts", an object.
    A file that is there already, made by the same device, commit, versions and settings, is gone on with; another is replaced.

    Args:
        arguments: of :func:`parser`.
        result: name of the JSON in benchmarks/results/ (of a tiny run in _build/runs/tiny/), unless a file is named.
        device: on which it is computed.
        settings: what else the results depend on.
    """

    def __init__(self, arguments: argparse.Namespace, result: str, device: torch.device, **settings):
        self._clock = time.perf_counter()
        self.path = arguments.out or (RUNS / "tiny" if arguments.tiny else RESULTS) / result
        self.content = {
            "device": device_name(device), "commit": arguments.commit, "seed": SEED, "torch": torch.__version__, "cuda": torch.version.cuda,
            "nflib": nflib.__version__, "tiny": arguments.tiny, **json.loads(json.dumps(settings)),
        }
        found = json.loads(self.path.read_text(encoding="utf-8")) if self.path.is_file() else {}
        same = bool(found) and all(found.get(key) == value for key, value in self.content.items())
        self.parts: dict = found["parts"] if same else {}
        self._before = found["seconds"] if same else 0.0

    def add(self, name: str, part: dict) -> None:
        self.parts[name] = part
        self.content |= {
            "date": datetime.date.today().isoformat(), "seconds": round(self._before + time.perf_counter() - self._clock, 1), "parts": self.parts,
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(self.path, (json.dumps(self.content, indent=1) + "\n").encode())


def show(title: str, columns: Sequence[str], rows: Iterable[Sequence]) -> None:
    """Print a table."""
    table = Table(*columns, title=title, title_justify="left")
    for row in rows:
        table.add_row(*("-" if cell is None else f"{cell:.4g}" if isinstance(cell, float) else str(cell) for cell in row))
    Console(width=120).print(table)
