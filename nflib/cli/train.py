"""Commands of the group train."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from .app import train_command
from .options import (
    Clean, Degraded, HeldOut, Loss, ModelSize, OtherClean, OtherDegraded, Photos, Restoration, Reversible, Run, Scale, Size, with_training_options,
)


def report(done, use: str = "") -> None:
    """Say where the model of a training is and which command uses it, or what a dry run found. Once, however many processes took part."""
    from ..training import Rehearsal
    from ..training.ranks import is_first

    if not is_first():
        return
    if isinstance(done, Rehearsal):
        typer.echo(done)
    else:
        typer.echo(f"model written to {done}")
        if use:
            typer.echo(f"Try: {use} --model {done} --out RESULTS")


@train_command
@with_training_options
def srflow(
    hr: Photos, out: Run, scale: Scale = 4, size: ModelSize = Size.small,
    encoder: Annotated[Optional[str], typer.Option(help="A model of `train rrdb` of the same size and scale to start from.")] = None,
    validation: HeldOut = None, reversible: Reversible = False, **training,
):
    """Train SRFlow: a flow that samples high-resolution photos for a low-resolution one."""
    from ..training import train_srflow

    done = train_srflow(hr, out, scale, size.value, encoder, validation, reversible=reversible, **training)
    report(done, "nflib super-resolve FOLDER")


@train_command
@with_training_options
def deflow(
    clean: Clean, degraded: Degraded, out: Run,
    scale: Annotated[int, typer.Option(help="How much smaller the condition is: 4 for fine noise, 8 for coarse.")] = 4,
    size: ModelSize = Size.small,
    validation_clean: OtherClean = None, validation_degraded: OtherDegraded = None,
    match_colours: Annotated[
        bool, typer.Option("--match-colours", help="Bring degraded photos to the colours of clean ones, and what is degraded later back.")
    ] = False,
    reversible: Reversible = False, **training,
):
    """Learn a degradation from clean and degraded photos without pairs."""
    from ..training import train_deflow

    done = train_deflow(
        clean, degraded, out, scale, size.value, validation_clean, validation_degraded, match_colours, reversible=reversible, **training
    )
    report(done, f"nflib degrade {clean}")


@train_command
@with_training_options
def ludvae(
    clean: Clean, degraded: Degraded, out: Run,
    size: ModelSize = Size.small, validation_clean: OtherClean = None, validation_degraded: OtherDegraded = None, **training,
):
    """Learn a degradation from clean and degraded photos without pairs, by a variational autoencoder."""
    from ..training import train_ludvae

    done = train_ludvae(clean, degraded, out, size.value, validation_clean, validation_degraded, **training)
    report(done, f"nflib degrade {clean}")


@train_command
@with_training_options
def restorer(
    clean: Clean,
    degrader: Annotated[str, typer.Option(help="What makes the pairs: all that `degrade --model` takes.")],
    task: Annotated[Restoration, typer.Option(help="denoise; sr: super-resolution of degraded photos; lowlight, with dark+MODEL or such.")],
    out: Run,
    scale: Annotated[int, typer.Option(help="Of super-resolution: 2, 4, 8 or 16.")] = 2,
    size: ModelSize = Size.small,
    loss: Annotated[Loss, typer.Option(help="pixel is the usual error; gan, of super-resolution, makes natural texture (ESRGAN).")] = Loss.pixel,
    start: Annotated[Optional[str], typer.Option(help="A trained restorer to go on with; loss gan trains one first if none is given.")] = None,
    vgg: Annotated[Optional[Path], typer.Option(help="Weights of torchvision's vgg19, which loss gan uses where they are.")] = None,
    validation_clean: Annotated[Optional[Path], typer.Option(help="Folder of the truth of true pairs, to choose the best model by.")] = None,
    validation_degraded: Annotated[Optional[Path], typer.Option(help="Folder of their degraded images, same names.")] = None, **training,
):
    """Train a denoiser, super-resolver or low-light enhancer on clean photos and what a degrader makes of them."""
    from ..training import train_restorer

    done = train_restorer(
        clean, degrader, out, task.value, scale, size.value, loss.value, start, vgg, validation_clean, validation_degraded, **training
    )
    report(done, "nflib restore FOLDER")


@train_command
@with_training_options
def rrdb(
    hr: Photos, out: Run, scale: Scale = 4, size: ModelSize = Size.small, validation: HeldOut = None, **training,
):
    """Train RRDBNet by mean absolute error: one blurry answer, and a good start for the encoder of SRFlow."""
    from ..training import train_rrdb

    done = train_rrdb(hr, out, scale, size.value, validation, **training)
    report(done)


@train_command
@with_training_options
def glow(
    images: Photos, out: Run, size: ModelSize = Size.small, validation: HeldOut = None, reversible: Reversible = False, **training,
):
    """Train Glow: a flow of photo patches, without a condition."""
    from ..training import train_glow

    done = train_glow(images, out, size.value, validation, reversible=reversible, **training)
    report(done)
