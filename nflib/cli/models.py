"""The command ``models``: what there is, how it was made, how good it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from .app import command
from .printing import console, say

if TYPE_CHECKING:
    from ..checkpoints import Description


@command
def models(
    name: Annotated[
        str | None, typer.Argument(help="A bundled model or a file, to see all that is known of it.")
    ] = None,
) -> None:
    """List the models that come with nflib: how large they are, what they were trained on, how
    good they are."""
    from ..checkpoints import bundled, describe

    if name is None:
        show_models([describe(one) for one in bundled()])
    else:
        show_model(describe(name))


def show_models(models: Sequence[Description]) -> None:
    """One row a model, and below them the licences of all photos they were trained on."""
    from rich.table import Table

    table = Table("model", "how it was made, how good it is", show_lines=True, expand=True)
    for column in table.columns:
        column.overflow = "fold"
    # what a model adds to the law of the same noise, or fails to, is worth knowing first
    laws = {
        model.name.removeprefix("law_"): model.metrics for model in models if model.name.startswith("law_")
    }
    for model in models:
        law = (
            laws.get(model.name.removesuffix("_small").partition("_")[2], {})
            if model.purpose == "degrade"
            else {}
        )
        metrics = "; ".join(
            f"{name}: {value:.4g}"
            + (f", the law's: {law[name]:.4g}" if law.get(name, value) != value else "")
            for name, value in model.metrics.items()
        )
        table.add_row(
            f"{model.name}\n{_kind(model)}\n{_parameters(model)}\n{model.size / 1e6:.1f} MB",
            f"data: {_noted(model, 'data')}\n{metrics or 'not measured'}\n{_noted(model, 'seconds')} s on "
            f"{_noted(model, 'device')}, seed {_noted(model, 'seed')}\n"
            f"{_noted(model, 'command')}",
        )
    console().print(table, soft_wrap=False)
    say("Photos and their licences:")
    for line in dict.fromkeys(line for model in models for line in model.notes.get("licences", [])):
        say(f"- {line}")
    say("All that is known of one model: nflib models NAME")


def show_model(model: Description) -> None:
    """Everything that the file says, a line each."""
    say(
        f"{model.name}: {_kind(model)}, {_parameters(model)}, {model.size:,} bytes, written by nflib "
        f"{model.version}"
    )
    for heading, content in (
        ("configuration", model.config),
        ("metrics", model.metrics),
        ("notes", model.notes),
    ):
        say("")
        say(heading)
        _tree(content, "  ")


def _tree(content: dict, indent: str) -> None:
    for key, value in content.items():
        if isinstance(value, dict):
            say(f"{indent}{key}:")
            _tree(value, indent + "  ")
        elif isinstance(value, list) and value and all(isinstance(entry, str) for entry in value):
            say(f"{indent}{key}:")
            for entry in value:
                say(f"{indent}  {entry}")
        else:
            say(f"{indent}{key}: {value}")


def _kind(model: Description) -> str:
    return model.architecture if model.purpose is None else f"{model.architecture}, to {model.purpose}"


def _parameters(model: Description) -> str:
    return "parameters not counted" if model.parameters is None else f"{model.parameters:,} parameters"


def _noted(model: Description, key: str) -> str:
    return str(model.notes.get(key, "not noted"))
