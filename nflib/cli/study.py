"""Commands of the group study."""

from pathlib import Path
from typing import Annotated

import typer

from .app import study_command
from .printing import say


@study_command
def results(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...", help="Choices, as the widget recorded or a page gave them: one or more files."
        ),
    ],
) -> None:
    """Print the Bradley-Terry scores of the methods with their intervals."""
    from ..study.bradley_terry import fit
    from ..study.choices import read_all, win_matrix

    choices, again = read_all(files)
    if not choices:
        raise ValueError(f"{', '.join(map(str, files))}: no choices in there")
    for line in fit(*win_matrix(choices)).table().splitlines():
        say(line)
    if again:
        say(f"{again} choices are in several of the files, and count once", err=True)
    participants = len({choice.seed for choice in choices})
    say(f"From {len(choices)} choices, {participants} seed{'s' if participants > 1 else ''}.")
