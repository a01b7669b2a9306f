"""Two folders looked over before a training: what is in them, how they differ, and what would go wrong."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from .. import __version__, units
from ..costs.memory import TrainingMemory, training_memory
from ..costs.workloads import image_shape
from ..domain import Compose, Leak, leak, parse, spell
from ..files import write_json
from ..images import read
from ..models.deflow.config import usual_h
from ..noise import FolderTraces, find_jpeg_in_folder
from ..training.deflow import USUAL as DEFLOW
from ..training.deflow import deflow_config
from .findings import (
    LEVELS,
    Finding,
    of_both,
    of_count,
    of_folder,
    of_jpeg,
    of_leaks,
    of_order,
    verdict,
)
from .noise import CHANNELS
from .photo_facts import FolderFacts, PhotoFacts, folder_facts, same_scene

# What the leak test looks at: enough to tell, and done in a minute.
LEAK_PHOTOS, LEAK_SIDE, LEAK_CROP, LEAK_CROPS, RELABELLINGS = 40, 512, 16, 640, 100
LARGEST_CROP = 2**15  # beyond the sides of photos
FEW_CROPS = 50  # with less in a folder, no tree grows
WIDE_GAP = 64 / 255  # an interval wider than this says nothing


class Gap(NamedTuple):
    """Mean of the degraded photos less that of the clean ones, for one channel, in units of the image range.

    ``low`` and ``high`` bound it with 95 % confidence, by the spread between photos (Welch); None with less
    than two.

    >>> gap = Gap(difference=0.02, low=-0.01, high=0.05)
    >>> gap.low < 0 < gap.high  # it may be chance
    True
    """

    difference: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Inspection:
    """What :func:`inspect` found.

    >>> from pathlib import Path
    >>> from nflib.pipeline import FolderFacts
    >>> nothing = FolderFacts(Path("photos"), (), ())
    >>> found = Inspection(nothing, nothing, (Finding("error", "no photos"),), {}, {}, {}, {}, {})
    >>> found.verdict
    'do not train: no photos'

    Attributes:
        clean, degraded: what is in the folders.
        findings: in words.
        gaps: "red", "green", "blue" -> :class:`Gap`.
        leaks: "photos", "h" and "control" -> :class:`~nflib.domain.Leak` between the domains before and after
            h, and between h of two halves of the clean photos; empty where there were too few.
        memory: model and crops of a batch -> what training takes; "full" is as large as the published models,
            "small" is left out where no photo is as large as a crop.
        settings: the arguments.
        jpeg: "clean", "degraded" -> what up to twelve of their photos say about JPEG.
    """

    clean: FolderFacts
    degraded: FolderFacts
    findings: tuple[Finding, ...]
    gaps: dict[str, Gap]
    leaks: dict[str, Leak]
    memory: dict[str, TrainingMemory]
    settings: dict
    jpeg: dict[str, FolderTraces]

    @property
    def verdict(self) -> str:
        """One line: "train", "train, but mind: ..." or "do not train: ..."."""
        return verdict(self.findings)

    @property
    def errors(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.level == "error")

    def save(self, path: str | Path) -> None:
        """Write as JSON."""
        folders = {}
        for name, facts in (("clean", self.clean), ("degraded", self.degraded)):
            keys = ("kind", "height", "width", "low", "high")
            photos = {photo.file.name: {key: getattr(photo, key) for key in keys} for photo in facts.photos}
            folders[name] = {
                "folder": str(facts.folder),
                "statistics": asdict(facts.statistics),
                "kinds": dict(facts.kinds),
                "skipped": list(facts.skipped),
                "photos": photos,
            }
        memory = {
            name: {**one._asdict(), "low": one.low, "high": one.high} for name, one in self.memory.items()
        }
        write_json(
            Path(path),
            {
                "nflib": __version__,
                "settings": self.settings,
                "unit": "image range [0, 1]",
                "verdict": self.verdict,
                "findings": [finding._asdict() for finding in self.findings],
                "jpeg": {name: {"found": str(one), **one.counts} for name, one in self.jpeg.items()},
                **folders,
                "gaps": {name: gap._asdict() for name, gap in self.gaps.items()},
                "leaks": {name: found._asdict() for name, found in self.leaks.items()},
                "memory_bytes": memory,
            },
        )


def inspect(
    clean: str | Path, degraded: str | Path, *, h: Compose | str = usual_h(4), crop: int = 64, seed: int = 0
) -> Inspection:
    """Look two folders over before a DeFlow is trained on them.

    Args:
        clean, degraded: folders of photos, unpaired.
        h: the map that makes the condition, of :mod:`nflib.domain` or its text, as for
            :func:`nflib.training.train_deflow`.
        crop: side of the training crops in pixels.
        seed: of the noise and of the leak test.

    Raises:
        ValueError: a folder is not there or nothing in it can be read, or the settings make no sense.
    """
    h = parse(h) if isinstance(h, str) else h
    if any(getattr(step, "has_weights", False) for step in h.maps):
        raise ValueError(
            f"h: {spell(h)} has a network that is trained with the model; look the folders over with "
            "another h"
        )
    if not 1 <= crop <= LARGEST_CROP:
        raise ValueError(f"crop must be from 1 to {LARGEST_CROP}, got {crop!s:.60}")
    for size, batch, side in _batches(crop):
        image_shape(deflow_config(size, h), batch, side)
    x, y = folder_facts(clean), folder_facts(degraded)
    jpeg = {
        name: find_jpeg_in_folder([photo.file for photo in facts.photos])
        for name, facts in (("clean", x), ("degraded", y))
    }
    alike = same_scene(x.photos, y.photos)
    findings = [
        *of_folder(x, "clean", crop),
        *of_folder(y, "degraded", crop),
        *of_count(x, y, crop),
        *of_both(x, y, alike),
        *of_order(x, y, jpeg["degraded"]),
        *of_jpeg(jpeg["clean"], jpeg["degraded"]),
    ]
    gaps = dict(zip(CHANNELS, _gaps(x, y)))
    findings.append(_of_gaps(gaps))
    leaks, finding = _leaks(x, y, alike, h=h, generator=units.generator(seed))
    findings.append(finding)
    settings = {"h": spell(h), "crop": crop, "seed": seed}
    largest = max(min(photo.height, photo.width) for photo in (*x.photos, *y.photos))
    memory = _memory(h, crop, largest)
    findings.sort(key=lambda finding: LEVELS.index(finding.level))
    return Inspection(x, y, tuple(findings), gaps, leaks, memory, settings, jpeg)


def _batches(crop: int) -> list[tuple[str, int, int]]:
    """Size, batch and side of the crops of a training of each size."""
    return [
        (size, usual.recipe.batch, crop if size == "small" else usual.crop) for size, usual in DEFLOW.items()
    ]


def _memory(h: Compose, crop: int, largest: int) -> dict[str, TrainingMemory]:
    """Memory of both sizes, with the batches that a training has; where no photo is as large, none."""
    return {
        f"{size}, {batch} of {side}x{side}": training_memory(deflow_config(size, h), batch, side)
        for size, batch, side in _batches(crop)
        if size != "small" or side <= largest
    }


def _gaps(x: FolderFacts, y: FolderFacts) -> list[Gap]:
    from scipy.stats import t as students_t

    means = [np.array([photo.statistics.mean for photo in facts.photos]) for facts in (x, y)]
    difference = means[1].mean(0) - means[0].mean(0)
    if min(map(len, means)) < 2:
        return [Gap(float(d), None, None) for d in difference]
    errors = [m.var(0, ddof=1) / len(m) for m in means]
    variance = np.maximum(sum(errors), 1e-20)  # equal photos have none
    freedom = variance**2 / np.maximum(sum(e**2 / (len(m) - 1) for e, m in zip(errors, means)), 1e-40)
    half = students_t.ppf(0.975, freedom) * np.sqrt(variance)
    return [Gap(float(d), float(d - w), float(d + w)) for d, w in zip(difference, half)]


def _of_gaps(gaps: dict[str, Gap]) -> Finding:
    sure = {
        name: gap
        for name, gap in gaps.items()
        if gap.low is not None and gap.high is not None and (gap.low > 0 or gap.high < 0)
    }
    if not sure and any(
        gap.low is None or gap.high is None or gap.high - gap.low > WIDE_GAP for gap in gaps.values()
    ):
        return Finding("note", "whether the colours differ cannot be told from so few photos")
    if not sure:
        return Finding("good", "the colours differ no more than those of so many photos do by chance")
    named = ", ".join(f"{name} {units.grey_levels(gap.difference):+.1f}" for name, gap in sure.items())
    why = "other scenes, or a cast that --match-colours takes out"
    text = f"the colours differ, and the model will learn that (grey levels: {named}): {why}"
    return Finding("warning", text, "colours that differ")


def _leaks(
    x: FolderFacts, y: FolderFacts, alike: list, *, h: Compose, generator: torch.Generator
) -> tuple[dict[str, Leak], Finding]:
    """Leaks of the photos, of h, and of h between two halves of the clean photos; and what that means."""
    side = LEAK_CROP * h.shrink
    chosen = [
        _some([p for p in facts.photos if min(p.height, p.width) >= side], generator) for facts in (x, y)
    ]
    most = LEAK_CROPS // max(1, *map(len, chosen))
    crops = [sum(min(most, _crops(photo, side)) for photo in part) for part in chosen]
    if min(map(len, chosen)) < 2 or min(crops) < FEW_CROPS:
        few = (
            f"{len(chosen[0])} and {len(chosen[1])} photos of {side}x{side} pixels or more, "
            f"{crops[0]} and {crops[1]} crops"
        )
        return {}, Finding("note", f"too little to test what h gives away: {few}")
    scene = {other.file: photo.file for photo, other in alike}
    clean, degraded = ([scene.get(photo.file, photo.file) for photo in part] for part in chosen)
    names = (clean, degraded)
    images = [[_centre(read(photo.file)) for photo in part] for part in chosen]
    mapped = [[h(image[None], generator)[0] for image in part] for part in images]
    how: dict[str, Any] = {"most": most, "permutations": RELABELLINGS, "generator": generator}
    found = {
        "photos": leak(images[0], images[1], names, crop=side, **how),
        "h": leak(mapped[0], mapped[1], names, crop=LEAK_CROP, **how),
    }
    if len(mapped[0]) >= 4:
        found["control"] = leak(mapped[0][::2], mapped[0][1::2], crop=LEAK_CROP, **how)
    return found, of_leaks(found)


def _some(photos: list[PhotoFacts], generator: torch.Generator) -> list[PhotoFacts]:
    return [photos[i] for i in torch.randperm(len(photos), generator=generator)[:LEAK_PHOTOS].tolist()]


def _crops(photo: PhotoFacts, side: int) -> int:
    """How many fit next to each other into what is looked at."""
    return (min(photo.height, LEAK_SIDE) // side) * (min(photo.width, LEAK_SIDE) // side)


def _centre(image: torch.Tensor) -> torch.Tensor:
    top, left = (max(0, (n - LEAK_SIDE) // 2) for n in image.shape[1:])
    # without the rest of the photo, which a view would hold on to
    return image[:, top : top + LEAK_SIDE, left : left + LEAK_SIDE].clone()
