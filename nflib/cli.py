"""The command ``nflib``: reads arguments, calls :mod:`nflib.pipeline`, prints. Bad input: one line, exit code 2."""

from __future__ import annotations

import functools
from enum import Enum
from pathlib import Path
from typing import Annotated, Optional

import typer
from typer.core import TyperCommand

app = typer.Typer(
    help="Learn image degradations from unpaired photos with normalizing flows.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


train_app = typer.Typer(help="Train a model on a folder of photos.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(train_app, name="train")
data_app = typer.Typer(help="Prepare photos for training.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(data_app, name="data")
study_app = typer.Typer(help="Evaluate a user study.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(study_app, name="study")


class Size(str, Enum):
    small = "small"
    full = "full"


class Degradation(str, Enum):
    ntire = "ntire"
    aim = "aim"
    camera = "camera"
    lowlight = "lowlight"
    dark = "dark"
    none = "none"


class Restoration(str, Enum):
    denoise = "denoise"
    sr = "sr"
    lowlight = "lowlight"


class Loss(str, Enum):
    pixel = "pixel"
    gan = "gan"


class ManyScales(TyperCommand):
    """A command that takes ``--scales 1 2 8`` for ``--scales 1 --scales 2 --scales 8``."""

    def parse_args(self, ctx, args):
        spread, option = [], None
        for argument in args:
            option = argument if argument.startswith("-") else option
            if option != "--scales":
                spread.append(argument)
            elif argument != option:
                spread += [word for value in argument.replace(",", " ").split() for word in (option, value)]
        return super().parse_args(ctx, spread)


def command(function, group: typer.Typer = app, cls: type[TyperCommand] | None = None):
    """Register a command whose ValueErrors and OSErrors end in one line on stderr and exit code 2."""

    @functools.wraps(function)
    def run(*arguments, **options):
        try:
            return function(*arguments, **options)
        except (ValueError, OSError) as error:
            typer.echo(f"nflib: {' '.join(str(error).split())}", err=True)
            raise typer.Exit(2) from None

    return group.command(cls=cls)(run)


train_command = functools.partial(command, group=train_app)
data_command = functools.partial(command, group=data_app)
study_command = functools.partial(command, group=study_app)


def show_version(wanted: bool):
    if wanted:
        from . import __version__

        typer.echo(f"nflib {__version__}")
        raise typer.Exit()


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=show_version, is_eager=True)
    ] = False,
):
    pass


@command
def photos(
    out: Annotated[Path, typer.Argument(help="Folder to write to: new, empty, or made by this command before.")],
    degradation: Annotated[Degradation, typer.Option(help="What to do to the degraded photos.")] = Degradation.ntire,
    seed: Annotated[int, typer.Option(help="Seed of the noise.")] = 0,
):
    """Write bundled photos as two unpaired folders, OUT/clean and OUT/degraded, and pairs in OUT/validation.

    Nothing is downloaded. Called again, it goes on where it was stopped.
    """
    from .pipeline import write_photos

    written = write_photos(out, degradation.value, seed)
    typer.echo(f"{len(written)} photos written to {out}" if written else f"{out} is complete, nothing to do")
    typer.echo(f"Try: nflib noise --clean {out / 'clean'} --degraded {out / 'degraded'}")


@command
def noise(
    clean: Annotated[Path, typer.Option(help="Folder of clean photos.")],
    degraded: Annotated[Path, typer.Option(help="Folder of degraded photos of other scenes.")],
    json: Annotated[Optional[Path], typer.Option(help="Also write the result to this file.")] = None,
):
    """Estimate the noise level of degraded photos from clean photos of other scenes, without pairs."""
    from .pipeline import estimate_noise

    estimate = estimate_noise(clean, degraded)
    for line in estimate.skipped:
        typer.echo(f"skipped {line}", err=True)
    if json is not None:
        estimate.save(json)
    show_noise(estimate)
    if estimate.skipped:
        typer.echo(f"files skipped: {len(estimate.skipped)}", err=True)


def show_noise(estimate) -> None:
    """Print a :class:`~nflib.pipeline.NoiseEstimate`, in grey levels."""
    from rich.console import Console
    from rich.table import Table

    from .units import grey_levels

    table = Table(title="Noise level (standard deviation, grey levels of 255)")
    for heading in ("channel", "noise", "95 % interval", "content beside it"):
        table.add_column(heading, justify="left" if heading == "channel" else "right")
    for name, found in estimate.channels.items():
        interval = "unknown" if found.low is None else f"{grey_levels(found.low):.2f} to {grey_levels(found.high):.2f}"
        table.add_row(name, f"{grey_levels(found.sigma):.2f}", interval, f"{grey_levels(found.content):.2f}")
    console = Console(highlight=False)
    console.print(table)
    console.print(f"From {estimate.clean_photos} clean and {estimate.degraded_photos} degraded photos. This assumes:")
    for line in estimate.ASSUMES:
        console.print(f"- {line}")
    if any(found.low is None for found in estimate.channels.values()):
        console.print("An interval needs at least two photos in each folder.")
    less = [name for name, found in estimate.channels.items() if found.case == 2]
    if less:
        console.print(
            f"The degraded photos have less fine detail than the clean ones ({', '.join(less)}): no noise can be seen. "
            "Either there is none, or the content differs, or the degradation blurs."
        )


@command
def evaluate(
    images: Annotated[Path, typer.Argument(help="Folder of images to be judged.")],
    reference: Annotated[
        Optional[Path], typer.Argument(help="Folder of the truth, same file names; not needed without a comparison.")
    ] = None,
    metrics: Annotated[
        str, typer.Option(help="Some of psnr, ssim, ssim-uniform, lpips, niqe, brisque, piqe; with commas.")
    ] = "psnr,ssim",
    border: Annotated[int, typer.Option(help="Pixels to leave out on every side.")] = 0,
    per_image: Annotated[bool, typer.Option("--per-image", help="Show every image, not only the mean.")] = False,
    json: Annotated[Optional[Path], typer.Option(help="Also write the result to this file.")] = None,
):
    """Score images, against images of the same name in a second folder or without any."""
    from .pipeline import evaluate as score

    names = [name.strip() for name in metrics.split(",") if name.strip()]
    evaluation = score(images, reference, names, border)
    for line in evaluation.skipped:
        typer.echo(f"skipped {line}", err=True)
    if json is not None:
        evaluation.save(json)
    show_evaluation(evaluation, per_image)
    for folder, files in zip((images, reference), evaluation.unpaired):
        if files:
            typer.echo(f"without a partner in {folder}: {len(files)} ({', '.join(files)})", err=True)
    if evaluation.skipped:
        typer.echo(f"files skipped: {len(evaluation.skipped)}", err=True)


def show_evaluation(evaluation, per_image: bool) -> None:
    """Print an :class:`~nflib.pipeline.Evaluation`; arrows point to where better is."""
    from rich.console import Console
    from rich.table import Table

    from .metrics import METRICS

    chosen = [METRICS[name] for name in evaluation.metrics]
    border = f", border of {evaluation.border} left out" if evaluation.border else ""
    count = len(evaluation.scores)
    table = Table(title=f"{count} image{'s' if count > 1 else ''}{border}")
    table.add_column("", no_wrap=True)
    for metric in chosen:
        table.add_column(f"{metric.name}\n{metric.arrow} {metric.unit}".rstrip(), justify="right")

    def row(label: str, values):
        table.add_row(label, *("-" if v is None else f"{v:.{m.decimals}f}" for v, m in zip(values, chosen)))

    if per_image:
        for file, scores in evaluation.scores.items():
            row(file, scores)
        table.add_section()
    row("mean", [evaluation.mean(metric.name) for metric in chosen])
    row("standard deviation", [evaluation.deviation(metric.name) for metric in chosen])
    console = Console(highlight=False)
    console.print(table)
    for metric in chosen:
        better = "lower" if metric.lower_is_better else "higher"
        console.print(f"{metric.name}: {better} is better; {metric.convention}")


Photos = Annotated[Path, typer.Option(help="Folder of photos, any sizes and formats.")]
Run = Annotated[Path, typer.Option(help="Folder of the run: model, state to resume from, logs.")]
Scale = Annotated[int, typer.Option(help="By how much the high resolution is higher: 2, 4, 8 or 16.")]
ModelSize = Annotated[Size, typer.Option(help="small trains on a laptop; full is as large as the published models.")]
HeldOut = Annotated[Optional[Path], typer.Option(help="Folder of other photos, by which the best model is chosen.")]
Steps = Annotated[Optional[int], typer.Option(min=1, help="Optimiser steps; by default what the size suggests.")]
Batch = Annotated[Optional[int], typer.Option(min=1, help="Crops per step.")]
Crop = Annotated[Optional[int], typer.Option(min=1, help="Side of the crops in pixels.")]
Rate = Annotated[Optional[float], typer.Option(help="Learning rate at the start.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of weights, crops and noise.")]
Device = Annotated[Optional[str], typer.Option(help="cpu, cuda, cuda:1, mps; by default the fastest there is.")]
Workers = Annotated[int, typer.Option(min=0, help="Processes that prepare crops; the result does not depend on it.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on where the run in this folder was stopped.")]


@train_command
def srflow(
    hr: Photos, out: Run, scale: Scale = 4, size: ModelSize = Size.small,
    encoder: Annotated[Optional[str], typer.Option(help="A model of `train rrdb` of the same size and scale to start from.")] = None,
    validation: HeldOut = None, steps: Steps = None, batch: Batch = None, crop: Crop = None, lr: Rate = None, seed: Seed = 0,
    device: Device = None, workers: Workers = 0, resume: Resume = False,
):
    """Train SRFlow: a flow that samples high-resolution photos for a low-resolution one."""
    from .training import train_srflow

    done = train_srflow(hr, out, scale, size.value, encoder, validation, steps, batch, crop, lr, seed, device, workers, resume)
    typer.echo(f"model written to {done}")
    typer.echo(f"Try: nflib super-resolve FOLDER --model {done} --out RESULTS")


@train_command
def deflow(
    clean: Annotated[Path, typer.Option(help="Folder of clean photos, any sizes and formats.")],
    degraded: Annotated[Path, typer.Option(help="Folder of degraded photos of other scenes.")],
    out: Run,
    scale: Annotated[int, typer.Option(help="How much smaller the condition is: 4 for fine noise, 8 for coarse.")] = 4,
    size: ModelSize = Size.small,
    validation_clean: Annotated[Optional[Path], typer.Option(help="Other clean photos, to choose the best model by.")] = None,
    validation_degraded: Annotated[Optional[Path], typer.Option(help="Other degraded photos, likewise.")] = None,
    match_colours: Annotated[
        bool, typer.Option("--match-colours", help="Bring degraded photos to the colours of clean ones, and what is degraded later back.")
    ] = False,
    steps: Steps = None, batch: Batch = None, crop: Crop = None, lr: Rate = None, seed: Seed = 0, device: Device = None,
    workers: Workers = 0, resume: Resume = False,
):
    """Learn a degradation from clean and degraded photos without pairs."""
    from .training import train_deflow

    done = train_deflow(
        clean, degraded, out, scale, size.value, validation_clean, validation_degraded, match_colours, steps, batch, crop, lr, seed, device,
        workers, resume,
    )
    typer.echo(f"model written to {done}")
    typer.echo(f"Try: nflib degrade {clean} --model {done} --out RESULTS")


@train_command
def ludvae(
    clean: Annotated[Path, typer.Option(help="Folder of clean photos, any sizes and formats.")],
    degraded: Annotated[Path, typer.Option(help="Folder of degraded photos of other scenes.")],
    out: Run,
    size: ModelSize = Size.small,
    validation_clean: Annotated[Optional[Path], typer.Option(help="Other clean photos, to compare noise spectra on.")] = None,
    validation_degraded: Annotated[Optional[Path], typer.Option(help="Other degraded photos, likewise.")] = None,
    steps: Steps = None, batch: Batch = None, crop: Crop = None, lr: Rate = None, seed: Seed = 0, device: Device = None,
    workers: Workers = 0, resume: Resume = False,
):
    """Learn a degradation from clean and degraded photos without pairs, by a variational autoencoder."""
    from .training import train_ludvae

    done = train_ludvae(
        clean, degraded, out, size.value, validation_clean, validation_degraded, steps, batch, crop, lr, seed, device, workers, resume
    )
    typer.echo(f"model written to {done}")
    typer.echo(f"Try: nflib degrade {clean} --model {done} --out RESULTS")


@train_command
def restorer(
    clean: Annotated[Path, typer.Option(help="Folder of clean photos, any sizes and formats.")],
    degrader: Annotated[str, typer.Option(help="What makes the pairs: all that `degrade --model` takes.")],
    task: Annotated[Restoration, typer.Option(help="denoise; sr: super-resolution of degraded photos; lowlight, with dark+MODEL or such.")],
    out: Run,
    scale: Annotated[int, typer.Option(help="Of super-resolution: 2, 4, 8 or 16.")] = 2,
    size: ModelSize = Size.small,
    loss: Annotated[Loss, typer.Option(help="pixel is the usual error; gan, of super-resolution, makes natural texture (ESRGAN).")] = Loss.pixel,
    start: Annotated[Optional[str], typer.Option(help="A trained restorer to go on with; loss gan trains one first if none is given.")] = None,
    vgg: Annotated[Optional[Path], typer.Option(help="Weights of torchvision's vgg19, which loss gan uses where they are.")] = None,
    validation_clean: Annotated[Optional[Path], typer.Option(help="Folder of the truth of true pairs, to choose the best model by.")] = None,
    validation_degraded: Annotated[Optional[Path], typer.Option(help="Folder of their degraded images, same names.")] = None,
    steps: Steps = None, batch: Batch = None, crop: Crop = None, lr: Rate = None, seed: Seed = 0, device: Device = None,
    workers: Workers = 0, resume: Resume = False,
):
    """Train a denoiser, super-resolver or low-light enhancer on clean photos and what a degrader makes of them."""
    from .training import train_restorer

    done = train_restorer(
        clean, degrader, out, task.value, scale, size.value, loss.value, start, vgg, validation_clean, validation_degraded, steps, batch, crop,
        lr, seed, device, workers, resume,
    )
    typer.echo(f"model written to {done}")
    typer.echo(f"Try: nflib restore FOLDER --model {done} --out RESULTS")


@train_command
def rrdb(
    hr: Photos, out: Run, scale: Scale = 4, size: ModelSize = Size.small, validation: HeldOut = None, steps: Steps = None,
    batch: Batch = None, crop: Crop = None, lr: Rate = None, seed: Seed = 0, device: Device = None, workers: Workers = 0,
    resume: Resume = False,
):
    """Train RRDBNet by mean absolute error: one blurry answer, and a good start for the encoder of SRFlow."""
    from .training import train_rrdb

    done = train_rrdb(hr, out, scale, size.value, validation, steps, batch, crop, lr, seed, device, workers, resume)
    typer.echo(f"model written to {done}")


@train_command
def glow(
    images: Photos, out: Run, size: ModelSize = Size.small, validation: HeldOut = None, steps: Steps = None, batch: Batch = None,
    crop: Crop = None, lr: Rate = None, seed: Seed = 0, device: Device = None, workers: Workers = 0, resume: Resume = False,
):
    """Train Glow: a flow of photo patches, without a condition."""
    from .training import train_glow

    done = train_glow(images, out, size.value, validation, steps, batch, crop, lr, seed, device, workers, resume)
    typer.echo(f"model written to {done}")


@command
def super_resolve(
    source: Annotated[Path, typer.Argument(metavar="IN", help="An image or a folder of images.")],
    model: Annotated[str, typer.Option(help="A file written by `train srflow`, or the name of a bundled model.")],
    out: Annotated[Path, typer.Option(help="Folder for the results.")],
    tau: Annotated[float, typer.Option(min=0, help="Temperature: multiplies the standard deviation of the latents.")] = 0.8,
    samples: Annotated[int, typer.Option(min=1, help="Results for each image.")] = 1,
    tile: Annotated[int, typer.Option(min=32, help="Larger images are computed in tiles of this side.")] = 128,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the latents.")] = 0,
    device: Device = None,
):
    """Sample high-resolution versions of images. Called again, it goes on where it was stopped."""
    from .pipeline import super_resolve as run

    show_samples(run(source, model, out, tau, samples, tile, seed, device), out)


@command
def degrade(
    source: Annotated[Path, typer.Argument(metavar="IN", help="An image or a folder of clean images.")],
    model: Annotated[
        str,
        typer.Option(
            help="A file written by `train deflow` or `train ludvae`, a bundled model, or ntire, aim, camera, lowlight, white:12 (grey levels), "
            "patches:FOLDER, dark, dark+ANY OF THESE."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the results.")],
    tau: Annotated[float, typer.Option(min=0, help="Strength: 0 changes nothing, 1 is as learned.")] = 1.0,
    samples: Annotated[int, typer.Option(min=1, help="Results for each image.")] = 1,
    tile: Annotated[int, typer.Option(min=32, help="Larger images are computed in tiles of this side.")] = 512,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the degradation.")] = 0,
    device: Device = None,
):
    """Degrade clean images as a model learned it. Called again, it goes on where it was stopped."""
    from .pipeline import degrade as run

    show_samples(run(source, model, out, tau, samples, tile, seed, device), out)


@command
def restore(
    source: Annotated[Path, typer.Argument(metavar="IN", help="An image or a folder of degraded images.")],
    model: Annotated[str, typer.Option(help="A file written by `train restorer`, or the name of a bundled model.")],
    out: Annotated[Path, typer.Option(help="Folder for the results.")],
    tile: Annotated[int, typer.Option(min=32, help="Larger images are computed in tiles of this side.")] = 512,
    device: Device = None,
):
    """Restore degraded images with a trained restorer. Called again, it goes on where it was stopped."""
    from .pipeline import restore as run

    show_samples(run(source, model, out, tile, device), out)


def show_samples(done, out: Path) -> None:
    """Print :class:`~nflib.pipeline.Samples`."""
    for line in done.skipped:
        typer.echo(f"skipped {line}", err=True)
    typer.echo(f"{len(done.written)} images written to {out}" if done.written else f"{out} is complete, nothing to do")
    if done.skipped:
        typer.echo(f"files skipped: {len(done.skipped)}", err=True)


@command
def models(
    name: Annotated[Optional[str], typer.Argument(help="A bundled model or a file, to see all that is known of it.")] = None,
):
    """List the models that come with nflib: how large they are, what they were trained on, how good they are."""
    from .checkpoints import bundled, describe
    from .tables import show_model, show_models

    if name is None:
        show_models([describe(one) for one in bundled()])
    else:
        show_model(describe(name))


@command
def check(
    clean: Annotated[Path, typer.Option(help="Folder of clean photos.")],
    degraded: Annotated[Path, typer.Option(help="Folder of degraded photos of other scenes.")],
    scale: Annotated[int, typer.Option(help="h is the photo at 1/scale of its size: 1, 2, 4, 8 or 16.")] = 4,
    noise: Annotated[float, typer.Option(min=0, help="Deviation of the noise added to h, of the range [0, 1].")] = 0.03,
    crop: Annotated[int, typer.Option(min=1, help="Side of the training crops in pixels.")] = 64,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the noise and of the leak test.")] = 0,
    json: Annotated[Optional[Path], typer.Option(help="Also write the result to this file.")] = None,
):
    """Look two folders over before a training: files, sizes, duplicates, colours, what h gives away, memory.

    Exit code 0 with warnings, 2 if the folders cannot be trained on.
    """
    from .inspection_tables import show_inspection
    from .pipeline import inspect

    found = inspect(clean, degraded, scale, noise, crop, seed)
    for line in (*found.clean.skipped, *found.degraded.skipped):
        typer.echo(f"skipped {line}", err=True)
    if json is not None:
        found.save(json)
    show_inspection(found)
    if found.errors:
        raise typer.Exit(2)


@data_command
def show(
    name: Annotated[Optional[str], typer.Argument(help="aim19, ntire20, ...; without a name they are listed.")] = None,
    root: Annotated[Path, typer.Option(help="Folder of the data set.")] = Path("."),
):
    """Show published data sets: which folders they have, what is missing under the root, and what to type to get it.

    Nothing is downloaded.
    """
    from rich.console import Console
    from rich.table import Table

    from .data import LAYOUTS, layout

    console = Console(highlight=False, soft_wrap=True)
    if name is None:
        for key, one in LAYOUTS.items():
            console.print(f"{key}: {one.title}")
        return
    chosen = layout(name)
    table = Table("role", "folder", "images", "remark", title=chosen.title)
    for found in chosen.check(root):
        images = "-" if found.images is None else str(found.images)
        table.add_row(found.role, str(found.folder.place(root)), images, found.remark)
    console.print(table)
    if chosen.notes:
        console.print(chosen.notes)
    commands = chosen.commands(root)
    console.print(f"Described in {chosen.page}." + (" Addresses as in the authors' scripts; they may have moved:" if commands else ""))
    for line in commands:
        console.print(line)


@functools.partial(data_command, cls=ManyScales)
def prepare(
    source: Annotated[Path, typer.Option(help="Folder of photos, any sizes and formats.")],
    target: Annotated[Path, typer.Option(help="Folder of the domain: 1x, 2x, ... are made in it.")],
    scales: Annotated[list[int], typer.Option(min=1, metavar="N...", help="One or more: 1 2 8 keeps the size, halves it and makes it 1/8.")],
):
    """Write photos at several sizes, as training needs them, with their channel statistics.

    All sizes are cut to multiples of the largest scale and shrunk as MATLAB does it. Called again, it goes on where it was stopped.
    """
    from .pipeline import prepare as run

    done = run(source, target, scales)
    for line in done.skipped:
        typer.echo(f"skipped {line}", err=True)
    if done.written:
        typer.echo(f"{done.written} photos written to {target} at scales {' '.join(map(str, sorted(scales)))}")
    else:
        typer.echo(f"{target} is complete, nothing to do")
    if done.skipped:
        typer.echo(f"files skipped: {len(done.skipped)}", err=True)


@study_command
def results(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Choices, as the widget recorded or a page gave them: one or more files.")],
):
    """Print the Bradley-Terry scores of the methods with their intervals."""
    from .bradley_terry import fit
    from .study import read_choices, win_matrix

    choices = [choice for file in files for choice in read_choices(file)]
    if not choices:
        raise ValueError(f"{', '.join(map(str, files))}: no choices in there")
    typer.echo(fit(*win_matrix(choices)).table())
    participants = len({choice.seed for choice in choices})
    typer.echo(f"From {len(choices)} choices, {participants} seed{'s' if participants > 1 else ''}.")
