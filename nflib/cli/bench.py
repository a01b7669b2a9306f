"""The command ``bench``: how fast the models are on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from .._texts import shown
from .app import command
from .options import ChannelsLast, Compile, Device, Precise, Precision, Reversible, Size
from .printing import print_table, say

BOUNDS = {"operations": "op", "bytes": "B"}
TITLES = {"training": "Training", "result": "Degrading one image (SRFlow: super-resolving)"}


@command
def bench(
    size: Annotated[
        Size, typer.Option(help="full: as published; small: those that train on a laptop.")
    ] = Size.full,
    models: Annotated[
        str,
        typer.Option(help="Which, with commas between; also glow, rrdb, denoiser, super_resolver, enhancer."),
    ] = "deflow,srflow,ludvae",
    batch: Annotated[
        int | None, typer.Option(min=1, help="Crops of a training step; as published, on a CPU 2.")
    ] = None,
    crop: Annotated[
        int | None, typer.Option(min=1, help="Side of the crops in pixels; as published.")
    ] = None,
    image: Annotated[int, typer.Option(min=1, help="Side of the resulting image in pixels.")] = 256,
    precision: Precise = Precision.float32,
    channels_last: ChannelsLast = False,
    compile: Compile = False,
    reversible: Reversible = False,
    repeat: Annotated[
        int | None, typer.Option(min=1, help="How often each is timed: 1 on a CPU, else 10.")
    ] = None,
    device: Device = None,
    json: Annotated[Path | None, typer.Option(help="Also write the numbers to this file.")] = None,
) -> None:
    """Time training and degrading with each model on random images: images/s, peak memory, share of what the
    machine can do.

    The full models take some minutes on a CPU.
    """
    from ..costs import bench as run
    from ..files import check_json_place

    check_json_place(json)
    found = run(
        [name.strip() for name in models.split(",")],
        size=size.value,
        batch=batch,
        crop=crop,
        image=image,
        precision=precision.value,
        channels_last=channels_last,
        compile=compile,
        reversible=reversible,
        repeat=repeat,
        device=device,
    )
    if json is not None:
        found.save(json)
    show_bench(found)


def show_bench(bench) -> None:
    """Print a :class:`~nflib.costs.Bench`: the machine, then a table for training and one for results."""
    machine, card = bench.machine, bench.machine.card
    memory = "" if machine.memory is None else f", {machine.memory / 2**30:.1f} GiB"
    say(
        f"{card.name} ({machine.device}), {machine.threads} threads{memory}; torch {machine.torch}, "
        f"nflib {machine.nflib}"
    )
    tf32 = "" if card.tf32 is None else f", {card.tf32:.3g} in TF32"
    say(
        f"measured: {card.float32:.3g} TFLOP/s in float32{tf32}, {card.bfloat16:.3g} in bfloat16; "
        f"{card.bandwidth:.4g} GB/s"
    )
    job = bench.measurements[0].job
    ways = [
        name
        for name, used in (
            ("channels last", job.channels_last),
            ("compiled", job.compile),
            ("reversible", job.reversible),
        )
        if used
    ]
    say(f"models: {job.size}; {', '.join([job.precision, *ways])}; median of {job.repeat}")
    for title in TITLES:
        print_table(_table(title, [one for one in bench.measurements if one.job.job == title]))
    say(
        "roofline: share of the speed that this machine allows, limited by operations (op) or by bytes "
        "that move (B)"
    )


def _table(job: str, rows) -> Table:
    table = Table(title=TITLES[job])
    for heading in ("model", "weights", "images", "ms", "images/s", "roofline", "memory"):
        table.add_column(heading, justify="left" if heading == "model" else "right")
    from ..training import training

    for one in rows:
        start = (
            training(one.job.model).title,
            f"{one.parameters / 1e6:.2f} M",
            f"{one.job.batch} x {one.job.side}²",
        )
        if one.timing.failed is not None:
            table.add_row(*start, shown(one.timing.failed))
            continue
        memory = "-" if one.timing.memory is None else f"{one.timing.memory / 2**30:.2f} GiB"
        share = f"{one.share:.0%} {BOUNDS[one.floor.bound]}"
        table.add_row(
            *start, _milliseconds(one.timing.seconds), f"{one.images_per_second:.3g}", share, memory
        )
    return table


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.1f}" if seconds < 1 else f"{1000 * seconds:.0f}"
