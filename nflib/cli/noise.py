"""The command ``noise``: how noisy degraded photos are, beside clean ones of other scenes."""

from pathlib import Path
from typing import Annotated

import typer

from .app import command, end, say_skipped
from .left_out import deep
from .options import LastStage, Recursive
from .printing import print_table, say

DRAWINGS = (".png", ".svg", ".pdf")


@command
def noise(
    clean: Annotated[Path, typer.Option(help="Folder of clean photos.")],
    degraded: Annotated[Path, typer.Option(help="Folder of degraded photos of other scenes.")],
    last_stage: LastStage = "auto",
    recursive: Recursive = False,
    json: Annotated[Path | None, typer.Option(help="Also write the result to this file.")] = None,
    plot: Annotated[
        Path | None,
        typer.Option(help="Draw strength by brightness, and correlation, into this file (.png, .svg, .pdf)."),
    ] = None,
) -> None:
    """Measure the noise of degraded photos, without pairs: how strong, how it follows the light, how
    neighbours go together.
    """
    from ..files import check_json_place, check_place
    from ..pipeline import estimate_noise

    check_json_place(json)
    check_place(plot)
    if plot is not None and plot.suffix.lower() not in DRAWINGS:
        raise ValueError(f"{plot}: expected a name that ends in {' '.join(DRAWINGS)}")
    if plot is not None and json is not None and plot.resolve() == json.resolve():
        raise ValueError(f"{plot}: is named twice, expected a file for --json and one for --plot")
    if recursive:
        clean, degraded = deep(clean), deep(degraded)
    estimate = estimate_noise(clean, degraded, last_stage=last_stage)
    say_skipped(estimate.skipped)
    show_noise(estimate)
    if json is not None:
        estimate.save(json)
    if plot is not None:
        _draw(estimate, plot)
    end(estimate.skipped)


def _draw(estimate, file: Path) -> None:
    from ..files import whole
    from ..plots import show_law

    law = estimate.law
    around = law.correlation(6).diagonal().mean(-1)
    drawn = show_law(law.variance.sqrt(), around, estimate.curve_interval)
    with whole(file) as part:
        drawn.savefig(part, format=file.suffix.lower()[1:])


def show_noise(estimate) -> None:
    """Print a :class:`~nflib.pipeline.NoiseEstimate`, in grey levels."""
    from rich.table import Table

    from ..units import grey_levels

    def interval(level, unit=grey_levels) -> str:
        return "unknown" if level.low is None else f"{unit(level.low):.2f} to {unit(level.high):.2f}"

    def table(title: str, *headings: str) -> Table:
        made = Table(title=title, title_justify="left")
        for heading in headings:
            made.add_column(heading, justify="right" if made.columns else "left")
        return made

    levels = table(
        "Noise level (standard deviation, grey levels of 255)",
        *("channel", "noise", "95 % interval", "content beside it"),
    )
    places = list(next(iter(estimate.channels.values())).curve)
    curves = table("The same by brightness", "channel", *places)
    for name, found in estimate.channels.items():
        content = f"{grey_levels(found.content):.2f}"
        levels.add_row(name, f"{grey_levels(found.sigma):.2f}", interval(found), content)
        curves.add_row(name, *(f"{grey_levels(found.curve[place].value):.2f}" for place in places))
    around = table("Correlation of neighbours", "neighbour", "correlation", "95 % interval")
    for name, found in estimate.neighbours.items():
        around.add_row(name, f"{found.value:.2f}", interval(found, float))
    for part in (levels, curves, around):
        print_table(part)
    if estimate.last_stage:
        say(
            f"The degraded photos went through {estimate.last_stage} after the noise, the clean ones did "
            "not: this is the noise before it."
        )
    say(f"From {estimate.clean_photos} clean and {estimate.degraded_photos} degraded photos. This assumes:")
    for line in estimate.ASSUMES:
        say(f"- {line}")
    for line in estimate.remarks:
        say(f"Note: {line}.")
    if any(found.low is None for found in estimate.channels.values()):
        say("An interval needs at least two photos in each folder.")
    unseen = [name for name, found in estimate.channels.items() if not found.seen]
    if unseen:
        say(
            f"The degraded photos have less fine detail than the clean ones ({', '.join(unseen)}): no "
            "noise can be seen. "
            "Either there is none, or the content differs, or the degradation blurs."
        )
