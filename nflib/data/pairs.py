"""Numbered pairs of a clean and a degraded crop: of two folders, or made by a degrader while training."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

import torch
from torch import Tensor

from ..images.arrays import as_8_bits
from ..images.listing import root_of
from ..images.pairing import partners, relative
from ..units import numbered_generator
from .folders import ImageCrops, Source, SuperResolutionImages, is_folder, size_of


class Degrades(Protocol):
    """What pairs ask of a degrader (:class:`nflib.degraders.Degrader`)."""

    def each(self, clean: Tensor, strength: float, generators: Sequence[torch.Generator]) -> Tensor: ...


class _Called:
    """A plain function as what pairs ask of a degrader."""

    def __init__(self, function: Callable[..., Tensor]):
        self.function = function

    def each(self, clean: Tensor, strength: float, generators: Sequence[torch.Generator]) -> Tensor:
        images = zip(clean.split(1), generators, strict=True)
        return as_8_bits(torch.cat([self.function(image, strength, one) for image, one in images]))


def _degrades(degrader: Degrades | Callable[..., Tensor]) -> Degrades:
    """The degrader itself, or a function in the shape of one."""
    if hasattr(degrader, "each"):
        return cast("Degrades", degrader)
    if not callable(degrader):
        raise ValueError(
            "degrader must be a Degrader or a function f(clean, strength, generator), got "
            f"{type(degrader).__name__}; nflib.degraders.load makes one of a name"
        )
    return _Called(degrader)


class PairedImages(ImageCrops):
    """Pairs ``(clean, degraded)`` of crops, (3, crop, crop), float32 in [0, 1]: to train a restorer, or to
    score on.

    The degraded crop comes from a second folder, or from a degrader, which draws new noise every time a photo
    comes up. ``data[index]`` depends on the seed and the index alone. With a degrader the clean crop is
    mirrored half of the time, before it is degraded; pairs of two folders are never mirrored, for that would
    turn their noise. Crops of grey photos get grey noise, that of the green channel. ``len(data)`` is the
    number of photos: a pass takes one crop of each, and indices beyond it go on with other crops.

    >>> from nflib.degraders import White
    >>> clean, degraded = PairedImages([torch.rand(3, 20, 30)], crop=8, degrader=White(0.1))[5]
    >>> clean.shape == degraded.shape, torch.equal(clean, degraded)
    (True, False)

    Args:
        clean: a folder of any sizes and formats, or images (3, H, W) in [0, 1].
        degraded: the degraded images of the same sizes, as a folder with the same file names (suffix aside),
            or in the same order. Clean files without a partner are left out and listed in ``skipped``.
        crop: side in pixels.
        seed: of places, flips, order and degradation.
        align: corners lie on multiples of this many pixels.
        degrader: makes (B, 3, crop, crop) of the like, every crop with a generator of its own. A plain
            function is called ``f(crop, strength, generator)`` with (1, 3, crop, crop); what it returns is
            rounded to 8 bits.
        strength: told to the degrader; a range (low, high) is drawn from anew for every crop.

    Raises:
        ValueError: not exactly one of degraded and degrader, no range, nothing is left, or the degrader
            returns another shape.
    """

    def __init__(
        self,
        clean: Source,
        degraded: Source | None = None,
        crop: int = 64,
        *,
        seed: int = 0,
        align: int = 1,
        degrader: Degrades | Callable[..., Tensor] | None = None,
        strength: float | tuple[float, float] = 1.0,
    ):
        if (degraded is None) == (degrader is None):
            raise ValueError("give either degraded or degrader")
        if isinstance(strength, tuple) and not 0 <= strength[0] <= strength[1] < math.inf:
            raise ValueError(f"strength must be a range from low to high, 0 or more, got {strength}")
        self.degraded, self.strength = degraded, strength
        self.degrader = None if degrader is None else _degrades(degrader)
        super().__init__(clean, crop, seed, align, flip=degrader is not None)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: list[int]) -> list[tuple[Tensor, Tensor]]:
        """The pairs of a batch, degraded together where the degrader can do that."""
        crops = torch.stack([super(PairedImages, self).__getitem__(index) for index in indices])
        if self.degrader is None:
            return [(crop[:3], crop[3:]) for crop in crops]
        generators = [numbered_generator(self.seed, 2, index) for index in indices]
        degraded = self._degraded(self.degrader, crops, generators)
        if degraded.shape != crops.shape:
            raise ValueError(
                f"the degrader made {tuple(degraded.shape)} of {tuple(crops.shape)}, expected the same shape"
            )
        return list(zip(crops, self._as_grey(degraded.to(crops), indices)))

    def _degraded(self, degrader: Degrades, crops: Tensor, generators: list[torch.Generator]) -> Tensor:
        if not isinstance(self.strength, tuple):
            return degrader.each(crops, self.strength, generators)
        low, high = self.strength
        return torch.cat(
            [
                degrader.each(crop[None], low + (high - low) * torch.rand((), generator=one).item(), [one])
                for crop, one in zip(crops, generators, strict=True)
            ]
        )

    def _found(self, source: Source) -> list:
        clean = super()._found(source)
        if self.degraded is None:
            return clean
        degraded = super()._found(self.degraded)
        if is_folder(source) and is_folder(self.degraded):
            return self._by_name(cast("Path", source), clean, degraded)
        if len(clean) != len(degraded):
            raise ValueError(
                f"clean and degraded must have equally many images, got {len(clean)} and {len(degraded)}"
            )
        return list(zip(clean, degraded))

    def _by_name(self, source: Path, clean: list[Path], degraded: list[Path]) -> list[tuple[Path, Path]]:
        folder = root_of(cast("Path", self.degraded))
        named, others = relative(clean, root_of(source)), relative(degraded, folder)
        pairs = []
        for name, found in partners([*named], [*others]).items():
            if len(found) == 1:
                pairs.append((named[name], others[found[0]]))
            else:
                what = f"{len(found)} files called" if found else "no"
                self.skipped.append(f"{named[name]}: {what} {name.with_suffix('')} in {folder}")
        return pairs

    def _usable(self, photo: Any, number: int) -> bool:
        if not isinstance(photo, tuple):
            return super()._usable(photo, number)
        return all(super(PairedImages, self)._usable(one, number) for one in photo) and self._same_size(photo)

    def _same_size(self, pair) -> bool:
        sizes = [sorted(size_of(one)) for one in pair]  # sorted: one of them may be turned by its EXIF data
        if sizes[0] != sizes[1]:
            self.skipped.append(mismatch(pair, *sizes))
        return sizes[0] == sizes[1]

    def _read(self, photo: Any) -> Tensor:
        """The two photos of a pair on top of each other, (6, H, W)."""
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


class DegradedLowResolution(SuperResolutionImages):
    """Pairs ``(hr, lr)`` of :class:`~nflib.data.SuperResolutionImages`, the low-resolution crop degraded anew
    every time.

    >>> from nflib.degraders import White
    >>> photos = [torch.rand(3, 20, 30)]
    >>> hr, lr = DegradedLowResolution(photos, scale=2, crop=8, seed=0, degrader=White(0.1))[5]
    >>> hr.shape, lr.shape
    (torch.Size([3, 8, 8]), torch.Size([3, 4, 4]))

    Args:
        source, scale, crop, seed: as there.
        degrader: makes (B, 3, crop/scale, crop/scale) of the like, every crop with a generator of its own, or
            a function as there.
    """

    def __init__(
        self,
        source: Source,
        scale: int,
        crop: int,
        *,
        seed: int,
        degrader: Degrades | Callable[..., Tensor],
    ):
        self.degrader = _degrades(degrader)
        super().__init__(source, scale, crop, seed)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: list[int]) -> list[tuple[Tensor, Tensor]]:
        """The pairs of a batch, degraded together where the degrader can do that."""
        hr, lr = map(
            torch.stack, zip(*(super(DegradedLowResolution, self).__getitem__(index) for index in indices))
        )
        generators = [numbered_generator(self.seed, 2, index) for index in indices]
        return list(zip(hr, self._as_grey(self.degrader.each(lr, 1.0, generators), indices)))


class LowResolutionPairs(torch.utils.data.Dataset):
    """Pairs ``(hr, lr)`` of crops from two folders, the images of the second a whole number of times smaller;
    to validate on.

    >>> from tempfile import TemporaryDirectory
    >>> from nflib.images import write
    >>> with TemporaryDirectory() as large, TemporaryDirectory() as small:
    ...     write(Path(large) / "photo.png", torch.rand(3, 16, 16))
    ...     write(Path(small) / "photo.png", torch.rand(3, 8, 8))
    ...     hr, lr = LowResolutionPairs(large, small, scale=2, crop=12)[0]
    >>> hr.shape, lr.shape
    (torch.Size([3, 12, 12]), torch.Size([3, 6, 6]))

    Args:
        clean: folder of high-resolution images.
        degraded: folder of low-resolution ones with the same file names, suffix aside.
        scale: by how much the high resolution is higher.
        crop: side of the high-resolution crop in pixels, a multiple of the scale.
        seed: of places and order.

    Raises:
        ValueError: names or sizes do not fit together.
    """

    def __init__(self, clean: Source, degraded: Source, scale: int, *, crop: int, seed: int = 0):
        self.crop = crop
        # places and order come from equal seeds, and are equal on grids of equal size
        self.sides = (
            ImageCrops(clean, crop, seed, align=scale, flip=False),
            ImageCrops(degraded, crop // scale, seed, flip=False),
        )
        names = [[file.stem for file in side.photos] for side in self.sides]
        if names[0] != names[1]:
            alone = sorted(set(names[0]) ^ set(names[1]))
            raise ValueError(
                f"{clean} and {degraded} must hold images of the same names, found "
                f"{', '.join(alone[:3])} in one only"
            )
        for hr, lr in zip(*(side.photos for side in self.sides)):
            large, small = size_of(hr), size_of(lr)
            if large != tuple(scale * n for n in small):
                raise ValueError(
                    f"{hr}: {large[1]}x{large[0]} pixels, expected {scale} times the "
                    f"{small[1]}x{small[0]} of {lr}"
                )

    @property
    def skipped(self) -> list[str]:
        return [line for side in self.sides for line in side.skipped]

    def __len__(self) -> int:
        return len(self.sides[0])

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.sides[0][index], self.sides[1][index]
