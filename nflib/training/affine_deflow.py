"""Training of DeFlow in image units on two folders without pairs: the noise is found first, and held."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torch.utils.data import Subset

from ..data import UnpairedImages
from ..domain import Compose, Map
from ..domain.named import as_map
from ..models import AffineDeFlow, AffineDeFlowConfig, NoiseLaw, NoiseLawConfig, RRDBConfig
from ..models.conditional import ConditionalFlow
from ..models.deflow import white_start
from ..models.deflow.config import usual_h
from ..units import numbered_generator
from .deflow import DeFlowTask, dequantised, fit_h, kept_config
from .fit import fit
from .folders import Folder, check_crop, known_size
from .last_stage import known_stage
from .law_found import find_law
from .recipe import Recipe, Usual
from .rehearsal import Rehearsal
from .resuming import resumed
from .running import Running
from .starting import noted_file, take_over, trained_start
from .unpaired import first_crops, handed_back, unpaired_folders

# The first steps are large, since the networks start at zero: Adam is to forget them soon.
RECIPE = Recipe(lr=1e-3, batch=16, average=0.98, every=100, betas=(0.9, 0.99))
USUAL = {"small": Usual(replace(RECIPE, steps=400), 64), "full": Usual(replace(RECIPE, steps=100_000), 160)}
# Clean crops for the start: nothing but the flow has to be found.
START_CROPS = 256
# The start has the second moments right, and what learns them anew from few crops spoils them.
WHITENING_RATE = 0.03
# Validation is a likelihood: it needs fewer crops than a noise.
VALIDATION_CROPS = 32


def affine_config(size: str, h: Compose = usual_h(4)) -> AffineDeFlowConfig:
    """The configuration of a size for a map h."""
    levels = max(3, h.shrink.bit_length() - 1)
    return (
        AffineDeFlowConfig.small(h.shrink, h=h)
        if known_size(size) == "small"
        else AffineDeFlowConfig(RRDBConfig(h.shrink), levels=levels, steps=4, h=h)
    )


class AffineDeFlowTask(DeFlowTask):
    """Bits per dimension at 32 levels of clean crops, where the noise is held.

    What degraded photos say is in the law already. Their density has a determinant for every block, ten times
    the work, and hardly says more of what clean ones are like. Validation is the density of both.
    """

    model: AffineDeFlow
    validation_unit = f"{DeFlowTask.unit}, clean and degraded"

    def parameter_groups(self) -> list[tuple[list[nn.Parameter], float]]:
        whitening = [
            parameter
            for level in cast(ConditionalFlow, self.model.flow.transform).levels
            for step in level.steps
            for layer in (step.actnorm, step.mixing)
            for parameter in layer.parameters()
        ]
        own = {id(parameter) for parameter in whitening}
        networks = [p for p in self.model.parameters() if id(p) not in own and p.requires_grad]
        return [(networks, 1.0), (whitening, WHITENING_RATE)]

    def example(self, image: Tensor) -> tuple[Tensor, Tensor]:
        return image, torch.zeros(len(image), dtype=torch.long)

    def loss(self, model, batch, generator) -> Tensor:
        image, domain = batch
        clean = domain == 0
        if isinstance(generator, Sequence):
            generator = [one for one, used in zip(generator, clean.tolist(), strict=True) if used]
        return super().loss(model, (image[clean], domain[clean]), generator)

    def figures(self) -> dict[str, float]:
        return {}

    def score(self, batches: list) -> float:
        with torch.no_grad():
            losses = [
                super(AffineDeFlowTask, self).loss(
                    self.averaged,
                    self.transfer_batch_to_device(batch[:2], self.device, 0),
                    numbered_generator(self.seed, 0, i),
                )
                for i, batch in enumerate(batches)
            ]
        return torch.stack(losses).mean().item()


def train_affine_deflow(
    clean: Folder,
    degraded: Folder,
    out: Folder,
    *,
    scale: int = 4,
    h: Map | str | None = None,
    size: str = "small",
    start: Folder | None = None,
    validation_clean: Folder | None = None,
    validation_degraded: Folder | None = None,
    last_stage: str = "auto",
    reversible: bool = False,
    steps: int | None = None,
    batch: int | None = None,
    crop: int | None = None,
    lr: float | None = None,
    seed: int = 0,
    running: Running = Running(),
) -> Path | Rehearsal:
    """Learn a noise in closed form, and by a flow that cannot bend it what clean photos are like.

    The noise is the law of :func:`nflib.training.train_law`, and it is what degraded photos get. What is
    trained is the density of clean photos given the condition, and with it ``model.restore``: the mean of the
    clean photo given a degraded one.

    Args:
        clean, degraded: photos of any sizes and formats, of different scenes.
        out: folder of the run, see :func:`nflib.training.fit`.
        scale: how much smaller the condition is, without h: 4 or 8.
        h: the map that hides the degradation from the condition, as for :func:`nflib.training.train_deflow`.
        size: "small" (minutes on a laptop) or "full" (for GPUs).
        start: a trained model of this kind to go on with, a file or the name of a bundled one: its flow goes
            on, its h and size stay; the law of the noise is that of these photos.
        validation_clean, validation_degraded: other photos of both kinds, by whose likelihood the best model
            is chosen; by default other crops of the training photos.
        last_stage: what happened to the degraded photos last: "auto" looks for JPEG, "none", or such as
            "jpeg:62". The clean photos are compared after it, and it is put back when degrading.
        reversible: see :class:`~nflib.models.FlowSize`.
        steps, batch, crop, lr: what the size suggests, by default.
        seed: of weights, crops and noise.
        running: on which devices, how precisely.

    Returns:
        The path of ``best.safetensors``, the most likely; a logged line says of which step it is.
    """
    begun = None if start is None else trained_start(start, AffineDeFlow)
    asked = None if h is None else as_map(h)
    own = affine_config(size, asked or usual_h(scale)) if begun is None else kept_config(begun.config, asked)
    usual = USUAL[known_size(size)].but(steps=steps, batch=batch, crop=crop, lr=lr)
    stage = known_stage(last_stage, clean, degraded)
    text = "" if stage is None else str(stage)
    before = resumed(out, running)
    law = NoiseLaw()
    if before is not None:
        law = NoiseLaw(NoiseLawConfig(**before.get("law", {})))
    elif not running.dry_run:
        law = find_law(clean, degraded, last_stage=text or "none", seed=seed).law
    config = replace(own, law=law.config, last_stage=text, reversible=reversible)
    check_crop(crop, config.multiple)
    data, held_out = unpaired_folders(
        clean,
        degraded,
        validation_clean,
        validation_degraded,
        crop=usual.crop,
        validation_crop=usual.crop,
        batch=usual.recipe.batch,
        seed=seed,
        align=config.multiple,
        stage=stage,
        validation_stage=stage,
    )
    torch.manual_seed(seed)
    model = AffineDeFlow(config)
    if begun is not None:
        take_over(model.encoder, begun.encoder)
        take_over(model.flow, begun.flow)
        take_over(model.h, begun.h)
    model.hold(law)
    if before is None and begun is None and not running.dry_run:
        fit_h(model, data, seed=seed)
        start_white(model, data, seed=seed)
    validation = Subset(held_out, range(min(VALIDATION_CROPS, len(held_out))))
    task = AffineDeFlowTask(model)
    task.notes |= noted_file(start)
    return handed_back(
        fit(task, data, out, recipe=usual.recipe, validation=validation, seed=seed, running=running)
    )


def start_white(model: AffineDeFlow, data: UnpairedImages, *, seed: int) -> None:
    """Set a new model that holds its law to the flow that whitens clean crops, which are not those of the
    first steps.
    """
    generator = numbered_generator(seed, 2)
    clean, _ = first_crops(data, START_CROPS)
    white_start(model, dequantised(clean, generator), generator)
