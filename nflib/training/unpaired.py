"""What all trainings on two folders without pairs share: the data, crops to start from, and what
validates."""

from __future__ import annotations

import csv
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Subset

from .. import checkpoints
from ..data import UnpairedImages
from ..images.jpeg import JPEG
from ..noise.local import strongest
from ..noise.strata import strata_error
from ..units import numbered_generator
from .folders import Folder, best
from .rehearsal import Rehearsal
from .tasks import Task

# The numbers of crops to start from begin far beyond those that training will see.
FAR, VALIDATION_CROPS = 10**9, 256
# Clean crops on which a start shows how strong its noise is.
LIMIT_CROPS = 128


class UnpairedTask(Task):
    """A task of a model that learns to degrade. Batches are (image, domain).

    Validation is not the likelihood: models of equal likelihood make different noise. It is the difference in
    dB between degraded clean crops and degraded ones, in dark and bright, flat and textured places
    (:func:`~nflib.noise.strata_error`). Batches of validation may have the number of each crop's photo, too.
    """

    together = 2  # a clean crop and a degraded one
    validation_unit = "dB between noises"

    def degraded(self, clean: Tensor, generator: torch.Generator) -> Tensor:
        """Clean crops as the averaged model degrades them, in the colours that degraded crops have in
        training.
        """
        made = self.averaged.degrade(clean, generator=generator)
        match = getattr(self.averaged, "match", None)
        return made if match is None else match(made)

    def noisy(self, item: Any) -> Tensor | None:
        return item[0] if int(item[1]) == 1 else None

    def example(self, image: Tensor) -> tuple[Tensor, Tensor]:
        return image, (torch.arange(len(image)) % 2 == 0).long()  # a single image is a degraded one

    def score(self, batches) -> float:
        batches = [self.transfer_batch_to_device(batch, self.device, 0) for batch in batches]
        images, domains, *photos = (torch.cat(parts) for parts in zip(*batches))
        generator = numbered_generator(self.seed, 0)
        fake = torch.cat([self.degraded(part, generator) for part in images[domains == 0].split(16)])
        known = [photo[domains == 1] for photo in photos]
        return strata_error(fake, images[domains == 1], *known).total


class ValidationCrops(Subset):
    """The first crops of unpaired images, each with the number of its photo: ``(image, domain, photo)``.

    >>> data = UnpairedImages([torch.zeros(3, 20, 30)], [torch.ones(3, 16, 16)], crop=8)
    >>> [part.shape for part in ValidationCrops(data, range(4))[3]]
    [torch.Size([3, 8, 8]), torch.Size([]), torch.Size([])]
    """

    dataset: UnpairedImages

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        number = self.indices[index]
        return *self.dataset[number], torch.tensor(self.dataset.photo(number))

    def __getitems__(self, indices: list[int]) -> list[tuple[Tensor, Tensor, Tensor]]:
        return [self[index] for index in indices]


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
    stage: JPEG | None = None,
    validation_stage: JPEG | None = None,
) -> tuple[UnpairedImages, ValidationCrops]:
    """Training and validation crops; without folders for validation, others of the training photos. Logs what
    is skipped.

    In training the clean photos have gone through ``stage``, the last of the degraded ones. In validation
    they have only where likelihoods are compared: a model that degrades them puts it back.

    Raises:
        ValueError: one of two validation folders, or a batch that cannot be half clean and half degraded.
    """
    if (validation_clean is None) != (validation_degraded is None):
        raise ValueError("validation needs both folders, clean and degraded, or none")
    if batch % 2:
        raise ValueError(f"batch must be even, half clean and half degraded, got {batch}")
    data = UnpairedImages(clean, degraded, crop, seed=seed, align=align, match=match, stage=stage)
    held_out = UnpairedImages(
        validation_clean or clean,
        validation_degraded or degraded,
        validation_crop,
        seed=seed + 1,
        align=align,
        match=match,
        stage=validation_stage,
        constant=stage is None,  # the degraded photos went through it, whatever the clean ones are shown
    )
    for line in (*data.skipped, *(held_out.skipped if validation_clean else ())):
        logging.getLogger(__name__).warning("skipped %s", line)
    return data, ValidationCrops(held_out, range(VALIDATION_CROPS))


def handed_back(done: Path | Rehearsal, start: str = "the start in closed form") -> Path | Rehearsal:
    """The best model of a training; a logged line says of which step it is and what the start, which it
    names, was worth.
    """
    file = best(done)
    if isinstance(file, Rehearsal) or file == done:
        return file
    notes = checkpoints.files.read_header(file).notes
    begun = notes["start"]["file"] if "start" in notes else start
    with file.with_name("metrics.csv").open(encoding="utf-8") as rows:
        first = next(csv.DictReader(rows))["validation"]
    logging.getLogger(__name__).warning(
        "%s", _said(notes["steps"], notes["validation"], float(first or "nan"), notes["unit"], begun)
    )
    return file


def _said(step: int, score: float, first: float, unit: str, start: str) -> str:
    if step == 0:
        return f"training did not improve on {start} ({first:.2f} {unit}); the start is handed back"
    return f"step {step} was best ({score:.2f} {unit}; {start} {first:.2f}); it is handed back"


@torch.no_grad()
def limit_noise(model: Any, data: UnpairedImages, *, seed: int) -> None:
    """Tell a started model, which has the noise of its folders in closed form, how strong that is at most on
    its own clean photos. Where it meets other content, it does not exceed that.
    """
    clean, _ = first_crops(data, LIMIT_CROPS)
    config, generator = model.config, numbered_generator(seed, 4)
    model.config = replace(config, last_stage="", most_noise=())
    noise = [model.degrade(part, generator=generator) for part in clean.split(16)]
    match = getattr(model, "match", None)
    noise = [part if match is None else match(part) for part in noise]
    model.config = replace(config, most_noise=strongest(torch.cat(noise) - clean))


def first_crops(data: UnpairedImages, n: int) -> tuple[Tensor, Tensor]:
    """n crops of each domain, clean and degraded, that training will not see: (n, 3, crop, crop) each."""
    clean, degraded = (torch.stack([data[2 * (FAR + i) + domain][0] for i in range(n)]) for domain in (0, 1))
    return clean, degraded
