"""How fast the models are on this machine."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from .app import command
from .options import ChannelsLast, Compile, Device, Precise, Precision, Reversible, Size


@command
def bench(
    size: Annotated[Size, typer.Option(help="full: as published; small: those that train on a laptop.")] = Size.full,
    models: Annotated[str, typer.Option(help="Which, with commas between: deflow, srflow, ludvae.")] = "deflow,srflow,ludvae",
    batch: Annotated[Optional[int], typer.Option(min=1, help="Crops of a training step; as published, on a CPU 2.")] = None,
    crop: Annotated[Optional[int], typer.Option(min=1, help="Side of the crops in pixels; as published.")] = None,
    image: Annotated[int, typer.Option(min=1, help="Side of the resulting image in pixels.")] = 256,
    precision: Precise = Precision.float32, channels_last: ChannelsLast = False, compile: Compile = False, reversible: Reversible = False,
    repeat: Annotated[Optional[int], typer.Option(min=1, help="How often each is timed: 1 on a CPU, else 10.")] = None,
    device: Device = None,
    json: Annotated[Optional[Path], typer.Option(help="Also write the numbers to this file.")] = None,
):
    """Time training and degrading with each model on random images: images/s, peak memory, share of what the machine can do.

    The full models take some minutes on a CPU.
    """
    from ..bench_tables import show_bench
    from ..pipeline import bench as run

    found = run(
        [name.strip() for name in models.split(",")], size.value, batch, crop, image, precision.value, channels_last, compile, reversible,
        repeat, device,
    )
    if json is not None:
        found.save(json)
    show_bench(found)
