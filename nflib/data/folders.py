"""Training crops from folders of photos of any size and format. What crop a number stands for
never changes."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from ..images import as_images, list_images, read, resize
from ..images.files import stored_size
from ..images.strips import strips
from ..units import numbered_generator
from .kept import Kept

Source = str | os.PathLike | Sequence[Tensor] | Sequence[Path]


class ImageCrops(Dataset):
    """Random square crops, flipped left to right half of the time, rounded to 8 bits.

    ``crops[index]`` for any ``index >= 0`` is a (3, crop, crop) float32 tensor in [0, 1] that depends on the
    seed and the index alone. Every photo is used once before any is used again. Photos that are too small or
    cannot be read are skipped; ``skipped`` has one line for each. One that turns out broken when its pixels
    are wanted is logged once and stood in for.

    >>> crops = ImageCrops([torch.rand(3, 20, 30)], crop=8, seed=1)
    >>> crops[5].shape, torch.equal(crops[5], crops[5])
    (torch.Size([3, 8, 8]), True)

    Decoded photos stay in memory while there is room: 2 GiB for all data sets and all processes of a job.

    Args:
        source: a folder, or images (3, H, W) in [0, 1], or files.
        crop: side in pixels.
        seed: of places, flips and order.
        align: corners lie on multiples of this many pixels.
        flip: False leaves every crop as it lies in the photo.
        stage: what whole photos go through first, such as :class:`~nflib.images.jpeg.JPEG`.

    Attributes:
        bytes: of all its photos, decoded.

    Raises:
        ValueError: nothing is left.
    """

    def __init__(
        self,
        source: Source,
        crop: int,
        seed: int = 0,
        align: int = 1,
        flip: bool = True,
        *,
        stage: Callable[[Tensor], Tensor] | None = None,
    ):
        if crop < 1 or align < 1:
            raise ValueError(f"crop and align must be at least 1, got {crop} and {align}")
        self.crop, self.seed, self.align, self.flip = crop, seed, align, flip
        self.stage = stage
        self.skipped: list[str] = []
        self.bytes = 0
        self._kept = Kept()
        self._broken: set[int] = set()
        self._grey: dict[int, bool] = {}
        found = self._found(source)
        self.photos = [photo for i, photo in enumerate(found) if self._usable(photo, i)]
        if not self.photos:
            first = f"; the first: {self.skipped[0]}" if self.skipped else ""
            raise ValueError(
                f"{source if is_folder(source) else 'source'}: none of {len(found)} images can be used{first}"
            )

    def __len__(self) -> int:
        return len(self.photos)

    def photo(self, index: int) -> int:
        """The number of the photo that a crop is cut from, unless it cannot be read."""
        return self._chosen(index)

    def __getitem__(self, index: int) -> Any:
        generator = numbered_generator(self.seed, 1, index)
        pixels = self._pixels(self._chosen(index))
        top, left = self._corner(pixels.shape, generator)
        flip = bool(torch.rand((), generator=generator) < 0.5) and self.flip
        return self._finished(pixels, top, left, flip)

    def _corner(self, shape, generator: torch.Generator) -> tuple[int, int]:
        places = [(side - self.crop) // self.align + 1 for side in shape[1:]]
        top, left = (self.align * int(torch.randint(n, (), generator=generator)) for n in places)
        return top, left

    def _finished(self, pixels: Tensor, top: int, left: int, flip: bool) -> Any:
        piece = pixels[:, top : top + self.crop, left : left + self.crop].float() / 255
        return piece.flip(-1) if flip else piece

    def _chosen(self, index: int) -> int:
        round_, place = divmod(index, len(self.photos))
        return int(
            torch.randperm(len(self.photos), generator=numbered_generator(self.seed, 0, round_))[place]
        )

    def _pixels(self, photo: int) -> Tensor:
        """(3, H, W), uint8, of the photo or of the next one that can be read."""
        for i in range(len(self.photos)):
            number = (photo + i) % len(self.photos)
            if number in self._kept:
                self._grey[photo] = self._grey[number]
                return self._kept[number]
            if number in self._broken:
                continue
            try:
                pixels = self._read(self.photos[number])
            except ValueError as error:
                self._broken.add(number)
                logging.getLogger(__name__).warning("skipped %s", error)
                continue
            self._grey[photo] = self._grey[number] = bool((pixels[1:3] == pixels[:1]).all())
            self._kept.add(number, pixels)
            return pixels
        raise ValueError(
            f"none of {len(self.photos)} images can be read any more; the first: {self.photos[0]}"
        )

    def _as_grey(self, degraded: Tensor, indices: Sequence[int]) -> Tensor:
        """Degraded crops (B, 3, h, w); those of photos that are grey all over have the green channel, with
        the noise of a channel, in all three.
        """
        grey = torch.tensor([self._grey[self._chosen(index)] for index in indices], device=degraded.device)
        return torch.where(grey[:, None, None, None], degraded[:, 1:2], degraded)

    def _found(self, source: Source) -> list:
        return list_images(source) if isinstance(source, (str, os.PathLike)) else list(source)

    def _read(self, photo: Path | Tensor) -> Tensor:
        image = as_images(photo)[0] if isinstance(photo, Tensor) else read(photo)
        if min(image.shape[1:]) < self.crop:
            raise ValueError(
                f"{photo}: {image.shape[2]}x{image.shape[1]} pixels, expected at least "
                f"{self.crop}x{self.crop}"
            )
        image = image if self.stage is None else self.stage(image)
        levels = torch.empty(image.shape, dtype=torch.uint8)
        for rows in strips(*image.shape[1:]):
            levels[:, rows] = (image[:, rows] * 255).round()
        return levels

    def _usable(self, photo: Path | Tensor, number: int) -> bool:
        name = f"image {number}" if isinstance(photo, Tensor) else photo
        try:
            height, width = size_of(photo)
        except ValueError as error:
            self.skipped.append(str(error))
            return False
        if min(height, width) < self.crop:
            self.skipped.append(f"{name}: {width}x{height} pixels, expected at least {self.crop}x{self.crop}")
            return False
        self.bytes += 3 * height * width
        return True


class SuperResolutionImages(ImageCrops):
    """Pairs ``(hr, lr)`` of aligned crops, (3, crop, crop) and (3, crop/scale, crop/scale), both of 8 bits in
    [0, 1].

    The low-resolution crop is cut from the low-resolution version of the whole photo
    (:func:`nflib.images.resize`, rounded to 8 bits, as the papers do), so its border knows what is beyond it.
    Corners lie on the low-resolution grid.

    >>> hr, lr = SuperResolutionImages([torch.rand(3, 20, 30)], scale=2, crop=8)[5]
    >>> hr.shape, lr.shape
    (torch.Size([3, 8, 8]), torch.Size([3, 4, 4]))

    Args:
        source: a folder, or images (3, H, W) in [0, 1].
        scale: by how much the high resolution is higher.
        crop: side of the high-resolution crop in pixels, a multiple of the scale.
        seed: of places, flips and order.
    """

    REACH = 4  # low-resolution pixels around the crop that the bicubic kernel may see (it needs two)

    def __init__(self, source, scale: int, crop: int, seed: int = 0):
        if scale < 1 or crop % scale:
            raise ValueError(f"crop must be a multiple of the scale, got crop {crop} and scale {scale}")
        self.scale = scale
        super().__init__(source, crop, seed, align=scale)

    def _finished(self, pixels: Tensor, top: int, left: int, flip: bool) -> tuple[Tensor, Tensor]:
        side, reach = self.crop // self.scale, self.REACH * self.scale
        # the photo ends at the last whole low-resolution pixel
        height, width = (n // self.scale * self.scale for n in pixels.shape[1:])
        above, before = max(top - reach, 0), max(left - reach, 0)
        below, after = min(top + self.crop + reach, height), min(left + self.crop + reach, width)
        window = pixels[:, above:below, before:after].float() / 255
        small = (resize(window, 1 / self.scale).clamp(0, 1) * 255).round() / 255
        y, x = (top - above) // self.scale, (left - before) // self.scale
        lr = small[:, y : y + side, x : x + side]
        return super()._finished(pixels, top, left, flip), lr.flip(-1) if flip else lr


def is_folder(source: Source) -> bool:
    return isinstance(source, (str, os.PathLike))


def size_of(photo: Path | Tensor) -> tuple[int, int]:
    """Height and width as stored; an EXIF rotation may exchange those of a file."""
    if isinstance(photo, Tensor):
        height, width = photo.shape[-2:]
        return height, width
    return stored_size(photo)
