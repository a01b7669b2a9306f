"""Training of a super-resolver against a discriminator: natural texture instead of the mean of all that is
possible.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, cast

import torch
from torch import nn

from .. import checkpoints
from ..data.folders import Source
from ..metrics import (
    METRICS,
    EfficientNetFeatures,
    MissingWeights,
    efficientnet_features,
    feature_distance,
    lpips,
)
from ..metrics.perceptual import lpips_network
from ..models import ESRGANDiscriminator, ESRGANDiscriminatorConfig, ImageModel
from ..models.esrgan import (
    discriminator_loss,
    generator_loss,
    perceptual_loss,
)
from .contest import Contest, perceptual_features, unmoved
from .folders import Folder, known_size
from .published import published
from .recipe import Usual
from .rehearsal import Rehearsal
from .restorer import check_validation, fit_restorer, noted
from .running import Running
from .super_resolver import (
    large_enough,
    low_resolution_pairs,
    new_super_resolver,
    train_super_resolver,
)

# Weights of ESRGAN's generator loss (section 4.1).
PIXEL, PERCEPTUAL, ADVERSARIAL = 1e-2, 1.0, 5e-3
# Of the distance in features of EfficientNet-Lite0 in place of the perceptual loss: with it, its gradient is
# about twice that of the adversarial part.
EFFICIENTNET = 1e-3
FEATURES = ("vgg19", "efficientnet")
# As published, with averaged weights.
RECIPE = replace(published("esrgan").usual.recipe, clip=5.0, average=0.999)
# Shares of the steps after which models are compared by how natural they look: 50,000 and 60,000 of 60,000.
CANDIDATES = (5 / 6, 1.0)
USUAL = {"small": Usual(replace(RECIPE, steps=1000, batch=8, lr=1e-3), 64), "full": Usual(RECIPE, 128)}


class Judge(NamedTuple):
    """A perceptual distance of images (B, 3, H, W) in [0, 1] from their truth, (B,), and its name."""

    name: str
    distance: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def discriminator_config(size: str, crop: int) -> ESRGANDiscriminatorConfig:
    """The configuration of a size, for crops of this side."""
    if known_size(size) == "small":
        return ESRGANDiscriminatorConfig("patch", channels=32)
    return ESRGANDiscriminatorConfig("vgg", crop=crop)


class ESRGANTask(Contest):
    """Mean absolute error, perceptual loss and relativistic average GAN loss of a super-resolver, beside the
    loss of its discriminator.

    Both networks are moved in every step, by gradients at the same weights, as in the authors' code. Batches
    are (hr, lr). The start should be a trained generator. Validation is without the discriminator, whose
    opinion changes, and so says how near the results are to the truth, not how natural they look.

    Args:
        model: the generator.
        discriminator: takes crops of this size. It is part of the state of a run, and not of its result.
        features: of the perceptual loss, from :func:`nflib.models.esrgan.vgg19_features` as published, or
            from :func:`nflib.metrics.efficientnet_features`; None leaves it out.
        judge: a perceptual distance (B, 3, H, W) x 2 -> (B,), by which the better of the models at the
            shares CANDIDATES of the steps is chosen; None: validation is the loss without the discriminator.
    """

    recipe = RECIPE
    unit = "generator's and discriminator's loss"

    def __init__(
        self,
        model: ImageModel,
        discriminator: ESRGANDiscriminator,
        features: nn.Module | None,
        judge: Judge | None = None,
    ):
        super().__init__(model)
        self.discriminator, self.features, self.judge = discriminator, features, judge
        self.notes = {"discriminator": str(discriminator.config), "perceptual": _said(features)}

    @property
    def validation_unit(self) -> str:  # type: ignore[override]  # depends on the features
        if self.judge is not None:
            return self.judge.name
        weight = EFFICIENTNET if isinstance(self.features, EfficientNetFeatures) else PERCEPTUAL
        return f"{PIXEL} * mean absolute error" + (
            "" if self.features is None else f" + {weight} * perceptual loss"
        )

    @property
    def opponents(self) -> dict[str, nn.Module]:
        return {"discriminator": self.discriminator}

    def loss(self, model, batch, generator) -> torch.Tensor:
        hr, lr = batch
        sr = model(lr)
        real, fake = self.discriminator(hr), self.discriminator(sr.detach())
        with unmoved(self.discriminator):  # the generator's loss is to move the generator alone
            judged = self.discriminator(sr)
        parts = {
            "fidelity": self.fidelity(sr, hr),
            "adversarial": generator_loss(real.detach(), judged),
            "discriminator": discriminator_loss(real, fake),
        }
        self.parts = {name: part.item() for name, part in parts.items()}
        return parts["fidelity"] + ADVERSARIAL * parts["adversarial"] + parts["discriminator"]

    def fidelity(self, sr: torch.Tensor, hr: torch.Tensor) -> torch.Tensor:
        """Weighted mean absolute error and perceptual loss, a scalar."""
        pixel = PIXEL * (sr - hr).abs().mean()
        if isinstance(self.features, EfficientNetFeatures):
            return pixel + EFFICIENTNET * feature_distance(sr, hr, self.features).mean()
        return pixel if self.features is None else pixel + PERCEPTUAL * perceptual_loss(sr, hr, self.features)

    def loss_of_average(self, batch, noise) -> torch.Tensor:
        hr, lr = batch
        return self.fidelity(self.averaged(lr), hr)

    @torch.no_grad()
    def score(self, batches) -> float:
        pairs = (self.transfer_batch_to_device(batch, self.device, 0) for batch in batches)
        if self.judge is not None:
            found = [self.judge.distance(self.averaged(lr).clamp(0, 1), hr) for hr, lr in pairs]
            return torch.cat(found).mean().item()
        return torch.stack([self.fidelity(self.averaged(lr), hr) for hr, lr in pairs]).mean().item()

    def chooses(self, step: int) -> bool:
        if self.judge is None:
            return super().chooses(step)
        return step in {round(share * self.recipe.steps) for share in CANDIDATES}


def train_esrgan(
    clean: Source,
    degrader: object,
    out: Folder,
    *,
    scale: int = 2,
    size: str = "small",
    recipe: str | None = None,
    start: Folder | None = None,
    vgg: Folder | None = None,
    features: str = "vgg19",
    validation_clean: Folder | None = None,
    validation_degraded: Folder | None = None,
    steps: int | None = None,
    batch: int | None = None,
    crop: int | None = None,
    lr: float | None = None,
    seed: int = 0,
    running: Running = Running(),
) -> Path | Rehearsal:
    """Train a super-resolver against a discriminator, which makes natural texture (:class:`ESRGANTask`).

    Args:
        clean: photos of any sizes and formats.
        degrader: what :func:`nflib.degraders.as_degrader` takes. It is computed on the CPU, where crops are
            prepared.
        out: folder of the run, see :func:`nflib.training.fit`.
        scale: 2, 4, 8 or 16.
        size: "small", a RefinementNet, or "full", an RRDBNet.
        recipe: "esrgan", as papers have it (:data:`~nflib.training.PUBLISHED`): size, steps, crops, learning
            rate and choice are those of the recipe.
        start: a trained super-resolver to go on with. Without it the training begins with one by mean
            absolute error, in the folder ``out/start``, with the same steps, batch and crop if they are
            given.
        vgg: weights of torchvision's ``vgg19`` for the perceptual loss; by default where torch keeps them.
            Where they are missing this part is left out, with a warning.
        features: "vgg19" as published, or "efficientnet": the distance in features of EfficientNet-Lite0
            (:func:`nflib.metrics.feature_distance`), whose weights the extra [perceptual] installs.
        validation_clean, validation_degraded: true pairs of other photos, with equal names, to follow the
            training by; the degraded ones are smaller by the scale.
        steps, batch, crop, lr: what the size suggests, by default.
        seed: of weights, crops and noise.
        running: on which devices, how precisely.

    Returns:
        The path of ``model.safetensors``, the last weights, as no loss on pairs tells which look most
        natural. With the recipe and validation, that of ``best.safetensors``, by LPIPS; where its weights are
        missing it says so, and hands back the last.
    """
    check_validation(validation_clean, validation_degraded)
    perceptual = _perceptual_features(features, vgg)
    paper = None if recipe is None else published(recipe, "sr")
    size = size if paper is None else "full"
    usual = large_enough(USUAL[known_size(size)] if paper is None else paper.usual, scale).but(
        steps=steps, batch=batch, crop=crop, lr=lr
    )
    torch.manual_seed(seed)
    model = new_super_resolver(size, scale, start)
    data, held_out = low_resolution_pairs(
        clean, degrader, validation_clean, validation_degraded, scale=scale, crop=usual.crop, seed=seed
    )
    judge = _judge() if paper is not None and held_out is not None else None
    critic = ESRGANDiscriminator(discriminator_config(size, usual.crop))
    task = ESRGANTask(model, critic, perceptual, judge)
    if start is None and not running.dry_run:
        first = train_super_resolver(
            clean,
            degrader,
            Path(out) / "start",
            scale=scale,
            size=size,
            validation_clean=validation_clean,
            validation_degraded=validation_degraded,
            steps=steps,
            batch=batch,
            crop=crop,
            seed=seed,
            running=running,
        )
        model.load_state_dict(checkpoints.load(cast("Path", first)).state_dict())
    notes = noted(degrader, start) | ({} if paper is None else {"published": paper.name})
    return fit_restorer(
        task,
        data,
        held_out,
        out,
        recipe=usual.recipe,
        seed=seed,
        notes=notes,
        running=running,
        choose=judge is not None,
    )


def _judge() -> Judge | None:
    try:
        lpips_network()
    except (MissingWeights, ValueError) as error:
        logging.getLogger(__name__).warning(
            "no LPIPS to choose a model by, the last is handed back: %s", error
        )
        return None
    return Judge(f"LPIPS, {METRICS['lpips'].convention}", lpips)


def _perceptual_features(name: str, vgg: Folder | None) -> nn.Module | None:
    """The network of the perceptual loss. Its own copy, which moves with the task."""
    if name not in FEATURES:
        raise ValueError(f"features must be one of {', '.join(FEATURES)}, got {name!r}")
    if name == "efficientnet":
        if vgg is not None:
            raise ValueError("vgg is for features vgg19, got efficientnet")
        return copy.deepcopy(efficientnet_features())
    return perceptual_features(vgg)


def _said(features: nn.Module | None) -> str:
    if isinstance(features, EfficientNetFeatures):
        return "EfficientNet-Lite0, unweighted"
    return "left out" if features is None else "VGG19, conv5_4"
