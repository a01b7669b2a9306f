"""The command ``evaluate``: scores of images, with or without their truth."""

from pathlib import Path
from typing import Annotated

import typer

from .._texts import shown
from .app import command, end, say_skipped
from .left_out import deep
from .options import Recursive
from .printing import print_table, say


@command
def evaluate(
    images: Annotated[Path, typer.Argument(help="Folder of images to be judged.")],
    reference: Annotated[
        Path | None,
        typer.Argument(help="Folder of the truth, same file names; not needed without a comparison."),
    ] = None,
    metrics: Annotated[
        str,
        typer.Option(
            help="Some of psnr, ssim, ssim-uniform, lpips, efficientnet, niqe, brisque, piqe; with commas."
        ),
    ] = "psnr,ssim",
    border: Annotated[int, typer.Option(help="Pixels to leave out on every side.")] = 0,
    per_image: Annotated[
        bool, typer.Option("--per-image", help="Show every image, not only the mean.")
    ] = False,
    recursive: Recursive = False,
    json: Annotated[Path | None, typer.Option(help="Also write the result to this file.")] = None,
) -> None:
    """Score images, against images of the same name in a second folder or without any.

    With --recursive those in folders of the same names.
    """
    from ..files import check_json_place
    from ..pipeline import evaluate as score

    check_json_place(json)
    names = [name.strip() for name in metrics.split(",") if name.strip()]
    places = (deep(images), deep(reference)) if recursive else (images, reference)
    evaluation = score(places[0], places[1], names, border)
    say_skipped(evaluation.skipped)
    show_evaluation(evaluation, per_image)
    for line in evaluation.remarks:
        say(line, err=True)
    if json is not None:
        evaluation.save(json)
    for folder, files in zip((images, reference), evaluation.unpaired):
        if files:
            say(f"without a partner in {folder}: {len(files)} ({', '.join(files)})", err=True)
    end(evaluation.skipped)


def show_evaluation(evaluation, per_image: bool) -> None:
    """Print an :class:`~nflib.pipeline.Evaluation`; arrows point to where better is."""
    from rich.table import Table

    from ..metrics import METRICS

    chosen = [METRICS[name] for name in evaluation.metrics]
    border = f", border of {evaluation.border} left out" if evaluation.border else ""
    count = len(evaluation.scores)
    table = Table(title=f"{count} image{'s' if count > 1 else ''}{border}")
    table.add_column("")
    for metric in chosen:
        table.add_column(f"{metric.name}\n{metric.arrow} {metric.unit}".rstrip(), justify="right")

    def row(label: str, values) -> None:
        table.add_row(label, *("-" if v is None else f"{v:.{m.decimals}f}" for v, m in zip(values, chosen)))

    if per_image:
        for file, scores in evaluation.scores.items():
            row(shown(file), scores)
        table.add_section()
    row("mean", [evaluation.mean(metric.name) for metric in chosen])
    row("standard deviation", [evaluation.deviation(metric.name) for metric in chosen])
    print_table(table)
    for metric in chosen:
        better = "lower" if metric.lower_is_better else "higher"
        say(f"{metric.name}: {better} is better; {metric.convention}")
