"""The command ``photos``: bundled photos as two folders to try things on."""

from pathlib import Path
from typing import Annotated

import typer

from .app import command
from .options import Degradation
from .printing import say


@command
def photos(
    out: Annotated[
        Path, typer.Argument(help="Folder to write to: new, empty, or made by this command before.")
    ],
    degradation: Annotated[
        Degradation, typer.Option(help="What to do to the degraded photos.")
    ] = Degradation.ntire,
    seed: Annotated[int, typer.Option(help="Seed of the noise.")] = 0,
) -> None:
    """Write bundled photos as two unpaired folders, OUT/clean and OUT/degraded, and pairs in OUT/validation.

    Nothing is downloaded. Called again, it goes on where it was stopped.
    """
    from ..pipeline import write_photos

    written = write_photos(out, degradation.value, seed)
    say(f"{len(written)} photos written to {out}" if written else f"{out} is complete, nothing to do")
    say(f"Try: nflib noise --clean {out / 'clean'} --degraded {out / 'degraded'}")
