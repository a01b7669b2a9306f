"""Options that several commands share."""

import functools
import inspect
from collections.abc import Callable
from enum import Enum, StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .app import Command
from .left_out import READ, deep

if TYPE_CHECKING:
    from ..domain import Compose
    from ..pipeline import Results


class Size(StrEnum):
    small = "small"
    full = "full"


class Degradation(StrEnum):
    ntire = "ntire"
    aim = "aim"
    camera = "camera"
    lowlight = "lowlight"
    dark = "dark"
    none = "none"


class Restoration(StrEnum):
    denoise = "denoise"
    sr = "sr"
    lowlight = "lowlight"


class Network(StrEnum):
    unet = "unet"
    dncnn = "dncnn"


class Loss(StrEnum):
    pixel = "pixel"
    perceptual = "perceptual"
    gan = "gan"


class Features(StrEnum):
    vgg19 = "vgg19"
    efficientnet = "efficientnet"


class PublishedName(StrEnum):
    dncnn = "dncnn"
    dncnn_sidd = "dncnn-sidd"
    esrgan = "esrgan"


class Precision(StrEnum):
    float32 = "float32"
    bfloat16 = "bfloat16"


class Strategy(StrEnum):
    ddp = "ddp"
    ddp_fork = "ddp_fork"


class Depth(StrEnum):
    eight = "8"
    sixteen = "16"
    keep = "keep"


class Format(StrEnum):
    png = "png"
    tiff = "tiff"
    jpeg = "jpeg"
    webp = "webp"
    keep = "keep"


class ManyScales(Command):
    """A command that takes ``--scales 1 2 8`` for ``--scales 1 --scales 2 --scales 8``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        spread, option = [], None
        for argument in args:
            option = argument if argument.startswith("-") else option
            if option != "--scales":
                spread.append(argument)
            elif argument != option:
                spread += [word for value in argument.replace(",", " ").split() for word in (option, value)]
        return super().parse_args(ctx, spread)


Photos = Annotated[Path, typer.Option(help="Folder of photos, any sizes and formats.")]
Run = Annotated[Path, typer.Option(help="Folder of the run: model, state to resume from, logs.")]
Clean = Annotated[Path, typer.Option(help="Folder of clean photos, any sizes and formats.")]
CleanFolders = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FOLDER",
        help="Folder of clean photos, any sizes and formats; may be given several times. bundled stands for "
        "photos that come with nflib: once the noise is known any sharp photo will do.",
    ),
]
Degraded = Annotated[Path, typer.Option(help="Folder of degraded photos of other scenes.")]
OtherClean = Annotated[
    Path | None, typer.Option(help="Other clean photos, to choose the best model by, or to follow it.")
]
OtherDegraded = Annotated[Path | None, typer.Option(help="Other degraded photos, likewise.")]
Map = Annotated[
    str | None,
    typer.Option(
        "--h",
        help="The map that hides the degradation from the condition: names with + between, such as "
        "downsample:8+noise:0.1 or median:5+noise:0.05; "
        "also multiply, blur, bilateral, maxpool, autoencoder. By default downsample:SCALE+noise:0.03.",
    ),
]
ConditionScale = Annotated[
    int, typer.Option(help="How much smaller the condition is, without --h: 4 for fine noise, 8 for coarse.")
]
Scale = Annotated[int, typer.Option(help="By how much the high resolution is higher: 2, 4, 8 or 16.")]
ModelSize = Annotated[
    Size, typer.Option(help="small trains on a laptop; full is as large as the published models.")
]
HeldOut = Annotated[
    Path | None, typer.Option(help="Folder of other photos, by which the best model is chosen.")
]
LastStage = Annotated[
    str,
    typer.Option(
        help="What came last, after the noise: auto looks for JPEG in the photos; none, jpeg:62 or "
        "jpeg:62:444 (quality and subsampling) say it."
    ),
]
Device = Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1, mps; by default the fastest there is.")]
Precise = Annotated[
    Precision,
    typer.Option(help="Of the networks; latents and log-determinants stay float32. bfloat16 is for GPUs."),
]
ChannelsLast = Annotated[
    bool, typer.Option("--channels-last", help="Keep images with their channels last in memory.")
]
Compile = Annotated[
    bool, typer.Option("--compile", help="Compile the blocks of the networks; the first steps take minutes.")
]
PaperRecipe = Annotated[
    PublishedName | None,
    typer.Option(
        help="As a paper trained it, at full size. dncnn, to denoise (LUD-VAE, section 4.5): DnCNN, "
        "100,000 steps at 1e-4, halved after 50,000, the best by PSNR on validation pairs; dncnn-sidd: the "
        "same for noise of many strengths, drawn for each image: 20 to 120 grey levels of white, t of DeFlow "
        "from 1 to 4, sigma_x of LUD-VAE from 30 to 70. esrgan, for sr (section 4.3): loss gan, 60,000 "
        "steps, the better of 50,000 and 60,000 by LPIPS on validation pairs."
    ),
]
Reversible = Annotated[
    bool,
    typer.Option(
        "--reversible",
        help="Keep no activations of the flow: memory does not grow with its depth, steps take longer.",
    ),
]

ResultDepth = Annotated[
    Depth, typer.Option("--depth", help="Bits of the results; keep: those of each image, 8 or 16.")
]
ResultFormat = Annotated[
    Format,
    typer.Option(
        "--format",
        help="Of the results. png and tiff hold all that an image has; jpeg and webp are lossy, of 8 bits; "
        "keep: that of each image, png where it cannot be written.",
    ),
]
Recursive = Annotated[
    bool,
    typer.Option(
        "--recursive", help="Images in folders of the folder too; links to folders are not followed."
    ),
]
Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite",
        help="Replace files of the names of results, whoever wrote them; without it they are not touched.",
    ),
]

# What every training can be told besides its folders and its model: name -> option and default.
TRAINING = {
    "steps": (
        Annotated[
            int | None, typer.Option(min=1, help="Optimiser steps; by default what the size suggests.")
        ],
        None,
    ),
    "batch": (
        Annotated[int | None, typer.Option(min=1, help="Crops per step, of all devices together.")],
        None,
    ),
    "crop": (Annotated[int | None, typer.Option(min=1, help="Side of the crops in pixels.")], None),
    "lr": (Annotated[float | None, typer.Option(help="Learning rate at the start.")], None),
    "seed": (Annotated[int, typer.Option(min=0, help="Seed of weights, crops and noise.")], 0),
    "device": (Device, None),
    "devices": (
        Annotated[
            int,
            typer.Option(min=1, help="Devices of each machine, a process for each; they share every batch."),
        ],
        1,
    ),
    "nodes": (
        Annotated[
            int,
            typer.Option(
                min=1, help="Machines; the command is started on each, by torchrun or a batch system."
            ),
        ],
        1,
    ),
    "strategy": (Annotated[Strategy, typer.Option(help="How several devices work together.")], Strategy.ddp),
    "precision": (Precise, Precision.float32),
    "channels_last": (ChannelsLast, False),
    "compile": (Compile, False),
    "workers": (
        Annotated[
            int, typer.Option(min=0, help="Processes that prepare crops; the result does not depend on it.")
        ],
        0,
    ),
    "resume": (
        Annotated[bool, typer.Option("--resume", help="Go on where the run in this folder was stopped.")],
        False,
    ),
    "recursive": (Recursive, False),
    "dry_run": (
        Annotated[
            bool,
            typer.Option(
                "--dry-run", help="Train a few steps, write nothing, say what the whole would take."
            ),
        ],
        False,
    ),
}


# Those of them that say how a training is run; the others say what is trained.
RUNNING = (
    "device",
    "devices",
    "nodes",
    "strategy",
    "precision",
    "channels_last",
    "compile",
    "workers",
    "resume",
    "dry_run",
)


def with_training_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """A command whose ``**training`` are the options above: each by its name and its plain value, those of
    RUNNING as ``running``.
    """

    @functools.wraps(function)
    def run(**options: Any) -> Any:
        from ..training import Running

        chosen = {name: options.pop(name) for name in TRAINING}
        plain = {name: value.value if isinstance(value, Enum) else value for name, value in chosen.items()}
        running = Running(**{name: plain.pop(name) for name in RUNNING})
        if plain.pop("recursive"):
            options = {name: deep(value) if name in READ else value for name, value in options.items()}
        return function(**options, **plain, running=running)

    own = [
        p
        for p in inspect.signature(function, eval_str=True).parameters.values()
        if p.kind is not p.VAR_KEYWORD
    ]
    more = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=d, annotation=a)
        for name, (a, d) in TRAINING.items()
    ]
    run.__signature__ = inspect.Signature(own + more)  # type: ignore[attr-defined]
    return run


def results_of(depth: Depth, format: Format, *, recursive: bool, overwrite: bool) -> "Results":
    """How the options say that results are to be written."""
    from ..pipeline import Results

    return Results(depth.value, format.value, recursive=recursive, overwrite=overwrite)


def map_of(h: str | None, scale: int) -> "Compose":
    """The map that --h names, or the default one for --scale."""
    from ..domain import parse
    from ..models.deflow.config import usual_h

    return usual_h(scale) if h is None else parse(h)
