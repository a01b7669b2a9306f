"""Small restorers trained on pairs from a degrader, all alike, and their scores on true pairs."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from nflib import checkpoints, images, metrics
from nflib.data import DegradedLowResolution, PairedImages
from nflib.degraders import AdditiveNoise, Degrader
from nflib.degraders.degrader import as_8_bits
from nflib.models import DnCNN, DnCNNConfig, RefinementConfig, RefinementNet
from nflib.training import RestorerTask, RRDBTask, Running, fit

CROP, STEPS = 40, 600
# Side of the low-resolution crops of super-resolution by 2 and by 4.
SMALL_CROP = {2: 32, 4: 24}
RECIPE = replace(RestorerTask.recipe, steps=STEPS, every=STEPS)


class WhitePerChannel(AdditiveNoise):
    """White noise, of another deviation in each channel."""

    def __init__(self, sigmas: Tensor):
        self.sigmas = sigmas.view(3, 1, 1)

    def noise(self, clean: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return self.sigmas * torch.randn(clean.shape, generator=generator)


class Clean(Degrader):
    """No degradation."""

    def _degrade(
        self, clean: Tensor, strength: float, n: int, generator: torch.Generator | None
    ) -> Iterator[Tensor]:
        yield clean


def synthetic(clean: list, degrader: Degrader, seed: int, scale: int = 1) -> Dataset:
    """Numbered pairs to train on, made of clean photos.

    For a denoiser, or, made smaller by a scale first, for a super-resolver.
    """
    if scale == 1:
        return PairedImages(clean, crop=CROP, seed=seed, degrader=degrader)
    return DegradedLowResolution(clean, scale, scale * SMALL_CROP[scale], seed=seed, degrader=degrader)


def train(pairs: Dataset, seed: int, scale: int = 1, *, steps: int | None = None) -> nn.Module:
    """A denoiser, or a super-resolver by a scale, trained on pairs; with STEPS unless said otherwise."""
    recipe = RECIPE if steps is None else replace(RECIPE, steps=steps, every=steps)
    torch.manual_seed(seed)
    if scale == 1:
        task = RestorerTask(DnCNN(DnCNNConfig.small()))
    else:
        task = RRDBTask(RefinementNet(RefinementConfig(scale)))
    with tempfile.TemporaryDirectory() as folder:
        return checkpoints.load(
            fit(task, pairs, folder, recipe=recipe, seed=seed, running=Running(device="cpu"))
        )


def smaller(clean: Tensor, scale: int) -> tuple[Tensor, Tensor]:
    """A photo (3, H, W) cut to multiples of the scale, and the small one of 8 bits."""
    height, width = (n // scale * scale for n in clean.shape[1:])
    clean = clean[:, :height, :width]
    return clean, as_8_bits(images.resize(clean, 1 / scale))


@torch.no_grad()
def test(model: nn.Module, pairs: list) -> dict[str, list[float]]:
    """Scores of a restorer on (truth, degraded)."""
    return scored([(clean, model(degraded[None])[0]) for clean, degraded in pairs])


def scored(pairs: list) -> dict[str, list[float]]:
    """PSNR and SSIM of each (truth, result), results as 8 bits."""
    return {
        name: [
            round(getattr(metrics, name)(as_8_bits(result)[None], clean[None]).item(), 4)
            for clean, result in pairs
        ]
        for name in ("psnr", "ssim")
    }


def unrestored(pairs: list, scale: int) -> dict[str, list[float]]:
    """Scores of the degraded images as they are, or enlarged bicubically."""
    return scored(
        [(clean, degraded if scale == 1 else images.resize(degraded, scale)) for clean, degraded in pairs]
    )
