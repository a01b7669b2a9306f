"""Training data of two domains: unpaired crops of clean and degraded photos, and pairs."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ..images import list_images
from .degrader import Degrader
from .folders import ImageCrops, Source, is_folder, numbered_generator, size_of


class UnpairedImages(Dataset):
    """Crops of clean and degraded photos in turn, that have nothing to do with each other: ``(image, domain)``.

    ``data[index]`` for any ``index >= 0`` is a (3, crop, crop) float32 tensor in [0, 1] and its domain, an int64 scalar:
    0, clean, for an even index and 1, degraded, for an odd one. So every batch of even size is balanced, however many
    photos there are of each. What an index stands for depends on the seed and the index alone, so workers and a resumed
    training change nothing. Photos that cannot be used are listed in ``skipped`` (see :class:`ImageCrops`).

    Args:
        clean, degraded: folders of any sizes and formats, or images (3, H, W) in [0, 1].
        crop: side in pixels.
        seed: of places, flips and order.
        align: corners lie on multiples of this many pixels.
        flip_degraded: also mirror degraded crops half of the time, as the published DeFlow does. Off by default: it
            turns diagonal noise into noise of both diagonals.
        match: applied to every degraded crop, such as a :class:`~nflib.data.ColourMatch` to the clean colours.
    """

    def __init__(
        self, clean: Source, degraded: Source, crop: int, seed: int = 0, align: int = 1, flip_degraded: bool = False,
        match: Callable[[Tensor], Tensor] | None = None,
    ):
        self.crop, self.seed, self.match = crop, seed, match
        # seeds of their own: equal ones would cut both folders at the same places, in the same order
        seeds = [int(s) for s in np.random.SeedSequence(seed).generate_state(2)]
        self.domains = (
            ImageCrops(clean, crop, seeds[0], align), ImageCrops(degraded, crop, seeds[1], align, flip=flip_degraded)
        )

    @property
    def skipped(self) -> list[str]:
        return [line for domain in self.domains for line in domain.skipped]

    def __len__(self) -> int:
        """Twice the larger folder: so many crops show every photo at least once."""
        return 2 * max(len(domain) for domain in self.domains)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        number, domain = divmod(index, 2)
        image = self.domains[domain][number]
        if domain and self.match is not None:
            image = self.match(image)
        return image, torch.tensor(domain)


class PairedImages(ImageCrops):
    """Pairs ``(clean, degraded)`` of crops, (3, crop, crop), float32 in [0, 1]: to train a restorer, or to score on.

    The degraded crop comes from a second folder, or from a degrader, which draws new noise every time a photo comes up.
    ``data[index]`` depends on the seed and the index alone. With a degrader the clean crop is mirrored half of the time,
    before it is degraded; pairs of two folders are never mirrored, for that would turn their noise.

    Args:
        clean: a folder of any sizes and formats, or images (3, H, W) in [0, 1].
        degraded: the degraded images of the same sizes, as a folder with the same file names (suffix aside), or in the
            same order. Clean files without a partner are left out and listed in ``skipped``.
        crop: side in pixels.
        seed: of places, flips, order and degradation.
        align: corners lie on multiples of this many pixels.
        degrader: makes (B, 3, crop, crop) of the like, every crop with a generator of its own.
        strength: told to the degrader.

    Raises:
        ValueError: not exactly one of degraded and degrader, nothing is left, or the degrader returns another shape.
    """

    def __init__(
        self, clean: Source, degraded: Source | None = None, crop: int = 64, seed: int = 0, align: int = 1, *,
        degrader: Degrader | None = None, strength: float = 1.0,
    ):
        if (degraded is None) == (degrader is None):
            raise ValueError("give either degraded or degrader")
        self.degraded, self.degrader, self.strength = degraded, degrader, strength
        super().__init__(clean, crop, seed, align, flip=degrader is not None)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: list[int]) -> list[tuple[Tensor, Tensor]]:
        """The pairs of a batch, degraded together where the degrader can do that."""
        crops = torch.stack([super(PairedImages, self).__getitem__(index) for index in indices])
        if self.degrader is None:
            return [(crop[:3], crop[3:]) for crop in crops]
        generators = [numbered_generator(self.seed, 2, index) for index in indices]
        degraded = self.degrader.each(crops, self.strength, generators)
        if degraded.shape != crops.shape:
            raise ValueError(f"the degrader made {tuple(degraded.shape)} of {tuple(crops.shape)}, expected the same shape")
        return list(zip(crops, degraded.to(crops)))

    def _found(self, source):
        clean = super()._found(source)
        if self.degraded is None:
            return clean
        degraded = super()._found(self.degraded)
        if is_folder(source) and is_folder(self.degraded):
            return self._by_name(clean, degraded)
        if len(clean) != len(degraded):
            raise ValueError(f"clean and degraded must have equally many images, got {len(clean)} and {len(degraded)}")
        return list(zip(clean, degraded))

    def _by_name(self, clean: list[Path], degraded: list[Path]) -> list[tuple[Path, Path]]:
        partners = {file.stem: file for file in degraded}
        alone = [file for file in clean if file.stem not in partners]
        self.skipped += [f"{file}: no {file.stem} in {os.fspath(self.degraded)}" for file in alone]
        return [(file, partners[file.stem]) for file in clean if file.stem in partners]

    def _usable(self, photo, number):
        if not isinstance(photo, tuple):
            return super()._usable(photo, number)
        return all(super(PairedImages, self)._usable(one, number) for one in photo) and self._same_size(photo)

    def _same_size(self, pair) -> bool:
        sizes = [sorted(size_of(one)) for one in pair]  # sorted: one of them may be turned by its EXIF data
        if sizes[0] != sizes[1]:
            self.skipped.append(mismatch(pair, *sizes))
        return sizes[0] == sizes[1]

    def _read(self, photo):
        """Of a pair, both on top of each other, (6, H, W)."""
        if not isinstance(photo, tuple):
            return super()._read(photo)
        pair = [super(PairedImages, self)._read(one) for one in photo]
        if pair[0].shape != pair[1].shape:
            raise ValueError(mismatch(photo, *(pixels.shape[1:] for pixels in pair)))
        return torch.cat(pair)


def mismatch(pair, clean, degraded) -> str:
    called = ("the clean image", "the degraded one")
    names = [str(one) if isinstance(one, Path) else name for one, name in zip(pair, called)]
    return f"{names[0]}: {clean[1]}x{clean[0]} pixels, but {names[1]} has {degraded[1]}x{degraded[0]}"
