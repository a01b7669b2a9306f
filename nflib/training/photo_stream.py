"""Photos of a folder, or given ones, one at a time: for what looks at all of them and keeps none."""

from __future__ import annotations

import os
from typing import Any

import torch
from torch import Tensor

from ..data.folders import Source, size_of
from ..images import as_images, clipped_parts, list_images, read
from ..images.empty_parts import is_empty
from ..images.strips import strips
from ..noise.seen import SeenContent, windows
from ..noise.transfer import KNOTS, hats

# Colours are taken from means of so many pixels squared, in which there is less noise.
COARSE = 4


class PhotoStream:
    """Photos that are read when they are wanted; what cannot be read counts as empty.

    >>> photos = PhotoStream([torch.full((3, 40, 60), 0.5)])
    >>> len(photos), photos.sizes, photos.read(0).shape
    (1, [(40, 60)], torch.Size([3, 40, 60]))

    Args:
        source: a folder, or images (3, H, W) in [0, 1], or files.

    Attributes:
        photos: files or images.
        sizes: (height, width) of each.
        skipped: one line for each that could not be used.

    Raises:
        ValueError: there is no photo that can be read.
    """

    def __init__(self, source: Source):
        found: list[Any]
        if isinstance(source, (str, os.PathLike)):
            self.name, found = str(source), list_images(source)
        else:
            self.name, found = "source", list(source)
        self.skipped: list[str] = []
        self.sizes: list[tuple[int, int]] = []
        self.photos: list[Any] = []
        self._colours: dict[int, tuple[int, Tensor]] = {}
        self._windows: dict[int, tuple[Tensor, Tensor]] = {}
        for photo in found:
            try:
                self.sizes.append(size_of(photo))
                self.photos.append(photo)
            except ValueError as error:
                self.skipped.append(str(error))
        if not self.photos:
            first = f"; the first: {self.skipped[0]}" if self.skipped else ""
            raise ValueError(f"{self.name}: none of {len(found)} images could be read{first}")

    def __len__(self) -> int:
        return len(self.photos)

    def read(self, number: int) -> Tensor:
        """(3, H, W) in [0, 1], or (3, 0, 0) if it turns out that it cannot be read."""
        photo = self.photos[number]
        try:
            image = as_images(photo)[0] if isinstance(photo, Tensor) else read(photo)
        except ValueError as error:
            if str(error) not in self.skipped:
                self.skipped.append(str(error))
            return torch.zeros(3, 0, 0)
        if number not in self._colours:
            self._colours[number] = _colours(image)
            self._windows[number] = windows(image)
        return image

    @property
    def colours(self) -> Tensor:
        """How often the values of the photos read so far lie at each knot of curves, (3, knots); what is
        saturated does not count.
        """
        total = sum(count for count, _ in self._colours.values())
        return torch.stack([count / total * found for count, found in self._colours.values()]).sum(0)

    @property
    def seen(self) -> SeenContent | None:
        """What the photos read so far show; None if all are small."""
        return SeenContent.of_windows(self._windows.values())


def _colours(image: Tensor) -> tuple[int, Tensor]:
    """The number of places of an image that are not saturated, of all if they all are; and how often their
    values lie at each knot of curves, (3, knots).
    """
    side = min(COARSE, *image.shape[1:])
    height = image.shape[1] // side * side
    for whole in (False, True):
        total, count = torch.zeros(3, KNOTS, dtype=torch.float64), 0
        for rows in strips(height, KNOTS * image.shape[2] // side**2 + 1, multiple=side):
            coarse = torch.nn.functional.avg_pool2d(image[:, rows], side).flatten(1)
            full = ~is_empty(clipped_parts(image[None, :, rows]), side).flatten() | whole
            total += hats(coarse[:, full]).double().sum(1)
            count += int(full.sum())
        if count:
            break
    return count, (total / count).to(image)
