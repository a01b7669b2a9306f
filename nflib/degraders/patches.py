"""The hand-made baseline: noise that lies open in flat regions of degraded images, pasted on clean ones."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..domain import GaussianBlur
from ..images import as_images, empty_parts, list_images, read
from ..images.empty_parts import is_empty
from .degrader import AdditiveNoise, as_batch


class NoisePatches(AdditiveNoise):
    """Pieces of noise collected from degraded images, added to clean ones as they are: never flipped, never
    turned.

    As in Impressionism (Ji et al., Real-World Super-Resolution via Kernel Estimation and Noise Injection,
    CVPR workshops 2020). The noise does not depend on the content that it is added to, and what the
    degradation took away stays there.

    An image within the size of a patch gets a piece of one patch. On a larger one the patches overlap by
    half, and the squares of their weights sum to one at every pixel: neighbours are independent, so the
    variance is everywhere that of a patch.

    >>> photos = [torch.rand(3, 64, 64) * 0.8 + 0.1]
    >>> degrade = NoisePatches.collect(photos, size=16)
    >>> degrade.patches.shape, degrade(torch.full((3, 40, 40), 0.5)).shape
    (torch.Size([2, 3, 16, 16]), torch.Size([3, 40, 40]))

    Args:
        patches: (N, 3, size, size), size even, in units of the image range.

    Attributes:
        patches: see above.
        skipped: one line for each image that :meth:`collect` could not use.
    """

    # Of crops darker or brighter than this in a channel much of the noise is clipped off.
    DARKEST, BRIGHTEST = 0.06, 0.94

    def __init__(self, patches: Tensor):
        if (
            patches.dim() != 4
            or patches.shape[1] != 3
            or patches.shape[2] != patches.shape[3]
            or patches.shape[2] % 2
            or 0 in patches.shape
        ):
            raise ValueError(
                f"patches must be (N, 3, size, size) with an even size, got {tuple(patches.shape)}"
            )
        self.patches = patches
        self.skipped: tuple[str, ...] = ()

    @classmethod
    def collect(
        cls,
        degraded: str | os.PathLike | Sequence[Tensor],
        size: int = 64,
        share: float = 0.05,
        most: int = 512,
        blur: float = 2.5,
    ) -> NoisePatches:
        """The flattest crops of degraded images, less their mean colour.

        A crop is flat where it varies little after a blur. Its own variance would not do: where noise depends
        on the signal it picks the crops with the weakest noise.

        Args:
            degraded: a folder, or images (3, H, W) in [0, 1]. Images that cannot be read or are too small are
                left out.
            size: side of a patch in pixels, even. Crops are looked at every half size.
            share: of all crops that are neither too dark nor too bright nor constant in parts, how many are
                kept.
            most: patches that are kept at most.
            blur: deviation of the blur in pixels.

        Raises:
            ValueError: no crop can be used, or an argument is out of range.
        """
        if size < 2 or size % 2 or not 0 < share <= 1 or most < 1:
            raise ValueError(
                f"size must be even, share in (0, 1] and most at least 1, got {size}, {share} and {most}"
            )
        is_folder = isinstance(degraded, (str, os.PathLike))
        found: list[Any] = (
            list_images(degraded) if isinstance(degraded, (str, os.PathLike)) else list(degraded)
        )
        low_pass, skipped, crops = GaussianBlur(blur), [], 0
        best: list[tuple[float, Tensor]] = []
        for i, source in enumerate(found):
            name = source if is_folder else f"image {i}"
            try:
                image = read(source) if is_folder else as_images(source)[0]
            except ValueError as error:
                skipped.append(str(error))
                continue
            if min(image.shape[1:]) < size:
                skipped.append(
                    f"{name}: {image.shape[2]}x{image.shape[1]} pixels, expected at least {size}x{size}"
                )
                continue
            spread = cls._spread(image, size, low_pass)
            crops += int(spread.isfinite().sum())
            limit = best[-1][0] if len(best) == most else math.inf
            for k in spread.flatten().argsort(stable=True)[:most].tolist():
                row, column = divmod(k, spread.shape[1])
                if spread[row, column] >= limit:
                    break
                top, left = row * size // 2, column * size // 2
                piece = image[:, top : top + size, left : left + size]
                best.append((float(spread[row, column]), piece - piece.mean((1, 2), keepdim=True)))
            best = sorted(best, key=lambda entry: entry[0])[:most]
        if not crops:
            where = degraded if is_folder else "degraded"
            reason = (
                f"{len(skipped)} of {len(found)} images were left out, the first: {skipped[0]}"
                if skipped
                else "all are too dark, too bright or constant"
            )
            raise ValueError(f"{where}: found no crop of {size}x{size} pixels to use: {reason}")
        collected = cls(torch.stack([patch for _, patch in best[: max(1, round(share * crops))]]))
        collected.skipped = tuple(skipped)
        return collected

    @classmethod
    def _spread(cls, image: Tensor, size: int, low_pass: GaussianBlur) -> Tensor:
        """Variance of each crop after the blur, mean over channels, on the grid of crops; infinite for one
        that cannot be used.
        """

        def mean(x: Tensor) -> Tensor:
            return F.avg_pool2d(x, size, size // 2)

        image = image[None].double()
        smooth = low_pass(image)
        smooth = smooth - smooth.mean((2, 3), keepdim=True)
        variance = (mean(smooth.square()) - mean(smooth).square()).mean(1)
        usable = ((mean(image) >= cls.DARKEST) & (mean(image) <= cls.BRIGHTEST)).all(1)
        usable &= ~is_empty(empty_parts(image), size, size // 2)
        return torch.where(usable, variance, torch.inf)[0]

    def noise(self, clean: Tensor, generator: torch.Generator | None = None) -> Tensor:
        batch = as_batch(clean)
        size = self.patches.shape[-1]
        make = self._pieces if max(batch.shape[2:]) <= size else self._quilt
        height, width = batch.shape[2:]
        return make(len(batch), height, width, generator).to(batch).view_as(clean)

    def _pieces(self, n: int, height: int, width: int, generator: torch.Generator | None) -> Tensor:
        """(n, 3, height, width), each cut out of one patch."""
        return _cut(self.patches[_integers(len(self.patches), n, generator)], height, width, generator)

    def _quilt(self, n: int, height: int, width: int, generator: torch.Generator | None) -> Tensor:
        """(n, 3, height, width), patches that fade into each other on a grid that starts anywhere."""
        size = self.patches.shape[-1]
        step = size // 2
        rows, columns = (math.ceil((side - 1) / step) + 2 for side in (height, width))
        # sin^2 of the angle and, half a patch on, cos^2
        fade = torch.sin(math.pi * (torch.arange(size, dtype=torch.float64) + 0.5) / size)
        weights = (fade[:, None] * fade).to(self.patches)
        laid = (self.patches[_integers(len(self.patches), n * rows * columns, generator)] * weights).view(
            n, rows * columns, -1
        )
        quilt = F.fold(laid.transpose(1, 2), ((rows + 1) * step, (columns + 1) * step), size, stride=step)
        # nothing fades into the outermost half patches
        return _cut(quilt[:, :, step:-step, step:-step], height, width, generator)


def _cut(images: Tensor, height: int, width: int, generator: torch.Generator | None) -> Tensor:
    """(n, 3, H, W) -> (n, 3, height, width), from a random place in each."""
    places = (
        _integers(side - length + 1, len(images), generator).tolist()
        for side, length in zip(images.shape[2:], (height, width))
    )
    return torch.stack(
        [image[:, top : top + height, left : left + width] for image, top, left in zip(images, *places)]
    )


def _integers(high: int, n: int, generator: torch.Generator | None) -> Tensor:
    """n whole numbers from 0 to high - 1, on the CPU."""
    device = "cpu" if generator is None else generator.device
    return torch.randint(high, (n,), generator=generator, device=device).cpu()
