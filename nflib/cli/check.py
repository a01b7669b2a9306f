"""The command ``check``: two folders looked over before a training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from .._texts import shown
from .app import command, say_skipped
from .left_out import deep
from .options import ConditionScale, Map, Recursive, map_of
from .printing import console, print_table

COLOURS = {"error": "red", "warning": "yellow", "note": "blue", "good": "green"}
LEAKS = {"photos": "the photos themselves", "h": "h of the photos", "control": "h, clean against clean"}


@command
def check(
    clean: Annotated[Path, typer.Option(help="Folder of clean photos.")],
    degraded: Annotated[Path, typer.Option(help="Folder of degraded photos of other scenes.")],
    scale: ConditionScale = 4,
    h: Map = None,
    crop: Annotated[int, typer.Option(min=1, help="Side of the training crops in pixels.")] = 64,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the noise and of the leak test.")] = 0,
    recursive: Recursive = False,
    json: Annotated[Path | None, typer.Option(help="Also write the result to this file.")] = None,
) -> None:
    """Look two folders over before a training: files, JPEG, duplicates, colours, memory; and a verdict.

    Exit code 0 with warnings, 2 if the folders cannot be trained on.
    """
    from ..files import check_json_place
    from ..pipeline import inspect

    check_json_place(json)
    if recursive:
        clean, degraded = deep(clean), deep(degraded)
    found = inspect(clean, degraded, h=map_of(h, scale), crop=crop, seed=seed)
    say_skipped((*found.clean.skipped, *found.degraded.skipped))
    show_inspection(found)
    if json is not None:
        found.save(json)
    if found.errors:
        raise typer.Exit(2)


def show_inspection(inspection) -> None:
    """Print an :class:`~nflib.pipeline.Inspection`: tables, the findings, and last the verdict."""
    print_table(_photos(inspection))
    print_table(_channels(inspection))
    if inspection.leaks:
        print_table(_leaks(inspection))
    print_table(_memory(inspection))
    where = console()
    for finding in inspection.findings:
        where.print(finding.level, style=COLOURS[finding.level], end=": ")
        where.print(shown(finding.text))
    where.print(shown(inspection.verdict))


def _photos(inspection) -> Table:
    from ..units import grey_levels

    table = Table("", "clean", "degraded", title="Photos")
    folders = inspection.clean, inspection.degraded

    def row(label: str, of) -> None:
        table.add_row(label, *map(of, folders))

    row("photos", lambda f: str(len(f.photos)))
    row("cannot be read", lambda f: str(len(f.skipped)))
    row("kinds", lambda f: "\n".join(f"{kind} {number}" for kind, number in f.kinds.most_common()))
    table.add_row("JPEG", *(str(inspection.jpeg[name]) for name in ("clean", "degraded")))
    row("width", lambda f: _range([p.width for p in f.photos]))
    row("height", lambda f: _range([p.height for p in f.photos]))
    row("grey levels", lambda f: _range([round(grey_levels(v)) for p in f.photos for v in (p.low, p.high)]))
    return table


def _channels(inspection) -> Table:
    from ..units import grey_levels

    table = Table(title="Channels: mean ± deviation of the pixels, grey levels")
    for heading in ("channel", "clean", "degraded", "gap", "95 % interval"):
        table.add_column(heading, justify="left" if heading == "channel" else "right")
    sides = inspection.clean.statistics, inspection.degraded.statistics
    for i, (name, gap) in enumerate(inspection.gaps.items()):
        cells = [f"{grey_levels(side.mean[i]):.1f} ± {grey_levels(side.deviation[i]):.1f}" for side in sides]
        interval = (
            "unknown" if gap.low is None else f"{grey_levels(gap.low):+.1f} to {grey_levels(gap.high):+.1f}"
        )
        table.add_row(name, *cells, f"{grey_levels(gap.difference):+.1f}", interval)
    return table


def _leaks(inspection) -> Table:
    table = Table(title=f"Can the folder be told? h: {inspection.settings['h']}")
    for heading in ("", "AUC (0.5: no)", "95 % interval", "MMD²", "p"):
        table.add_column(heading, justify="right" if heading else "left")
    for name, leak in inspection.leaks.items():
        low, high = leak.interval
        interval = f"{low:.2f} to {high:.2f}"
        table.add_row(LEAKS[name], f"{leak.auc:.2f}", interval, f"{leak.mmd:.4f}", f"{leak.p_value:.2f}")
    return table


def _memory(inspection) -> Table:
    table = Table(
        title="Memory to train a DeFlow, GiB: exact lower bound, and with gradients of the activations"
    )
    for heading in ("model", "parameters", "states", "activations", "from", "to"):
        table.add_column(heading, justify="left" if heading == "model" else "right")
    for name, memory in inspection.memory.items():
        sizes = memory.states, memory.activations, memory.low, memory.high
        table.add_row(name, f"{memory.parameters:,}", *(f"{size / 2**30:.2f}" for size in sizes))
    return table


def _range(numbers) -> str:
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low} to {high}"
