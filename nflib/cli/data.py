"""Commands of the group data: published data sets, and photos at several sizes."""

import functools
from pathlib import Path
from typing import Annotated

import typer

from .._texts import shown
from .app import data_command, end, say_skipped
from .options import ManyScales
from .printing import print_table, say


@data_command
def show(
    name: Annotated[
        str | None, typer.Argument(help="aim19, ntire20, ...; without a name they are listed.")
    ] = None,
    root: Annotated[Path, typer.Option(help="Folder of the data set.")] = Path("."),
) -> None:
    """Show published data sets: which folders they have, what is missing under the root, and what to type to
    get it.

    Nothing is downloaded.
    """
    from rich.table import Table

    from ..data import LAYOUTS, layout

    if name is None:
        for key, one in LAYOUTS.items():
            say(f"{key}: {one.title}")
        return
    chosen = layout(name)
    table = Table("role", "folder", "images", "remark", title=chosen.title)
    for found in chosen.check(root):
        images = "-" if found.images is None else str(found.images)
        table.add_row(found.role, shown(found.folder.place(root)), images, found.remark)
    print_table(table, names=(1, 3))
    if chosen.notes:
        say(chosen.notes)
    commands = chosen.commands(root)
    say(
        f"Described in {chosen.page}."
        + (" Addresses as in the authors' scripts; they may have moved:" if commands else "")
    )
    for line in commands:
        say(line)


@functools.partial(data_command, cls=ManyScales)
def prepare(
    source: Annotated[Path, typer.Option(help="Folder of photos, any sizes and formats.")],
    target: Annotated[Path, typer.Option(help="Folder of the domain: 1x, 2x, ... are made in it.")],
    scales: Annotated[
        list[int],
        typer.Option(
            min=1, metavar="N...", help="One or more: 1 2 8 keeps the size, halves it and makes it 1/8."
        ),
    ],
) -> None:
    """Write photos at several sizes, as training needs them, with their channel statistics.

    All sizes are cut to multiples of the largest scale and shrunk as MATLAB does it. Called again, it goes on
    where it was stopped, makes anew what has changed, and removes what the source no longer has.
    """
    from ..pipeline import prepare as run

    done = run(source, target, scales)
    say_skipped(done.skipped)
    if done.removed:
        say(f"{done.removed} photos removed from {target}, which {source} no longer has")
    if done.written:
        say(f"{done.written} photos written to {target} at scales {' '.join(map(str, sorted(scales)))}")
    elif not done.removed:
        say(f"{target} is complete, nothing to do")
    end(done.skipped)
