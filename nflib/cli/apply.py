"""Commands that make images with a trained model: super-resolve, degrade, restore."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from .app import command, end, say_skipped
from .options import (
    Depth,
    Device,
    Format,
    Overwrite,
    Recursive,
    ResultDepth,
    ResultFormat,
    results_of,
)
from .printing import say

# So many photos that are unlike those of the training are named.
NAMED = 3
Results = Annotated[Path, typer.Option(help="Folder for the results.")]
Count = Annotated[int, typer.Option(min=1, help="Results for each image.")]
Tile = Annotated[int, typer.Option(min=32, help="Larger images are computed in tiles of this side.")]
Devices = Annotated[
    int,
    typer.Option(
        min=1,
        help="Devices, a process for each; they share the images. More machines: start it by torchrun, "
        "mpirun or srun.",
    ),
]


@command
def super_resolve(
    source: Annotated[Path, typer.Argument(metavar="IN", help="An image or a folder of images.")],
    model: Annotated[
        str, typer.Option(help="A file written by `train srflow`, or the name of a bundled model.")
    ],
    out: Results,
    tau: Annotated[
        float, typer.Option(min=0, help="Temperature: multiplies the standard deviation of the latents.")
    ] = 0.8,
    samples: Count = 1,
    tile: Tile = 128,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the latents.")] = 0,
    device: Device = None,
    devices: Devices = 1,
    depth: ResultDepth = Depth.keep,
    format: ResultFormat = Format.png,
    recursive: Recursive = False,
    overwrite: Overwrite = False,
) -> None:
    """Sample high-resolution versions of images. Called again, it goes on where it was stopped."""
    from ..pipeline import super_resolve as run

    done = run(
        source,
        model,
        out,
        tau=tau,
        samples=samples,
        tile=tile,
        seed=seed,
        device=device,
        devices=devices,
        results=results_of(depth, format, recursive=recursive, overwrite=overwrite),
    )
    show_samples(done, out)


@command
def degrade(
    source: Annotated[Path, typer.Argument(metavar="IN", help="An image or a folder of clean images.")],
    model: Annotated[
        str,
        typer.Option(
            help="A file written by `train deflow` or `train ludvae`, a bundled model, or ntire, aim, "
            "camera, lowlight, white:12 (grey levels), "
            "patches:FOLDER, dark, dark+ANY OF THESE."
        ),
    ],
    out: Results,
    tau: Annotated[float, typer.Option(min=0, help="Strength: 0 changes nothing, 1 is as learned.")] = 1.0,
    samples: Count = 1,
    tile: Tile = 512,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the degradation.")] = 0,
    device: Device = None,
    devices: Devices = 1,
    depth: ResultDepth = Depth.keep,
    format: ResultFormat = Format.png,
    recursive: Recursive = False,
    overwrite: Overwrite = False,
) -> None:
    """Degrade clean images as a model learned it. Called again, it goes on where it was stopped."""
    from ..pipeline import degrade as run

    done = run(
        source,
        model,
        out,
        tau=tau,
        samples=samples,
        tile=tile,
        seed=seed,
        device=device,
        devices=devices,
        results=results_of(depth, format, recursive=recursive, overwrite=overwrite),
    )
    show_samples(done, out)


@command
def restore(
    source: Annotated[Path, typer.Argument(metavar="IN", help="An image or a folder of degraded images.")],
    out: Results,
    model: Annotated[
        str | None,
        typer.Option(
            help="A file written by `train restorer` or `train all`, or the name of a bundled model; without "
            "it the bundled denoiser that knows no camera, denoiser_universal."
        ),
    ] = None,
    tile: Tile = 512,
    device: Device = None,
    devices: Devices = 1,
    depth: ResultDepth = Depth.keep,
    format: ResultFormat = Format.png,
    recursive: Recursive = False,
    overwrite: Overwrite = False,
) -> None:
    """Restore degraded images with a trained restorer. Called again, it goes on where it was stopped."""
    from ..pipeline import UNIVERSAL
    from ..pipeline import restore as run

    results = results_of(depth, format, recursive=recursive, overwrite=overwrite)
    done = run(source, model or UNIVERSAL, out, tile=tile, device=device, devices=devices, results=results)
    show_samples(done, out)
    if model is None:
        say(
            f"model: {UNIVERSAL}, a denoiser that knows no camera. One taught on photos like these may be "
            "better: nflib train all --help"
        )


def show_samples(done, out: Path) -> None:
    """Print :class:`~nflib.pipeline.Samples`, and of which share of the images they are if this process has
    only one.
    """
    from ..processes import launched_by, own_share

    share = own_share()
    say_skipped(done.skipped)
    if share.count > 1:
        say(
            f"share {share.index + 1} of {share.count}: {len(done.written)} images written to {out}, "
            f"{done.kept} were done already; the rest is left to the {share.count - 1} other processes that "
            f"{' and '.join(launched_by() or ())} promise"
        )
    else:
        say(
            f"{len(done.written)} images written to {out}"
            if done.written
            else f"{out} is complete, nothing to do"
        )
    if done.lost:
        parts = [f"{what} ({count} images)" for what, count in Counter(done.lost).most_common()]
        say(f"not in the results: {', '.join(parts)}", err=True)
    if done.outside:
        more = f"; and {len(done.outside) - NAMED} more" if len(done.outside) > NAMED else ""
        say(
            f"unlike the photos that the model was taught on, where it may be wrong: "
            f"{'; '.join(done.outside[:NAMED])}{more}",
            err=True,
        )
    end(done.skipped, alone=share.count == 1)
