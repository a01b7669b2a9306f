"""What commands print: whatever a name holds, wherever it goes, and without cutting a number."""

from __future__ import annotations

import codecs
import contextlib
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from .._texts import escaped, shown

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

# What nflib itself writes in place of its characters that a terminal's encoding does not have.
PLAIN = {"±": "+-", "²": "^2", "×": "x", "↑": "^", "↓": "v", "→": "->", "…": "...", "–": "-"}
# Letters of a line that says what went wrong.
LONGEST = 2000
# What a shell says of a program whose reader went away, such as head: 128 and the number of SIGPIPE.
READER_GONE = 141


def say(text: object, *, err: bool = False) -> None:
    """Print one line."""
    typer.echo(shown(text), err=err)


def complain(text: object) -> None:
    """Print on stderr what went wrong: one line, of bounded length."""
    line = shown(text)
    if len(line) > LONGEST:
        line = f"{line[: LONGEST // 2]} ... {line[-LONGEST // 4 :]}"
    with contextlib.suppress(OSError):  # of a terminal that was closed
        typer.echo(f"nflib: {line}", err=True)


def console() -> Console:
    """Where tables go. Lines are not cut, and brackets and colons of names mean nothing."""
    from rich.console import Console

    return Console(file=sys.stdout, highlight=False, markup=False, emoji=False, soft_wrap=True)


def print_table(table: Table, names: Sequence[int] = (0,)) -> None:
    """Print a table of which nothing is cut: as wide as it is, or on a terminal with its names folded.

    Args:
        table: its cells are texts.
        names: the columns that may be folded.
    """
    from rich.cells import cell_len
    from rich.measure import Measurement

    where = console()
    for number, column in enumerate(table.columns):
        if number in names and where.is_terminal:
            column.no_wrap, column.overflow = False, "fold"
        else:
            cells = (column.header, *column.cells)
            column.no_wrap = True
            column.min_width = max(cell_len(line) for cell in cells for line in str(cell).split("\n"))
    if not where.is_terminal:
        endless = where.options.update(max_width=10**6)
        where.width = max(Measurement.get(where, endless, table).maximum, cell_len(str(table.title or "")))
    where.print(table, crop=False, soft_wrap=False)


class Commands(TyperGroup):
    """The group of all commands. Whatever the streams of the process are, what is said can be written."""

    def main(self, *arguments: Any, **options: Any) -> Any:
        prepare_streams()
        try:
            return super().main(*arguments, **options)
        except SystemExit as ended:
            raise SystemExit(_flushed(ended.code)) from None


def prepare_streams() -> None:
    """Give the process the streams that it lacks (a service has none), and let those that it has write
    characters which their encoding does not know.
    """
    codecs.register_error("nflib", _plain)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:  # also takes the number, which the next file would get
            null = os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(null, mode, encoding="utf-8", errors="nflib"))
        elif mode == "w" and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="nflib")


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    wrong = error.object[error.start : error.end]
    return "".join(PLAIN.get(c) or escaped(c) for c in wrong), error.end


def _flushed(code: Any) -> Any:
    """The exit code when all is written, or another one if it cannot be."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        forget_stdout()
        return READER_GONE
    except OSError as error:
        forget_stdout()
        complain(error.strerror)
        return code or 2
    with contextlib.suppress(OSError):
        sys.stderr.flush()
    return code


def forget_stdout() -> None:
    """Let what is still to be printed go nowhere, so that the end of the process does not fail on it."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
