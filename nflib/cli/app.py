"""The application itself: groups of commands, and how a command ends when its input is bad."""

from __future__ import annotations

import functools
import signal
import threading
from collections.abc import Callable, Sequence
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand

from ..files import reason
from .left_out import say_left_out
from .printing import READER_GONE, Commands, complain, forget_stdout, say

app = typer.Typer(
    cls=Commands,
    help="Learn image degradations from unpaired photos with normalizing flows.",
    epilog="Exit codes: 0 all done, 1 some files could not be used, 2 bad input, 130 and 143 stopped "
    "(the same command goes on, a training with --resume).",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
train_app = typer.Typer(
    help="Train a model on a folder of photos.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(train_app, name="train")
data_app = typer.Typer(help="Prepare photos for training.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(data_app, name="data")
study_app = typer.Typer(help="Evaluate a user study.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(study_app, name="study")


# Seconds between lines of progress where there is no terminal.
BETWEEN_LINES = 10.0


class Command(TyperCommand):
    """A command that takes no empty text for an answer: as a path it would be the folder one is in."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        for before, word in zip(["", *args], args):
            name, equals, value = word.partition("=")
            if not word or (name.startswith("--") and equals and not value):
                hint = name if word else before if before.startswith("-") else "an argument"
                raise typer.BadParameter("is empty", ctx=ctx, param_hint=hint)
        return super().parse_args(ctx, args)


def command(
    function: Callable[..., Any], group: typer.Typer = app, cls: type[TyperCommand] = Command
) -> Callable[..., Any]:
    """Register a command. Exit codes: 0 all done; 1 some files could not be used (the command says so
    itself); 2 a ValueError or OSError, in one line on stderr; 130 and 143 stopped by Ctrl-C and SIGTERM;
    141 the reader of the output went away.
    """

    @functools.wraps(function)
    def run(*arguments: Any, **options: Any) -> Any:
        from ..processes import keep_freed_memory
        from ..units import progress_lines

        keep_freed_memory()
        before = _on_termination(_terminate)
        try:
            say_left_out(options)
            with progress_lines(BETWEEN_LINES):
                return function(*arguments, **options)
        except BrokenPipeError:
            forget_stdout()
            raise typer.Exit(READER_GONE) from None
        except (ValueError, OSError) as error:
            _fail(reason(error), 2)
        except KeyboardInterrupt as stopped:
            number = getattr(stopped, "signal", signal.SIGINT)
            _fail(str(stopped) or "stopped; the same command goes on where it was", 128 + number)
        finally:
            _on_termination(before)

    return group.command(cls=cls)(run)


class Terminated(KeyboardInterrupt):
    """SIGTERM, taken as Ctrl-C is."""

    signal = signal.SIGTERM


def _terminate(number: int, frame: Any) -> NoReturn:
    raise Terminated


def _on_termination(handler: Any) -> Any:
    """Set what SIGTERM does; returns what it did. Only the main thread can."""
    if handler is None or threading.current_thread() is not threading.main_thread():
        return None
    return signal.signal(signal.SIGTERM, handler)


def _fail(message: Any, code: int) -> NoReturn:
    complain(message)
    raise typer.Exit(code) from None


train_command = functools.partial(command, group=train_app)
data_command = functools.partial(command, group=data_app)
study_command = functools.partial(command, group=study_app)


def say_skipped(lines: Sequence[str]) -> None:
    """One line for each file that could not be used."""
    for line in lines:
        say(f"skipped {line}", err=True)


def end(skipped: Sequence[str], *, alone: bool = True) -> None:
    """End a command: with exit code 1 if files were skipped, said in the last line.

    One of several processes ends with 0, or who started them would stop the others.
    """
    if skipped:
        say(f"files skipped: {len(skipped)}", err=True)
        raise typer.Exit(1 if alone else 0)


def show_version(wanted: bool) -> None:
    if wanted:
        from .. import __version__

        say(f"nflib {__version__}")
        raise typer.Exit()


@app.callback()
def main(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version and exit.", callback=show_version, is_eager=True),
    ] = False,
) -> None:
    pass
