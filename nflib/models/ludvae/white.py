"""The white noise that LUD-VAE's draws are made of, for images of any size."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ...units import numbered_generator, randn

# Pixels of an image whose noise is drawn as a whole; of a larger one it would be most of the memory.
WHOLE = 2**20
# Side of the blocks in which it is drawn there.
BLOCK = 128


class WhiteNoise:
    """Layers of white noise for an image, of which windows can be cut. Every window of a place has the same
    numbers, whatever its size.

    Images of up to a megapixel get their numbers from the generator at once. Larger ones get them in blocks,
    each when it is wanted, from a generator of its own place, which the generator has seeded.

    >>> noise = WhiteNoise((1, 2, 1500, 1000), layers=3, like=torch.zeros(()))
    >>> part = noise.cut(lambda whole: whole[..., 600:700, 10:40])
    >>> len(part), part[0].shape
    (3, torch.Size([1, 2, 100, 30]))

    Args:
        shape: (B, C, H, W) of a layer.
        layers: how many.
        like: a tensor with their dtype and device.
        generator: same seed, same noise.
    """

    def __init__(
        self, shape: tuple[int, ...], layers: int, like: Tensor, generator: torch.Generator | None = None
    ):
        self.shape, self.layers, self.like = shape, layers, like
        self._whole: list[Tensor] | None = None
        if shape[2] * shape[3] <= WHOLE:
            self._whole = [randn(shape, like, generator) for _ in range(layers)]
        else:
            device = "cpu" if generator is None else generator.device
            self._seed = int(torch.randint(2**62, (), generator=generator, device=device))

    def cut(self, window: Callable[[Tensor], Tensor]) -> list[Tensor]:
        """The layers in a window: what cuts it out of any map of the image."""
        if self._whole is not None:
            return [window(layer) for layer in self._whole]
        height, width = self.shape[2:]
        down = window(torch.arange(height)[:, None].expand(height, width))
        across = window(torch.arange(width).expand(height, width))
        top, left = int(down[0, 0]), int(across[0, 0])
        return [self._part(layer, top, left, *down.shape) for layer in range(self.layers)]

    def _part(self, layer: int, top: int, left: int, height: int, width: int) -> Tensor:
        part = self.like.new_empty(*self.shape[:2], height, width)
        for row in range(top // BLOCK, (top + height - 1) // BLOCK + 1):
            for column in range(left // BLOCK, (left + width - 1) // BLOCK + 1):
                block = self._block(layer, row, column)
                y, x = row * BLOCK - top, column * BLOCK - left  # of the block in the part
                inside = part[..., max(y, 0) : y + BLOCK, max(x, 0) : x + BLOCK]
                skipped = block[..., max(-y, 0) :, max(-x, 0) :]
                inside.copy_(skipped[..., : inside.shape[-2], : inside.shape[-1]])
        return part

    def _block(self, layer: int, row: int, column: int) -> Tensor:
        return randn(
            (*self.shape[:2], BLOCK, BLOCK),
            self.like,
            numbered_generator(self._seed, layer, row, column),
        )
