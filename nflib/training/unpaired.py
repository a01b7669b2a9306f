"""What all trainings on two folders without pairs share: the data, crops to start from, and what
validates."""

from __future__ import annotations

import logging
from collections.abc import Callable

import torch
from torch import Tensor
from torch.utils.data import Subset

from ..data import UnpairedImages
from ..metrics import spectrum_error
from ..units import numbered_generator
from .folders import Folder
from .tasks import Task

FLATTEST = 1 / 3
# The numbers of crops to start from begin far beyond those that training will see.
FAR, VALIDATION_CROPS = 10**9, 256


class UnpairedTask(Task):
    """A task of a model that learns to degrade. Batches are (image, domain).

    Validation is not the likelihood: models of equal likelihood make different noise. It is the difference in
    dB between the spectra of degraded clean crops and of degraded ones, in their flattest windows.
    """

    together = 2  # a clean crop and a degraded one
    validation_unit = "dB between noise spectra"

    def degraded(self, clean: Tensor, generator: torch.Generator) -> Tensor:
        """Clean crops as the averaged model degrades them, in the colours that degraded crops have in
        training.
        """
        return self.averaged.degrade(clean, generator=generator)

    def example(self, image: Tensor) -> tuple[Tensor, Tensor]:
        return image, (torch.arange(len(image)) % 2 == 0).long()  # a single image is a degraded one

    def score(self, batches) -> float:
        batches = [self.transfer_batch_to_device(batch, self.device, 0) for batch in batches]
        images, domains = (torch.cat(parts) for parts in zip(*batches))
        generator = numbered_generator(self.seed, 0)
        fake = torch.cat([self.degraded(part, generator) for part in images[domains == 0].split(16)])
        return spectrum_error(fake, images[domains == 1], FLATTEST).item()


def unpaired_folders(
    clean: Folder,
    degraded: Folder,
    validation_clean: Folder | None,
    validation_degraded: Folder | None,
    *,
    crop: int,
    validation_crop: int,
    batch: int,
    seed: int,
    align: int = 1,
    match: Callable[[Tensor], Tensor] | None = None,
) -> tuple[UnpairedImages, Subset]:
    """Training and validation crops; without folders for validation, others of the training photos. Logs what
    is skipped.

    Raises:
        ValueError: one of two validation folders, or a batch that cannot be half clean and half degraded.
    """
    if (validation_clean is None) != (validation_degraded is None):
        raise ValueError("validation needs both folders, clean and degraded, or none")
    if batch % 2:
        raise ValueError(f"batch must be even, half clean and half degraded, got {batch}")
    data = UnpairedImages(clean, degraded, crop, seed=seed, align=align, match=match)
    held_out = UnpairedImages(
        validation_clean or clean,
        validation_degraded or degraded,
        validation_crop,
        seed=seed + 1,
        align=align,
        match=match,
    )
    for line in (*data.skipped, *(held_out.skipped if validation_clean else ())):
        logging.getLogger(__name__).warning("skipped %s", line)
    return data, Subset(held_out, range(VALIDATION_CROPS))


def first_crops(data: UnpairedImages, n: int) -> tuple[Tensor, Tensor]:
    """n crops of each domain, clean and degraded, that training will not see: (n, 3, crop, crop) each."""
    clean, degraded = (torch.stack([data[2 * (FAR + i) + domain][0] for i in range(n)]) for domain in (0, 1))
    return clean, degraded
