"""Commands of the group train: one for each row of the catalogue, made of what its function says, and one for
restorers.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer
from typer.core import TyperGroup

from .app import command, train_command
from .options import (
    TRAINING,
    Clean,
    Degraded,
    Loss,
    ModelSize,
    Photos,
    Restoration,
    Reversible,
    Run,
    Size,
    with_training_options,
)

# Options that several trainings have: name of the argument -> option. What has no entry gets its help from
# the docstring.
OPTIONS: dict[str, Any] = {
    "clean": Clean,
    "degraded": Degraded,
    "hr": Photos,
    "images": Photos,
    "out": Run,
    "size": ModelSize,
    "reversible": Reversible,
}
# Which command uses a model: by what it is for.
USES = {
    "degrade": "nflib degrade {first}",
    "super-resolve": "nflib super-resolve FOLDER",
    "enhance": "nflib restore FOLDER",
}


def report(done, use: str = "") -> None:
    """Say where the model of a training is and which command uses it, or what a dry run found. Once, however
    many processes took part.
    """
    from ..processes import is_first
    from ..training import Rehearsal

    if not is_first():
        return
    if isinstance(done, Rehearsal):
        typer.echo(done)
    else:
        typer.echo(f"model written to {done}")
        if use:
            typer.echo(f"Try: {use} --model {done} --out RESULTS")


def trained_on_pairs(row: Any) -> bool:
    """Whether a training needs a degrader: then it is one of ``train restorer``."""
    return "degrader" in inspect.signature(row.train).parameters


def command_of(row: Any) -> Any:
    """The command of a row of the catalogue: its arguments are those of the function that trains."""
    parameters = inspect.signature(row.train).parameters
    own = [name for name in parameters if name not in TRAINING and name != "running"]
    hints = get_type_hints(row.train)
    helps = _helps(row.train.__doc__ or "")

    def run(**options: Any) -> None:
        first = str(options[own[0]])
        plain = {name: value.value if isinstance(value, Size) else value for name, value in options.items()}
        done = row.train(**plain)
        report(done, USES.get(row.purpose, "").format(first=first))

    def option(name: str) -> inspect.Parameter:
        default = parameters[name].default
        kind = OPTIONS.get(name) or _option(name, hints[name], helps.get(name, ""))
        default = Size(default) if name == "size" else default
        return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)

    run.__name__ = row.name
    run.__doc__ = (row.train.__doc__ or "").strip().split("\n\n")[0]
    run.__signature__ = inspect.Signature([option(name) for name in own])  # type: ignore[attr-defined]
    return with_training_options(run)


def _option(name: str, hint: Any, help_text: str) -> Any:
    """An option of the command line for an argument: a flag, a number, or a text."""
    names = {getattr(part, "__name__", str(part)) for part in (getattr(hint, "__args__", None) or (hint,))}
    if "bool" in names:
        return Annotated[bool, typer.Option(f"--{name.replace('_', '-')}", help=help_text)]
    kind: Any = int if "int" in names else float if "float" in names else str
    kind = kind | None if "NoneType" in names else kind
    return Annotated[kind, typer.Option(help=help_text)]


def _helps(docstring: str) -> dict[str, str]:
    """What the section Args of a docstring says: name -> text, as a sentence."""
    section = re.search(r"Args:\n(.*?)(?:\n\s*\n|$)", inspect.cleandoc(docstring), re.DOTALL)
    found: dict[str, str] = {}
    names: list[str] = []
    for line in section.group(1).splitlines() if section else ():
        entry = re.match(r"    ([\w, ]+): (.*)", line)
        if entry:
            names = [name.strip() for name in entry.group(1).split(",")]
        text = entry.group(2) if entry else line.strip()
        for name in names:
            found[name] = f"{found.get(name, '')} {text}".strip()
    plain = {name: re.sub(r":\w+:`~?([^`]+)`", r"\1", text).replace("``", "") for name, text in found.items()}
    return {name: text[:1].upper() + text[1:] for name, text in plain.items()}


def _rows() -> Mapping[str, Any]:
    """The catalogue; where a package is missing that training needs, one line and exit code 2."""
    try:
        from ..training import TRAININGS
    except ValueError as error:
        typer.echo(f"nflib: {error}", err=True)
        raise typer.Exit(2) from None
    return TRAININGS


class Trainings(TyperGroup):
    """The group: its commands are made when they are asked for, since the catalogue loads torch."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [
            *(name for name, row in _rows().items() if not trained_on_pairs(row)),
            *super().list_commands(ctx),
        ]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        row = _rows().get(cmd_name)
        if row is None or trained_on_pairs(row):
            return super().get_command(ctx, cmd_name)
        made = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)
        command(command_of(row), group=made)
        found = typer.main.get_command(made)
        found.name = cmd_name
        return found


@train_command
@with_training_options
def restorer(
    clean: Clean,
    degrader: Annotated[str, typer.Option(help="What makes the pairs: all that `degrade --model` takes.")],
    task: Annotated[
        Restoration,
        typer.Option(
            help="denoise; sr: super-resolution of degraded photos; lowlight, with dark+MODEL or such."
        ),
    ],
    out: Run,
    scale: Annotated[int, typer.Option(help="Of super-resolution: 2, 4, 8 or 16.")] = 2,
    size: ModelSize = Size.small,
    loss: Annotated[
        Loss,
        typer.Option(
            help="pixel is the usual error; gan, of super-resolution, makes natural texture (ESRGAN)."
        ),
    ] = Loss.pixel,
    start: Annotated[
        str | None,
        typer.Option(help="A trained restorer to go on with; loss gan trains one first if none is given."),
    ] = None,
    vgg: Annotated[
        Path | None,
        typer.Option(help="Weights of torchvision's vgg19, which loss gan uses where they are."),
    ] = None,
    validation_clean: Annotated[
        Path | None, typer.Option(help="Folder of the truth of true pairs, to choose the best model by.")
    ] = None,
    validation_degraded: Annotated[
        Path | None, typer.Option(help="Folder of their degraded images, same names.")
    ] = None,
    **training,
) -> None:
    """Train a denoiser, super-resolver or low-light enhancer on clean photos and what a degrader makes of
    them.
    """
    from ..training import (
        train_denoiser,
        train_enhancer,
        train_esrgan,
        train_super_resolver,
    )

    if loss is Loss.gan and task is not Restoration.sr:
        raise ValueError(f"loss gan needs the task sr, got {task.value}")
    if loss is not Loss.gan and vgg is not None:
        raise ValueError(f"vgg is for the loss gan, got {loss.value}")
    options = {"size": size.value, "start": start, **training}
    options |= {"validation_clean": validation_clean, "validation_degraded": validation_degraded}
    if task is Restoration.denoise:
        done = train_denoiser(clean, degrader, out, **options)
    elif task is Restoration.lowlight:
        done = train_enhancer(clean, degrader, out, **options)
    elif loss is Loss.gan:
        done = train_esrgan(clean, degrader, out, scale=scale, vgg=vgg, **options)
    else:
        done = train_super_resolver(clean, degrader, out, scale=scale, **options)
    report(done, "nflib restore FOLDER")


@train_command
def law(clean: Clean, degraded: Degraded, out: Run) -> None:
    """Find the law of a noise without pairs, in closed form: strength by colour and correlation, in seconds.

    For noise that is alike on all content and is not followed by JPEG.
    """
    import torch

    from .. import checkpoints
    from ..training import train_law
    from ..units import grey_levels

    file = train_law(clean, degraded, out)
    found: Any = checkpoints.load(file)
    middle = grey_levels(found.deviation(torch.full((3, 1, 1), 0.5))).flatten().tolist()
    typer.echo(
        f"noise at middle grey: {' / '.join(f'{level:.1f}' for level in middle)} grey levels (red / "
        "green / blue)"
    )
    report(file, f"nflib degrade {clean}")
