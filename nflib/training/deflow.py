"""Training of DeFlow on two folders without pairs."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from ..bases import DOMAINS
from ..data import ColourMatch, UnpairedImages, channel_statistics
from ..domain import Compose, DenoisingAutoencoder, Map, spell
from ..domain.named import as_map
from ..models import DeFlow, DeFlowConfig, RRDBConfig, RRDBNet, linear_start
from ..models.deflow.config import usual_h
from ..transforms.precision import raised
from ..units import bits_per_dim, numbered_generator, rand
from .fit import fit
from .folders import Folder, check_crop, known_size
from .last_stage import known_stage
from .recipe import Recipe, Usual
from .rehearsal import Rehearsal
from .resuming import resumed
from .running import Running
from .starting import noted_file, take_over, trained_encoder, trained_start
from .unpaired import UnpairedTask, first_crops, handed_back, limit_noise, unpaired_folders

# Values are moved by up to half of 1/LEVELS: 8 grey levels in all, as published. It hides what 8 bits and
# JPEG do to dark and flat places, and keeps the flow from putting its likelihood there.
LEVELS = 32
# The noise has a few parameters of its own, far from a network's, which may move faster.
NOISE_RATE = 5.0
# Crops of each domain by which a start is judged likely, and the bits per dimension that are not; values that
# may be anything take five.
LIKELY_CROPS, UNLIKELY = 8, 10.0
# Crops of each domain for the linear start.
START_CROPS = 1024
Config = TypeVar("Config", bound=DeFlowConfig)
RECIPE = Recipe(lr=1e-3, batch=8, average=0.99, every=100, betas=(0.9, 0.999))
USUAL = {"small": Usual(replace(RECIPE, steps=300), 64), "full": Usual(replace(RECIPE, steps=100_000), 160)}


def deflow_config(size: str, h: Compose = usual_h(4)) -> DeFlowConfig:
    """The configuration of a size, small or as large as the published one, for a map h."""
    levels = max(3, h.shrink.bit_length() - 1)
    return (
        DeFlowConfig.small(h.shrink, h=h)
        if known_size(size) == "small"
        else DeFlowConfig(RRDBConfig(h.shrink), levels=levels, h=h)
    )


class DeFlowTask(UnpairedTask):
    """Bits per dimension at 32 levels, half of it of clean and half of degraded crops (DeFlow, eq. 29)."""

    model: DeFlow
    recipe = RECIPE
    unit = "bits/dim at 32 levels"

    def parameter_groups(self) -> list[tuple[list[nn.Parameter], float]]:
        noise = list(self.model.flow.base.parameters())
        own = {id(parameter) for parameter in noise}
        groups = [([p for p in self.model.parameters() if id(p) not in own], 1.0), (noise, NOISE_RATE)]
        return [group for group in groups if group[0]]

    def figures(self) -> dict[str, float]:
        return {"noise_power": sum(self.model.flow.base.noise_power())}

    def loss(self, model, batch, generator) -> Tensor:
        image, domain = batch
        image = dequantised(image, generator)
        nll = model.nll(image, model.condition(image, generator), [DOMAINS[d] for d in domain.tolist()])
        return bits_per_dim(nll, image[0].numel(), LEVELS).mean()


def dequantised(image: Tensor, generator: torch.Generator | Sequence[torch.Generator] | None) -> Tensor:
    """Uniform noise of width 1/LEVELS and mean zero added: values stay on the image's own scale.

    Raises:
        ValueError: the images have less than single precision, in which the noise would have a few values.
    """
    if raised(image) is not image:
        raise ValueError(f"images of {image.dtype} are too coarse to be dequantised, expected float32")
    return image + (rand(image.shape, image, generator) - 0.5) / LEVELS


def train_deflow(
    clean: Folder,
    degraded: Folder,
    out: Folder,
    *,
    scale: int = 4,
    h: Map | str | None = None,
    size: str = "small",
    encoder: Folder | None = None,
    start: Folder | None = None,
    validation_clean: Folder | None = None,
    validation_degraded: Folder | None = None,
    match_colours: bool = False,
    last_stage: str = "auto",
    reversible: bool = False,
    steps: int | None = None,
    batch: int | None = None,
    crop: int | None = None,
    lr: float | None = None,
    seed: int = 0,
    running: Running = Running(),
) -> Path | Rehearsal:
    """Learn a degradation from clean and degraded photos without pairs.

    It starts at the linear solution (:func:`nflib.models.linear_start`), which is good already, and goes on
    from there; or at a trained model. Tables of papers have DeFlow with a pre-trained encoder, and DeFlow-NP
    without: without ``encoder`` this is the latter.

    Args:
        clean, degraded: photos of any sizes and formats, of different scenes.
        out: folder of the run, see :func:`nflib.training.fit`.
        scale: how much smaller the condition is, without h: 4 for fine noise, 8 for coarse.
        h: the map that hides the degradation from the condition (:mod:`nflib.domain`): names with + between,
            such as downsample:8+noise:0.1 or median:5+noise:0.05; also multiply, blur, bilateral, maxpool,
            autoencoder. By default downsample:SCALE+noise:0.03. An auto-encoder is trained first, on crops of
            both folders.
        size: "small" (minutes on a laptop) or "full" (as large as published).
        encoder: a pre-trained network for the condition, as published: an RRDBNet that was trained to
            super-resolve (``train rrdb``, ``train restorer --task sr --size full``), or a model that has one
            inside; a file, the name of a bundled one or an official checkpoint. The flow's is as large then;
            it may be of another scale. It is trained with the rest.
        start: a trained DeFlow to go on with, likewise; its h and size stay what they are.
        validation_clean, validation_degraded: other photos of both kinds, by whose noise spectra the best
            model is chosen; by default the training photos themselves.
        match_colours: bring degraded photos to the colours of clean ones first, and what is degraded later
            back: for folders whose colours differ for reasons other than the degradation.
        last_stage: what happened to the degraded photos last: "auto" looks for JPEG, "none", or such as
            "jpeg:62". The clean photos are compared after it, and it is put back when degrading.
        reversible: see :class:`~nflib.models.FlowSize`.
        steps, batch, crop, lr: what the size suggests, by default.
        seed: of weights, crops and noise.
        running: on which devices, how precisely.

    Returns:
        The path of ``best.safetensors``: the best by the noise in dark and bright, flat and textured places,
        which is not the last and not the most likely. A logged line says of which step it is.
    """
    begun = None if start is None else trained_start(start, DeFlow)
    net = None if encoder is None else trained_encoder(encoder)
    config = (
        new_config(size, usual_h(scale) if h is None else as_map(h), net)
        if begun is None
        else kept_config(begun.config, None if h is None else as_map(h), net)
    )
    match_colours = match_colours or config.matched
    stage = known_stage(last_stage, clean, degraded)
    config = replace(
        config,
        matched=match_colours,
        last_stage="" if stage is None else str(stage),
        most_noise=(),
        reversible=reversible,
    )
    check_crop(crop, config.multiple)
    usual = USUAL[known_size(size)].but(steps=steps, batch=batch, crop=crop, lr=lr)
    match = ColourMatch(channel_statistics(degraded), channel_statistics(clean)) if match_colours else None
    data, held_out = unpaired_folders(
        clean,
        degraded,
        validation_clean,
        validation_degraded,
        crop=usual.crop,
        validation_crop=usual.crop,
        batch=usual.recipe.batch,
        seed=seed,
        align=config.multiple,  # where blocks of JPEG files and of the flow begin
        match=match,
        stage=stage,
    )
    torch.manual_seed(seed)
    model = DeFlow(config)
    if match is not None:
        model.set_colours(match)
    before = resumed(out, running)
    if before is not None:
        model.config = replace(config, most_noise=tuple(before.get("most_noise", ())))
    elif not running.dry_run and begun is not None:
        take_over(model, begun)
        if match is not None:
            model.set_colours(match)
        model.config = replace(config, most_noise=most_noise(data, match, seed=seed))
    elif not running.dry_run:
        if net is not None:
            take_over(model.encoder, net)
        fit_h(model, data, seed=seed)
        start_linear(model, data, seed=seed)
        limit_noise(model, data, seed=seed)
        say_how_likely(model, data, seed=seed)
    task = DeFlowTask(model)
    task.notes |= noted_file(encoder, "encoder") | noted_file(start)
    return handed_back(
        fit(task, data, out, recipe=usual.recipe, validation=held_out, seed=seed, running=running)
    )


def new_config(size: str, h: Compose, encoder: RRDBNet | None) -> DeFlowConfig:
    """The configuration of a new model; with a trained encoder, as large as that, told of as many of its
    blocks.
    """
    config = deflow_config(size, h)
    if encoder is None:
        return config
    blocks = encoder.config.blocks
    taps = tuple(dict.fromkeys(tap * blocks // config.encoder.blocks for tap in config.taps))
    return replace(config, encoder=replace(encoder.config, scale=config.scale), taps=taps)


def kept_config(config: Config, h: Compose | None, encoder: RRDBNet | None = None) -> Config:
    """The configuration of a trained model that is gone on with.

    Raises:
        ValueError: another h or encoder is asked for.
    """
    if encoder is not None:
        raise ValueError("a start has its encoder: give either encoder or start")
    if h is not None and spell(h) != spell(config.h):
        raise ValueError(f"the start has the h {spell(config.h)}, which stays, got {spell(h)}")
    return config


def most_noise(data: UnpairedImages, match: ColourMatch | None, *, seed: int) -> tuple[float, ...]:
    """How strong the noise of new folders is at most, by a small model in closed form."""
    model = DeFlow(replace(deflow_config("small"), matched=match is not None))
    if match is not None:
        model.set_colours(match)
    start_linear(model, data, seed=seed)
    limit_noise(model, data, seed=seed)
    return model.config.most_noise


def fit_h(model: DeFlow, data: UnpairedImages, *, seed: int) -> None:
    """Train the networks of h, if it has any, on START_CROPS crops of each domain, which are not those of the
    first steps.
    """
    for number, network in enumerate(model.h):
        if isinstance(network, DenoisingAutoencoder):
            crops = torch.cat(first_crops(data, START_CROPS))
            network.requires_grad_(True).fit(crops, generator=numbered_generator(seed, 3, number))


@torch.no_grad()
def say_how_likely(model: DeFlow, data: UnpairedImages, *, seed: int) -> None:
    """Log a line where the start is so unlikely that the first losses would look like a fault.

    The noise is found in flat places. Where degraded photos have more detail than clean ones elsewhere, the
    start takes none of it for possible.
    """
    generator = numbered_generator(seed, 5)
    for domain, crops in zip(DOMAINS, first_crops(data, LIKELY_CROPS)):
        image = dequantised(crops, generator)
        nll = model.nll(image, model.condition(image, generator), domain)
        bits = bits_per_dim(nll, image[0].numel(), LEVELS).mean().item()
        if bits > UNLIKELY:
            logging.getLogger(__name__).warning(
                "the start has the noise of flat places right, and takes detail of %s photos for unlikely "
                "(%.0f bits/dim): the first losses are large, and no fault",
                domain,
                bits,
            )


def start_linear(model: DeFlow, data: UnpairedImages, *, seed: int, closed_form: bool = True) -> None:
    """Set a new model to the linear solution of START_CROPS crops of each domain, which are not those of the
    first steps.
    """
    generator = numbered_generator(seed, 2)
    clean, degraded = (dequantised(images, generator) for images in first_crops(data, START_CROPS))
    linear_start(model, clean, degraded, closed_form=closed_form, generator=generator)
