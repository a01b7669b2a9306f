"""Training of LUD-VAE on two folders without pairs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from ..data import ColourMatch, UnpairedImages, channel_statistics
from ..images.jpeg import JPEG
from ..models import LUDVAE, LUDVAEConfig, follow_colours, start_near_identity
from ..noise import noise_filter, window_gain
from ..units import numbered_generator, parse_range
from .fit import fit
from .folders import Folder, known_size
from .last_stage import known_stage
from .recipe import Recipe, Usual
from .rehearsal import Rehearsal
from .resuming import resumed
from .running import Running
from .starting import noted_file, take_over, trained_start
from .unpaired import UnpairedTask, first_crops, handed_back, limit_noise, unpaired_folders

# Share of the steps in which the weight of the KL term grows to its final value, as published: or the latent
# is given up early.
RAMP = 0.05
SMALL = Recipe(
    steps=600,
    batch=16,
    lr=1e-3,
    betas=(0.9, 0.999),
    milestones=(0.35, 0.6, 0.75, 0.85, 0.95),
    clip=1e3,
    average=0.99,
    every=100,
)
FULL = Recipe(
    steps=200_000,
    batch=16,
    lr=1e-4,
    betas=(0.9, 0.999),
    milestones=(0.5,),
    clip=1e3,
    average=0.999,
    every=5000,
)
USUAL = {"small": Usual(SMALL, 32), "full": Usual(FULL, 64)}
# Crops of each domain in which the noise is looked for, and their side.
NOISE_CROPS, NOISE_SIDE = 1024, 64
# Where JPEG came last, crops lie as its blocks do: colours at half resolution have blocks of 16 pixels.
JPEG_BLOCK = 16


class LUDVAETask(UnpairedTask):
    """``-ELBO`` in nats per value, half of it of clean and half of degraded crops.

    This is the published loss over twice the weight of its KL term, plus the constant of the decoder's normal
    law: a negative number, since that law is narrow. In the first steps the KL term counts less.

    Args:
        model: a :class:`~nflib.models.LUDVAE`.
        content_first: share of the steps in which only clean images are learned. Until the content is, it is
            not noise that the degraded images have beyond it, and a good start of the latent would be lost on
            that.
        ramp: share of the steps in which the weight of the KL term grows; 0 for a model that was trained
            before.
    """

    recipe = SMALL
    unit = "nats per value"

    def __init__(self, model: LUDVAE, content_first: float = 0.0, ramp: float = RAMP):
        super().__init__(model)
        self.ramp = ramp
        if not 0 <= content_first < 1:
            raise ValueError(f"content_first must be in [0, 1), got {content_first}")
        self.content_first = content_first

    def loss(self, model, batch, generator) -> Tensor:
        image, domain = batch
        variance = model.config.kl_weight
        degraded = image[domain == 1]
        if self.step < self.content_first * self.recipe.steps:
            degraded = degraded[:0]
        share = min((self.step + 1) / max(self.ramp * self.recipe.steps, 1), 1)
        if isinstance(generator, Sequence):  # the clean images first, as the model takes them
            generator = [generator[i] for i in domain.argsort(stable=True).tolist()][
                : int((domain == 0).sum()) + len(degraded)
            ]
        total = model.loss(image[domain == 0], degraded, share * variance, generator)
        return total / (2 * variance) + math.log(2 * math.pi * variance) / 2


# What of a configuration is found in the photos.
MEASURED = ("sigma_clean", "sigma_degraded", "most_noise")
GREY_LEVELS = 255


def ludvae_config(size: str, deviation: float = 0.03, last_stage: str = "") -> LUDVAEConfig:
    """The configuration of a size, for noise of a deviation in units of the image range."""
    if known_size(size) == "small":
        return replace(LUDVAEConfig.small(deviation), last_stage=last_stage)
    return LUDVAEConfig(
        sigma_clean=math.hypot(deviation, deviation), sigma_degraded=deviation, last_stage=last_stage
    )


def train_ludvae(
    clean: Folder,
    degraded: Folder,
    out: Folder,
    *,
    size: str = "small",
    start: Folder | None = None,
    sigma_x: float | None = None,
    sigma_y: float | None = None,
    sigma_drawn: str | tuple[float, float] | None = None,
    validation_clean: Folder | None = None,
    validation_degraded: Folder | None = None,
    match_colours: bool = False,
    last_stage: str = "auto",
    steps: int | None = None,
    batch: int | None = None,
    crop: int | None = None,
    lr: float | None = None,
    seed: int = 0,
    running: Running = Running(),
) -> Path | Rehearsal:
    """Learn a degradation from clean and degraded photos without pairs, by a variational autoencoder.

    "small" first finds strength and spectrum of the noise (:func:`nflib.noise.noise_filter`), starts there,
    learns the content from clean photos alone for a third of the steps, and then both domains. "full" is the
    published network and recipe with white pre-noise, whose deviations follow from the strength that is
    found, or are named: 15 and 10 grey levels for AIM 2019 (with the colours matched), 8 and 3 for NTIRE
    2020, 40 and 20 for SIDD (then 30:70 in C2N), 20 and 10 for DND, 3 and 2 for low light, as published.

    Args:
        clean, degraded: photos of any sizes and formats, of different scenes.
        out: folder of the run, see :func:`nflib.training.fit`.
        size: "small" (minutes on a laptop) or "full" (as published).
        start: a trained LUD-VAE to go on with, a file, the name of a bundled one or an official checkpoint;
            its size stays, and so does its pre-noise unless it is named.
        sigma_x, sigma_y: deviations of the pre-noise on clean and on degraded images (eq. 20), in grey
            levels.
        sigma_drawn: LOW:HIGH, from which C2N draws the deviation of its pre-noise for each image, in grey
            levels; by default it is sigma_x.
        validation_clean, validation_degraded: other photos of both kinds, whose noise spectra are compared
            during the training; by default the training photos themselves.
        match_colours: bring degraded photos to the colours of clean ones first, and what is degraded later
            back, as published for AIM: for folders whose colours differ for reasons other than the
            degradation.
        last_stage: what happened to the degraded photos last: "auto" looks for JPEG, "none", or such as
            "jpeg:62". The clean photos are compared after it, and it is put back when degrading.
        steps, batch, crop, lr: what the size suggests, by default.
        seed: of weights, crops and noise.
        running: see :class:`nflib.training.Running`.

    Returns:
        The path of ``best.safetensors``: the best by the noise in dark and bright, flat and textured places.
        A logged line says of which step it is.
    """
    begun = None if start is None else trained_start(start, LUDVAE)
    match_colours = match_colours or (begun is not None and begun.config.matched)
    stage = known_stage(last_stage, clean, degraded)
    text = "" if stage is None else str(stage)
    asked: dict[str, Any] = {
        "sigma_clean": None if sigma_x is None else sigma_x / GREY_LEVELS,
        "sigma_degraded": None if sigma_y is None else sigma_y / GREY_LEVELS,
        "sigma_drawn": None if sigma_drawn is None else drawn_range(sigma_drawn),
    }
    asked = {name: value for name, value in asked.items() if value is not None}
    usual = USUAL[known_size(size)].but(steps=steps, batch=batch, crop=crop, lr=lr)
    match = ColourMatch(channel_statistics(degraded), channel_statistics(clean)) if match_colours else None
    data, held_out = unpaired_folders(
        clean,
        degraded,
        validation_clean,
        validation_degraded,
        crop=usual.crop,
        validation_crop=NOISE_SIDE,
        batch=usual.recipe.batch,
        seed=seed,
        align=1 if stage is None else JPEG_BLOCK,
        match=match,
        stage=stage,
    )
    config = ludvae_config(size, last_stage=text) if begun is None else begun.config
    config = replace(config, matched=match_colours, last_stage=text, **asked)
    before = resumed(out, running)
    if before is not None or running.dry_run:
        measured = {name: before[name] for name in MEASURED if name in before} if before else {}
        values: dict[str, Any] = {
            name: tuple(v) if isinstance(v, list) else v for name, v in measured.items() if name not in asked
        }
        torch.manual_seed(seed)
        model = LUDVAE(replace(config, **values))
    elif begun is None:
        model = started(size, clean, degraded, seed=seed, stage=stage, match=match, asked=asked)
    else:
        small = started("small", clean, degraded, seed=seed, stage=stage, match=match)
        model = LUDVAE(replace(config, most_noise=small.config.most_noise))
        take_over(model, begun)
    if match is not None:
        model.set_colours(match)
    new = begun is None
    task = LUDVAETask(
        model, content_first=0.35 if size == "small" and new else 0.0, ramp=RAMP if new else 0.0
    )
    task.notes |= noted_file(start)
    done = fit(task, data, out, recipe=usual.recipe, validation=held_out, seed=seed, running=running)
    return handed_back(done)


def drawn_range(asked: str | tuple[float, float]) -> tuple[float, float]:
    """The range that C2N draws from, of grey levels named as LOW:HIGH, in units of the image range."""
    found = parse_range(asked, "sigma_drawn") if isinstance(asked, str) else asked
    low, high = found if isinstance(found, tuple) else (found, found)
    return low / GREY_LEVELS, high / GREY_LEVELS


def started(
    size: str,
    clean: Folder,
    degraded: Folder,
    *,
    seed: int,
    stage: JPEG | None = None,
    match: ColourMatch | None = None,
    asked: Mapping[str, Any] = MappingProxyType({}),
) -> LUDVAE:
    """A new model for the noise in the photos, before the last stage that is known, in matched colours; what
    is asked for of its configuration is not found in them.
    """
    data = UnpairedImages(clean, degraded, NOISE_SIDE, seed=seed, stage=stage, match=match)
    crops = first_crops(data, NOISE_CROPS)
    taps, deviation = noise_filter(*crops)
    torch.manual_seed(seed)
    config = ludvae_config(size, deviation, "" if stage is None else str(stage))
    model = LUDVAE(replace(config, matched=match is not None, **asked))
    if match is not None:
        model.set_colours(match)
    if size == "full":
        return model
    start_near_identity(model, numbered_generator(seed, 2))
    model.shape_noise(taps)
    follow_colours(model, window_gain(*crops))
    limit_noise(model, data, seed=seed)
    return model
