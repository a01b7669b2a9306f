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
from .left_out import deep
from .options import (
    TRAINING,
    Clean,
    CleanFolders,
    Degraded,
    Device,
    Features,
    LastStage,
    Loss,
    ModelSize,
    Network,
    PaperRecipe,
    Photos,
    PublishedName,
    Recursive,
    Restoration,
    Reversible,
    Run,
    Size,
    with_training_options,
)
from .printing import complain, say

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
        for line in str(done).splitlines():
            say(line)
    else:
        say(f"model written to {done}")
        if use:
            say(f"Try: {use} --model {done} --out RESULTS")


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
        complain(error)
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
    task: Annotated[
        Restoration,
        typer.Option(
            help="denoise; sr: super-resolution of degraded photos; lowlight, with dark+MODEL or such."
        ),
    ],
    out: Run,
    clean: CleanFolders = None,
    degrader: Annotated[
        str | None, typer.Option(help="What makes the pairs: all that `degrade --model` takes, or random.")
    ] = None,
    pairs: Annotated[
        tuple[Path, Path] | None,
        typer.Option(
            metavar="CLEAN DEGRADED",
            help="To denoise: two folders of true pairs with equal names, in place of clean and degrader.",
        ),
    ] = None,
    strength: Annotated[
        str | None,
        typer.Option(
            metavar="LOW:HIGH",
            help="To denoise: strength of the degrader, drawn for every crop; also one number. By default 1, "
            "of a law more than the range of its photos.",
        ),
    ] = None,
    network: Annotated[
        Network, typer.Option(help="To denoise: a small U-Net, or DnCNN as in papers.")
    ] = Network.unet,
    scale: Annotated[int, typer.Option(help="Of super-resolution: 2, 4, 8 or 16.")] = 2,
    size: ModelSize = Size.small,
    recipe: PaperRecipe = None,
    loss: Annotated[
        Loss,
        typer.Option(
            help="pixel is the usual error. Of super-resolution: perceptual adds a distance in features of "
            "EfficientNet-Lite0 (needs the extra [perceptual]); gan makes natural texture (ESRGAN)."
        ),
    ] = Loss.pixel,
    start: Annotated[
        str | None,
        typer.Option(
            help="A trained restorer to go on with: a file, a bundled model, an official checkpoint; loss "
            "gan trains one first if none is given."
        ),
    ] = None,
    vgg: Annotated[
        Path | None,
        typer.Option(help="Weights of torchvision's vgg19, which loss gan uses where they are."),
    ] = None,
    features: Annotated[
        Features,
        typer.Option(
            help="Of the perceptual part of loss gan: vgg19 as published, or efficientnet, whose weights the "
            "extra [perceptual] installs."
        ),
    ] = Features.vgg19,
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

    It hands back the last model, model.safetensors: without other photos nothing says which step is best.
    With --validation-clean and --validation-degraded it hands back the best by them, best.safetensors.
    """
    from ..training import (
        train_denoiser,
        train_enhancer,
        train_esrgan,
        train_super_resolver,
    )
    from ..training.folders import photos_of
    from ..training.published import published
    from ..units import parse_range

    denoise = task is Restoration.denoise
    gan = loss is Loss.gan or recipe is PublishedName.esrgan
    if recipe is not None and published(recipe.value).task != task.value:
        raise ValueError(
            f"the recipe {recipe.value} is for the task {published(recipe.value).task}, got {task.value}"
        )
    if loss is not Loss.pixel and task is not Restoration.sr:
        raise ValueError(f"loss {loss.value} needs the task sr, got {task.value}")
    if not gan and (vgg is not None or features is not Features.vgg19):
        raise ValueError(f"vgg and features are for the loss gan, got {loss.value}")
    if not denoise and (pairs or strength or network is not Network.unet):
        raise ValueError(f"pairs, strength and network are for the task denoise, got {task.value}")
    if (clean is None) == (pairs is None) or (degrader is None) != (clean is None):
        raise ValueError("give either --clean, once or more, and --degrader, or --pairs")
    if pairs is not None and strength is not None:
        raise ValueError("strength is for a degrader, and true pairs have none")
    options = {"size": size.value, "start": start, **training}
    options |= {"validation_clean": validation_clean, "validation_degraded": validation_degraded}
    photos: Any = pairs[0] if clean is None and pairs is not None else photos_of(clean or [])
    if pairs is not None:
        options |= {"network": network.value, "recipe": recipe and recipe.value}
        done = train_denoiser(photos, None, out, degraded=pairs[1], **options)
    elif denoise:
        options |= {"recipe": recipe and recipe.value}
        options |= {"strength": strength and parse_range(strength, "strength"), "network": network.value}
        done = train_denoiser(clean or [], degrader, out, **options)
    elif task is Restoration.lowlight:
        done = train_enhancer(photos, degrader, out, **options)
    elif gan:
        options |= {"recipe": recipe and recipe.value, "features": features.value}
        done = train_esrgan(photos, degrader, out, scale=scale, vgg=vgg, **options)
    else:
        done = train_super_resolver(photos, degrader, out, scale=scale, loss=loss.value, **options)
    report(done, "nflib restore FOLDER")
    if validation_clean is None and isinstance(done, Path):
        say("It is the last one: no --validation-clean and --validation-degraded say which is best.")


@train_command
def all(
    clean: Clean,
    degraded: Degraded,
    out: Run,
    steps: Annotated[int | None, typer.Option(min=1, help="Of the denoiser.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of weights, crops and noise.")] = 0,
    device: Device = None,
    recursive: Recursive = False,
) -> None:
    """Learn to restore photos like those of a folder, without pairs, in one command: the law of their noise,
    a denoiser taught with it on the clean photos and the bundled ones, examples before and after.

    Minutes. It hands back the denoiser of the last step, OUT/restorer/model.safetensors: without pairs
    nothing says that another is better. Called again, it goes on where it was stopped.
    """
    from ..pipeline import learn_restorer

    if recursive:
        clean, degraded = deep(clean), deep(degraded)
    made = learn_restorer(clean, degraded, out, steps=steps, seed=seed, device=device, say=say)
    say(f"{len(made.examples)} examples, before and after: {out / 'examples'}")
    report(made.restorer, f"nflib restore {degraded}")


@train_command
def law(
    clean: Clean, degraded: Degraded, out: Run, last_stage: LastStage = "auto", recursive: Recursive = False
) -> None:
    """Find the law of a noise without pairs, in closed form: strength by colour and correlation, in seconds.

    For noise that is alike on all content. JPEG may come after it; then it takes half a minute, and `nflib
    degrade` makes the noise and then the JPEG.
    """
    from .. import checkpoints
    from ..training import train_law

    if recursive:
        clean, degraded = deep(clean), deep(degraded)
    file = train_law(clean, degraded, out, last_stage=last_stage)
    found: Any = checkpoints.load(file)
    levels = " / ".join(f"{level:.1f}" for level in found.notes["noise, grey levels"])
    stage = found.config.last_stage
    say(f"noise: {levels} grey levels (red / green / blue){f', then {stage}' if stage else ''}")
    report(file, f"nflib degrade {clean}")
