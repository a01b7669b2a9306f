"""Training of LUD-VAE on two folders without pairs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..data import UnpairedImages
from ..images.jpeg import JPEG
from ..models import LUDVAE, LUDVAEConfig, follow_colours, start_near_identity
from ..noise import noise_filter, window_gain
from ..units import numbered_generator
from .fit import fit
from .folders import Folder, known_size
from .last_stage import known_stage
from .recipe import Recipe, Usual
from .rehearsal import Rehearsal
from .resuming import resumed
from .running import Running
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
    """

    recipe = SMALL
    unit = "nats per value"

    def __init__(self, model: LUDVAE, content_first: float = 0.0):
        super().__init__(model)
        if not 0 <= content_first < 1:
            raise ValueError(f"content_first must be in [0, 1), got {content_first}")
        self.content_first = content_first

    def loss(self, model, batch, generator) -> Tensor:
        image, domain = batch
        variance = model.config.kl_weight
        degraded = image[domain == 1]
        if self.step < self.content_first * self.recipe.steps:
            degraded = degraded[:0]
        share = min((self.step + 1) / max(RAMP * self.recipe.steps, 1), 1)
        if isinstance(generator, Sequence):  # the clean images first, as the model takes them
            generator = [generator[i] for i in domain.argsort(stable=True).tolist()][
                : int((domain == 0).sum()) + len(degraded)
            ]
        total = model.loss(image[domain == 0], degraded, share * variance, generator)
        return total / (2 * variance) + math.log(2 * math.pi * variance) / 2


# What of a configuration is found in the photos.
MEASURED = ("sigma_clean", "sigma_degraded", "most_noise")


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
    validation_clean: Folder | None = None,
    validation_degraded: Folder | None = None,
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
    found.

    Args:
        clean, degraded: photos of any sizes and formats, of different scenes.
        out: folder of the run, see :func:`nflib.training.fit`.
        size: "small" (minutes on a laptop) or "full" (as published).
        validation_clean, validation_degraded: other photos of both kinds, whose noise spectra are compared
            during the training; by default the training photos themselves.
        last_stage: what happened to the degraded photos last: "auto" looks for JPEG, "none", or such as
            "jpeg:62". The clean photos are compared after it, and it is put back when degrading.
        steps, batch, crop, lr: what the size suggests, by default.
        seed: of weights, crops and noise.
        running: see :class:`nflib.training.Running`.

    Returns:
        The path of ``best.safetensors``: the best by the noise in dark and bright, flat and textured places.
        A logged line says of which step it is.
    """
    stage = known_stage(last_stage, clean, degraded)
    usual = USUAL[known_size(size)].but(steps=steps, batch=batch, crop=crop, lr=lr)
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
        stage=stage,
    )
    before = resumed(out, running)
    if before is None and not running.dry_run:
        model = started(size, clean, degraded, seed=seed, stage=stage)
    else:
        torch.manual_seed(seed)
        config = ludvae_config(size, last_stage="" if stage is None else str(stage))
        measured = {name: before[name] for name in MEASURED if name in before} if before else {}
        values: dict[str, Any] = {
            name: tuple(v) if isinstance(v, list) else v for name, v in measured.items()
        }
        model = LUDVAE(replace(config, **values))
    task = LUDVAETask(model, content_first=0.35 if size == "small" else 0.0)
    done = fit(task, data, out, recipe=usual.recipe, validation=held_out, seed=seed, running=running)
    return handed_back(done)


def started(size: str, clean: Folder, degraded: Folder, *, seed: int, stage: JPEG | None = None) -> LUDVAE:
    """A new model for the noise in the photos, before the last stage that is known."""
    data = UnpairedImages(clean, degraded, NOISE_SIDE, seed=seed, stage=stage)
    crops = first_crops(data, NOISE_CROPS)
    taps, deviation = noise_filter(*crops)
    torch.manual_seed(seed)
    model = LUDVAE(ludvae_config(size, deviation, "" if stage is None else str(stage)))
    if size == "full":
        return model
    start_near_identity(model, numbered_generator(seed, 2))
    model.shape_noise(taps)
    follow_colours(model, window_gain(*crops))
    limit_noise(model, data, seed=seed)
    return model
