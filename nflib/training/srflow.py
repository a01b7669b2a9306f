"""Training of SRFlow on a folder of high-resolution photos."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from ..data import SuperResolutionImages
from ..flow import Dequantize
from ..models import SRFlow, SRFlowConfig
from ..units import bits_per_dim
from .fit import fit
from .folders import Folder, check_crop, crops_of, known_size
from .recipe import Recipe, Usual
from .rehearsal import Rehearsal
from .rrdb import rrdb_config
from .running import Running
from .starting import noted_file, take_over, trained_encoder, trained_start
from .tasks import Task

# "full" as published: crops, their number and the learning rate.
USUAL = {
    "small": Usual(Recipe(steps=20_000, batch=8), 64),
    "full": Usual(Recipe(steps=200_000, batch=12), 160),
}


def srflow_config(size: str, scale: int = 4) -> SRFlowConfig:
    """The configuration of a size: small, or as large as the published one."""
    levels = max(3, scale.bit_length())
    encoder = rrdb_config(known_size(size), scale)
    if size == "small":
        return SRFlowConfig(encoder, taps=(1, 3), levels=levels, steps=4, transitions=1, hidden=32)
    return SRFlowConfig(encoder, levels=levels)


class SRFlowTask(Task):
    """Bits per dimension of 8-bit photos given their low-resolution version (SRFlow, eq. 4). Batches are (hr,
    lr).
    """

    unit = "bits/dim"

    def __init__(self, model: SRFlow):
        super().__init__(model)
        self.dequantize = Dequantize()

    def loss(self, model, batch, generator) -> Tensor:
        hr, lr = batch
        nll = model.nll(self.dequantize(hr, generator), lr)
        return bits_per_dim(nll, hr[0].numel(), self.dequantize.bins).mean()


def train_srflow(
    hr: Folder,
    out: Folder,
    *,
    scale: int = 4,
    size: str = "small",
    encoder: Folder | None = None,
    start: Folder | None = None,
    validation: Folder | None = None,
    reversible: bool = False,
    steps: int | None = None,
    batch: int | None = None,
    crop: int | None = None,
    lr: float | None = None,
    seed: int = 0,
    running: Running = Running(),
) -> Path | Rehearsal:
    """Train SRFlow: a flow that samples high-resolution photos for a low-resolution one, which is made here.

    Args:
        hr: photos of any size and format.
        out: folder of the run, see :func:`nflib.training.fit`.
        scale: by how much the high resolution is higher: 2, 4, 8 or 16.
        size: "small" (a laptop) or "full" (as published).
        encoder: a model of ``train rrdb`` of the same size and scale to start from, a file, the name of a
            bundled one or an official checkpoint.
        start: a trained model to go on with, a file, the name of a bundled one or an official checkpoint; it
            may be of another size.
        validation: folder of other photos, by which the best model is chosen.
        reversible: see :class:`~nflib.models.SRFlowConfig`.
        steps, batch, crop, lr: what the size suggests, by default.
        seed: of weights, crops and noise.
        running: on which devices, how precisely.

    Returns:
        The path of the model.
    """
    if encoder is not None and start is not None:
        raise ValueError("a start has its encoder: give either encoder or start")
    begun = None if start is None else trained_start(start, SRFlow, scale=scale)
    config = replace(srflow_config(size, scale) if begun is None else begun.config, reversible=reversible)
    check_crop(crop, config.multiple)
    usual = USUAL[known_size(size)].but(steps=steps, batch=batch, crop=crop, lr=lr)
    torch.manual_seed(seed)
    model = SRFlow(config)
    if encoder is not None:
        net = trained_encoder(encoder)
        if net.config != config.encoder:
            raise ValueError(
                f"{encoder}: expected an RRDBNet with {config.encoder}, found one with {net.config}"
            )
        take_over(model.encoder, net)
    if begun is not None:
        take_over(model, begun)
    data, held_out = crops_of(SuperResolutionImages, hr, validation, seed=seed, scale=scale, crop=usual.crop)
    task = SRFlowTask(model)
    task.notes |= noted_file(encoder, "encoder") | noted_file(start)
    return fit(task, data, out, recipe=usual.recipe, validation=held_out, seed=seed, running=running)
