"""Tables for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from .checkpoints import Description


def show_models(models: Sequence[Description]) -> None:
    """One row a model; what does not fit into a row is said by :func:`show_model`."""
    from rich.console import Console
    from rich.table import Table

    table = Table(show_lines=True)
    table.add_column("model", no_wrap=True)
    for heading in ("architecture", "size", "trained on", "metrics", "made by"):
        table.add_column(heading)
    for model in models:
        size = f"{_parameters(model)}\n{model.size / 1e6:.1f} MB"
        metrics = "\n".join(f"{name}: {value:.4g}" for name, value in model.metrics.items()) or "-"
        made = f"{_noted(model, 'command')}\nseed {_noted(model, 'seed')}, {_noted(model, 'seconds')} s, {_noted(model, 'device')}"
        table.add_row(model.name, model.architecture, size, _noted(model, "data"), metrics, made)
    console = Console(highlight=False)
    console.print(table)
    console.print("nflib models NAME shows everything that is known of one, with the licences of its photos.")


def show_model(model: Description) -> None:
    """Everything that the file says, a line each."""
    from rich.console import Console

    console = Console(highlight=False, markup=False)
    console.print(f"{model.name}: {model.architecture}, {_parameters(model)}, {model.size:,} bytes, written by nflib {model.version}")
    for heading, content in (("configuration", model.config), ("metrics", model.metrics), ("notes", model.notes)):
        console.print(f"\n{heading}")
        _tree(console, content, "  ")


def _tree(console, content: dict, indent: str) -> None:
    for key, value in content.items():
        if isinstance(value, dict):
            console.print(f"{indent}{key}:", soft_wrap=True)
            _tree(console, value, indent + "  ")
        elif isinstance(value, list) and value and all(isinstance(entry, str) for entry in value):
            console.print(f"{indent}{key}:", soft_wrap=True)
            for entry in value:
                console.print(f"{indent}  {entry}", soft_wrap=True)
        else:
            console.print(f"{indent}{key}: {value}", soft_wrap=True)


def _parameters(model: Description) -> str:
    return "parameters not counted" if model.parameters is None else f"{model.parameters:,} parameters"


def _noted(model: Description, key: str) -> str:
    return str(model.notes.get(key, "not noted"))
