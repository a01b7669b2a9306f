"""The photos of the experiments: clean ones, degraded ones of other scenes, and pairs to judge by.

Clean are the bundled photos of that role and nine of Kodak, degraded those of the other role and nine others;
pairs are made of the bundled validation photos and Kodak's last six. Without Kodak only bundled photos are
used.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from experiments.recording import SEED
from nflib import data, images
from nflib.degraders import Degrader, degrade_aim, degrade_camera, degrade_ntire
from nflib.domain import AddNoise, Compose, Downsample, GaussianBlur
from nflib.models import DeFlowConfig

# Side of the crops of DeFlow; what is cut off the borders of Kodak's photos; the largest side of a photo to
# judge by.
CROP, BORDER, LARGEST = 64, 8, 320
# Of 1,200 random halves of Kodak's first eighteen the one with the smallest gap between the contents of both
# sides.
KODAK_CLEAN = (1, 2, 9, 10, 11, 13, 14, 17, 18)
KODAK_DEGRADED = (3, 4, 5, 6, 7, 8, 12, 15, 16)
KODAK_VALIDATION = (19, 20, 21, 22, 23, 24)


@dataclass(frozen=True)
class Plan:
    """A degradation and the model for it."""

    degrade: Degrader
    config: DeFlowConfig


# Coarser noise needs a smaller condition, and more noise to hide in.
PLANS = {
    "ntire": Plan(degrade_ntire, DeFlowConfig.small()),
    "camera": Plan(degrade_camera, DeFlowConfig.small(scale=8, h=Compose(Downsample(8), AddNoise(0.1)))),
    "aim": Plan(
        degrade_aim, DeFlowConfig.small(scale=8, h=Compose(Downsample(8), GaussianBlur(1.0), AddNoise(0.1)))
    ),
}


def kodak_photos(folder: Path, numbers: tuple[int, ...]) -> list[torch.Tensor]:
    """Photos of Kodak without their borders, some of which are black."""
    paths = [folder / f"kodim{number:02}.png" for number in numbers]
    return [images.read(path)[:, BORDER:-BORDER, BORDER:-BORDER] for path in paths]


def chosen(role: str, kodak: Path | None) -> list[torch.Tensor]:
    """Clean photos of a role: "clean", "degraded" or "validation"."""
    numbers = {"clean": KODAK_CLEAN, "degraded": KODAK_DEGRADED, "validation": KODAK_VALIDATION}
    return list(data.photos(role).values()) + ([] if kodak is None else kodak_photos(kodak, numbers[role]))


def photos(plan: Plan, kodak: Path | None) -> tuple[list, list, list]:
    """Clean and degraded training photos, and pairs to judge by."""
    generator = torch.Generator().manual_seed(SEED)
    degraded = [plan.degrade(photo, generator=generator) for photo in chosen("degraded", kodak)]
    windows = [
        photo[:, : min(photo.shape[1] // 16 * 16, LARGEST), : min(photo.shape[2] // 16 * 16, LARGEST)]
        for photo in chosen("validation", kodak)
    ]
    pairs = [(photo, plan.degrade(photo, generator=generator)) for photo in windows]
    return chosen("clean", kodak), degraded, pairs


def photo_notes(kodak: Path | None, data_of: str) -> dict:
    """Which photos were used, in a sentence with a gap for them, and their licences, as notes of a model."""
    more = f" and Kodak {KODAK_CLEAN} (clean), {KODAK_DEGRADED} (degraded), {KODAK_VALIDATION} (validation)"
    licences = sorted({photo.licence for photo in data.PHOTOS})
    return {
        "data": data_of.format("the bundled photos" + ("" if kodak is None else more)),
        "licences": licences + ([] if kodak is None else ["Kodak: released for unrestricted usage"]),
    }
