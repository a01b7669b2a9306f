"""The application itself: groups of commands, and how a command ends when its input is bad."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

app = typer.Typer(
    help="Learn image degradations from unpaired photos with normalizing flows.",
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


def command(
    function: Callable[..., Any], group: typer.Typer = app, cls: type[TyperCommand] | None = None
) -> Callable[..., Any]:
    """Register a command whose ValueErrors and OSErrors end in one line on stderr and exit code 2."""

    @functools.wraps(function)
    def run(*arguments: Any, **options: Any) -> Any:
        try:
            return function(*arguments, **options)
        except (ValueError, OSError) as error:
            typer.echo(f"nflib: {' '.join(str(error).split())}", err=True)
            raise typer.Exit(2) from None

    return group.command(cls=cls)(run)


train_command = functools.partial(command, group=train_app)
data_command = functools.partial(command, group=data_app)
study_command = functools.partial(command, group=study_app)


def show_version(wanted: bool) -> None:
    if wanted:
        from .. import __version__

        typer.echo(f"nflib {__version__}")
        raise typer.Exit()


@app.callback()
def main(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version and exit.", callback=show_version, is_eager=True),
    ] = False,
) -> None:
    pass
