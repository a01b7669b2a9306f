"""Crops in which there is something: where one is saturated or constant it gets what others have there."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..images.empty_parts import EMPTY_SHARE, empty_parts
from .folders import ImageCrops

# Whole blocks are replaced, so that windows and the blocks of JPEG and of flows are of one place each.
BLOCK = 16
# So many other crops are looked at; their numbers are far beyond those of others.
OTHERS, FAR = 12, 10**12


class FullCrops(ImageCrops):
    """Crops for what is learned of a noise, of which saturated and constant parts say nothing.

    A crop without such parts is that of :class:`ImageCrops`. Of another and twelve more, of any photos, the
    fullest is taken, and its empty blocks of 16x16 pixels are filled from the others, at the same place if
    one has something there. Photos that are empty all over remain so.

    >>> photo = torch.rand(3, 64, 96) * 0.8 + 0.1
    >>> photo[:, :, 40:] = 1  # a white background
    >>> crops = FullCrops([photo], crop=48)
    >>> max(float((crops[i] == 1).float().mean()) for i in range(5)) < 0.05
    True

    Attributes:
        constant: whether constant parts count as empty, as saturated ones do.
    """

    constant = True

    def __getitem__(self, index: int) -> Tensor:
        crop = super().__getitem__(index)
        empty = self._empty(crop)
        if not empty.any():
            return crop
        others = [ImageCrops.__getitem__(self, FAR + index * OTHERS + k) for k in range(OTHERS)]
        found = [(crop, empty), *((other, self._empty(other)) for other in others)]
        found.sort(key=lambda one: int(one[1].sum()))
        crop, empty = found[0]
        for other, lacking in found[1:]:
            if not empty.any():
                break
            crop = torch.where(empty & ~lacking, other, crop)
            empty = empty & lacking
        return self._patched(crop, empty, found) if empty.any() else crop

    def _patched(self, crop: Tensor, empty: Tensor, found: list[tuple[Tensor, Tensor]]) -> Tensor:
        """What is empty at the same place in all crops gets blocks of other places, each in turn."""
        places = range(0, self.crop - BLOCK + 1, BLOCK)
        full = [
            piece[:, top : top + BLOCK, left : left + BLOCK]
            for piece, lacking in found
            for top in places
            for left in places
            if not lacking[top, left]
        ]
        if not full:
            return crop
        crop, number = crop.clone(), 0
        for top in range(0, self.crop, BLOCK):
            for left in range(0, self.crop, BLOCK):
                if empty[top, left]:
                    hole = crop[:, top : top + BLOCK, left : left + BLOCK]
                    hole.copy_(full[number % len(full)][:, : hole.shape[1], : hole.shape[2]])
                    number += 1
        return crop

    def empty_share(self, crops: int) -> float:
        """Which share of crops is empty as they are cut, by some that no training sees."""
        pieces = [ImageCrops.__getitem__(self, FAR - 1 - k) for k in range(crops)]
        return sum(float(self._empty(piece).float().mean()) for piece in pieces) / crops

    def _empty(self, crop: Tensor) -> Tensor:
        """The pixels of empty blocks, (crop, crop)."""
        mask = empty_parts(crop[None], constant=self.constant).float()
        blocks = F.avg_pool2d(mask[:, None], BLOCK, ceil_mode=True)[0, 0] > EMPTY_SHARE
        height, width = crop.shape[1:]
        return blocks.repeat_interleave(BLOCK, 0).repeat_interleave(BLOCK, 1)[:height, :width]
