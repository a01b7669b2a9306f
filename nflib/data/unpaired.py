"""Training data of two domains: unpaired crops of clean and degraded photos, and pairs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from .folders import Source
from .full_crops import FullCrops

# In so many degraded crops constant parts are looked for; if these are more of them they are borders.
LOOKED, CONSTANT = 16, 0.01


class UnpairedImages(Dataset):
    """Crops of clean and degraded photos in turn, that have nothing to do with each other:
    ``(image, domain)``.

    ``data[index]`` for any ``index >= 0`` is a (3, crop, crop) float32 tensor in [0, 1] and its domain, an
    int64 scalar: 0, clean, for an even index and 1, degraded, for an odd one. So every batch of even size is
    balanced, however many photos there are of each. What an index stands for depends on the seed and the
    index alone, so workers and a resumed training change nothing. Photos that cannot be used are listed in
    ``skipped`` (see :class:`ImageCrops`). Saturated parts are filled from other places, and so are constant
    ones, in clean photos only if degraded ones have such, too (:class:`FullCrops`).

    >>> data = UnpairedImages([torch.zeros(3, 20, 30)], [torch.ones(3, 16, 16)], crop=8)
    >>> [(image.mean().item(), domain.item()) for image, domain in (data[6], data[7])]
    [(0.0, 0), (1.0, 1)]

    Args:
        clean, degraded: folders of any sizes and formats, or images (3, H, W) in [0, 1].
        crop: side in pixels.
        seed: of places, flips and order.
        align: corners lie on multiples of this many pixels.
        flip_degraded: also mirror degraded crops half of the time, as the published DeFlow does. Off by
            default: it turns diagonal noise into noise of both diagonals.
        match: applied to every degraded crop, such as a :class:`~nflib.data.ColourMatch` to the clean
            colours.
        stage: what whole clean photos go through, the last that happened to the degraded ones, such as
            :class:`~nflib.images.jpeg.JPEG`.
        constant: whether constant parts are borders or backgrounds, and filled; by default unless there is a
            stage, since JPEG makes constant blocks out of weak noise.
    """

    def __init__(
        self,
        clean: Source,
        degraded: Source,
        crop: int,
        *,
        seed: int = 0,
        align: int = 1,
        flip_degraded: bool = False,
        match: Callable[[Tensor], Tensor] | None = None,
        stage: Callable[[Tensor], Tensor] | None = None,
        constant: bool | None = None,
    ):
        self.crop, self.seed, self.match = crop, seed, match
        # seeds of their own: equal ones would cut both folders at the same places, in the same order
        seeds = [int(s) for s in np.random.SeedSequence(seed).generate_state(2)]
        self.domains = (
            FullCrops(clean, crop, seeds[0], align, stage=stage),
            FullCrops(degraded, crop, seeds[1], align, flip=flip_degraded),
        )
        constant = stage is None if constant is None else constant
        for domain in self.domains:
            domain.constant = constant
        self._looked = not constant

    @property
    def skipped(self) -> list[str]:
        return [line for domain in self.domains for line in domain.skipped]

    def __len__(self) -> int:
        """Twice the larger folder: so many crops show every photo at least once."""
        return 2 * max(len(domain) for domain in self.domains)

    def photo(self, index: int) -> int:
        """The number, in its folder, of the photo that a crop is cut from."""
        number, domain = divmod(index, 2)
        return self.domains[domain].photo(number)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        number, domain = divmod(index, 2)
        if not domain:
            self._look()
        image = self.domains[domain][number]
        if domain and self.match is not None:
            image = self.match(image)
        return image, torch.tensor(domain)

    def _look(self) -> None:
        """Constant parts of clean photos are surfaces like others, unless degraded ones have them, too."""
        if not self._looked:
            clean, degraded = self.domains
            degraded.constant = False
            saturated = degraded.empty_share(LOOKED)
            degraded.constant = True
            clean.constant = degraded.empty_share(LOOKED) - saturated > CONSTANT
            self._looked = True
