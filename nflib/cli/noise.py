"""The command ``noise``: how noisy degraded photos are, beside clean ones of other scenes."""

from pathlib import Path
from typing import Annotated

import typer

from .app import command


@command
def noise(
    clean: Annotated[Path, typer.Option(help="Folder of clean photos.")],
    degraded: Annotated[Path, typer.Option(help="Folder of degraded photos of other scenes.")],
    json: Annotated[Path | None, typer.Option(help="Also write the result to this file.")] = None,
) -> None:
    """Estimate the noise level of degraded photos from clean photos of other scenes, without pairs."""
    from ..pipeline import estimate_noise

    estimate = estimate_noise(clean, degraded)
    for line in estimate.skipped:
        typer.echo(f"skipped {line}", err=True)
    if json is not None:
        estimate.save(json)
    show_noise(estimate)
    if estimate.skipped:
        typer.echo(f"files skipped: {len(estimate.skipped)}", err=True)


def show_noise(estimate) -> None:
    """Print a :class:`~nflib.pipeline.NoiseEstimate`, in grey levels."""
    from rich.console import Console
    from rich.table import Table

    from ..units import grey_levels

    table = Table(title="Noise level (standard deviation, grey levels of 255)")
    for heading in ("channel", "noise", "95 % interval", "content beside it"):
        table.add_column(heading, justify="left" if heading == "channel" else "right")
    for name, found in estimate.channels.items():
        interval = (
            "unknown"
            if found.low is None
            else f"{grey_levels(found.low):.2f} to {grey_levels(found.high):.2f}"
        )
        table.add_row(name, f"{grey_levels(found.sigma):.2f}", interval, f"{grey_levels(found.content):.2f}")
    console = Console(highlight=False)
    console.print(table)
    console.print(
        f"From {estimate.clean_photos} clean and {estimate.degraded_photos} degraded photos. This assumes:"
    )
    for line in estimate.ASSUMES:
        console.print(f"- {line}")
    if any(found.low is None for found in estimate.channels.values()):
        console.print("An interval needs at least two photos in each folder.")
    less = [name for name, found in estimate.channels.items() if found.case == 2]
    if less:
        console.print(
            f"The degraded photos have less fine detail than the clean ones ({', '.join(less)}): no "
            "noise can be seen. "
            "Either there is none, or the content differs, or the degradation blurs."
        )
