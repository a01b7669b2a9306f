"""Training of restorers on pairs of clean images and what a degrader makes of them."""

from __future__ import annotations

import torch
from torch import Tensor

from ..data.domains import PairedImages
from ..data.folders import ImageCrops, Source, SuperResolutionImages, numbered_generator, size_of
from ..degraders import Degrader
from ..units import bits_per_dim, rand
from .deflow import LEVELS, dequantised
from .tasks import Recipe, Task


# Share of the bright images whose latent has the true colours for its mean.
TOLD = 0.2


class RestorerTask(Task):
    """Mean squared error of the restored image: a denoiser learns the mean of all clean images that look like this when degraded.

    Batches are (clean, degraded). Super-resolution has the same batches and the mean absolute error, :class:`RRDBTask`;
    low light has :class:`LowLightTask`.
    """

    recipe = Recipe(steps=1500, batch=8, lr=1e-3, betas=(0.9, 0.999), average=0.99, every=100)
    unit = "mean squared error"
    unused = False

    def loss(self, model, batch, generator):
        clean, degraded = batch
        return (model(degraded) - clean).square().mean()


class LowLightTask(Task):
    """Bits per dimension of the bright image given the dark one, at 32 levels. Batches are (bright, dark).

    In training some images are told their true colours (see :meth:`nflib.models.LowLightFlow.nll`), as in LLFlow's code.
    """

    recipe = Recipe(steps=800, batch=8, lr=2e-3, betas=(0.9, 0.999), average=0.99, every=100)
    unit = f"bits/dim at {LEVELS} levels"

    def loss(self, model, batch, generator):
        bright, dark = batch
        told = rand((len(bright),), bright, generator) < TOLD if model.training else None
        nll = model.nll(dequantised(bright, generator), dark, told)
        return bits_per_dim(nll, bright[0].numel(), LEVELS).mean()


class DegradedLowResolution(SuperResolutionImages):
    """Pairs ``(hr, lr)`` of :class:`~nflib.data.SuperResolutionImages`, the low-resolution crop degraded anew every time.

    Args:
        source, scale, crop, seed: as there.
        degrader: makes (B, 3, crop/scale, crop/scale) of the like, every crop with a generator of its own.
    """

    def __init__(self, source: Source, scale: int, crop: int, seed: int, degrader: Degrader):
        self.degrader = degrader
        super().__init__(source, scale, crop, seed)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: list[int]) -> list[tuple[Tensor, Tensor]]:
        """The pairs of a batch, degraded together where the degrader can do that."""
        hr, lr = map(torch.stack, zip(*(super(DegradedLowResolution, self).__getitem__(index) for index in indices)))
        return list(zip(hr, self.degrader.each(lr, 1.0, [numbered_generator(self.seed, 2, index) for index in indices])))


class LowResolutionPairs(torch.utils.data.Dataset):
    """Pairs ``(hr, lr)`` of crops from two folders, the images of the second a whole number of times smaller; to validate on.

    Args:
        clean: folder of high-resolution images.
        degraded: folder of low-resolution ones with the same file names, suffix aside.
        scale: by how much the high resolution is higher.
        crop: side of the high-resolution crop in pixels, a multiple of the scale.
        seed: of places and order.

    Raises:
        ValueError: names or sizes do not fit together.
    """

    def __init__(self, clean: Source, degraded: Source, scale: int, crop: int, seed: int = 0):
        self.crop = crop
        # places and order come from equal seeds, and are equal on grids of equal size
        self.sides = ImageCrops(clean, crop, seed, align=scale, flip=False), ImageCrops(degraded, crop // scale, seed, flip=False)
        names = [[file.stem for file in side.photos] for side in self.sides]
        if names[0] != names[1]:
            alone = sorted(set(names[0]) ^ set(names[1]))
            raise ValueError(f"{clean} and {degraded} must hold images of the same names, found {', '.join(alone[:3])} in one only")
        for hr, lr in zip(*(side.photos for side in self.sides)):
            large, small = size_of(hr), size_of(lr)
            if large != tuple(scale * n for n in small):
                raise ValueError(f"{hr}: {large[1]}x{large[0]} pixels, expected {scale} times the {small[1]}x{small[0]} of {lr}")

    @property
    def skipped(self) -> list[str]:
        return [line for side in self.sides for line in side.skipped]

    def __len__(self) -> int:
        return len(self.sides[0])

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.sides[0][index], self.sides[1][index]


def restoration_pairs(task: str, clean: Source, degrader: Degrader, scale: int, crop: int, seed: int):
    """Numbered pairs (clean, degraded) for "denoise", "sr" or "lowlight", degraded on the fly."""
    if task == "sr":
        return DegradedLowResolution(clean, scale, crop, seed, degrader)
    return PairedImages(clean, crop=crop, seed=seed, degrader=degrader)


def held_out_pairs(task: str, clean: Source, degraded: Source, scale: int, crop: int, seed: int):
    """Numbered pairs (clean, degraded) of two folders with equal names."""
    if task == "sr":
        return LowResolutionPairs(clean, degraded, scale, crop, seed)
    return PairedImages(clean, degraded, crop, seed)
