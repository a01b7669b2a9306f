"""Commands that look at photos without a model: photos, noise, evaluate, models, check."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from .app import command
from .options import Degradation


@command
def photos(
    out: Annotated[Path, typer.Argument(help="Folder to write to: new, empty, or made by this command before.")],
    degradation: Annotated[Degradation, typer.Option(help="What to do to the degraded photos.")] = Degradation.ntire,
    seed: Annotated[int, typer.Option(help="Seed of the noise.")] = 0,
):
    """Write bundled photos as two unpaired folders, OUT/clean and OUT/degraded, and pairs in OUT/validation.

    Nothing is downloaded. Called again, it goes on where it was stopped.
    """
    from ..pipeline import write_photos

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
    from ..pipeline import estimate_noise

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

    from ..units import grey_levels

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
    from ..pipeline import evaluate as score

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

    from ..metrics import METRICS

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


@command
def models(
    name: Annotated[Optional[str], typer.Argument(help="A bundled model or a file, to see all that is known of it.")] = None,
):
    """List the models that come with nflib: how large they are, what they were trained on, how good they are."""
    from ..checkpoints import bundled, describe
    from ..tables import show_model, show_models

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
    from ..inspection_tables import show_inspection
    from ..pipeline import inspect

    found = inspect(clean, degraded, scale, noise, crop, seed)
    for line in (*found.clean.skipped, *found.degraded.skipped):
        typer.echo(f"skipped {line}", err=True)
    if json is not None:
        found.save(json)
    show_inspection(found)
    if found.errors:
        raise typer.Exit(2)
