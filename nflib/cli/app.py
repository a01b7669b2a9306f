"""The application itself: groups of commands, and how a command ends when its input is bad."""

from __future__ import annotations

import contextlib
import functools
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand

from .._signals import heard
from ..files import reason
from .left_out import say_left_out
from .printing import READER_GONE, Commands, complain, forget_stdout, say


class Terminated(KeyboardInterrupt):
    """SIGTERM, or SIGHUP of a terminal that is closed, taken as Ctrl-C is."""

    def __init__(self, number: int):
        super().__init__()
        self.signal = number


def _terminate(number: int, frame: Any) -> NoReturn:
    raise Terminated(number)


@contextlib.contextmanager
def _stoppable() -> Iterator[None]:
    """Within this context, a command or what is loaded before it, whatever asks to stop ends in one line and
    its exit code. Only the main thread hears signals.
    """
    here = threading.current_thread() is threading.main_thread()
    before = {number: signal.signal(number, _terminate) for number in (heard() if here else ())}
    try:
        yield
    except KeyboardInterrupt as stopped:
        number = getattr(stopped, "signal", signal.SIGINT)
        _fail(str(stopped) or "stopped; the same command goes on where it was", 128 + number)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class StoppableCommands(Commands):
    """The group of all commands: one that is stopped says so."""

    def invoke(self, ctx: Any) -> Any:
        with _stoppable():
            return super().invoke(ctx)


app = typer.Typer(
    cls=StoppableCommands,
    help="Learn image degradations from unpaired photos with normalizing flows.",
    epilog="Exit codes: 0 all done, 1 some files could not be used, 2 bad input, 129, 130 and 143 stopped "
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
    itself); 2 a ValueError or OSError, in one line on stderr; 129, 130 and 143 stopped by SIGHUP, Ctrl-C and
    SIGTERM; 141 the reader of the output went away.
    """

    @functools.wraps(function)
    def run(*arguments: Any, **options: Any) -> Any:
        try:
            from ..processes import keep_freed_memory
            from ..units import progress_lines

            keep_freed_memory()
            with progress_lines(BETWEEN_LINES):
                say_left_out(options)
                return function(*arguments, **options)
        except BrokenPipeError:
            forget_stdout()
            raise typer.Exit(READER_GONE) from None
        except (ValueError, OSError) as error:
            _fail(reason(error), 2)

    return group.command(cls=cls)(run)


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
