"""The degrader that a name stands for: what the command line and configuration files can say."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from .. import checkpoints
from .composed import Composed
from .degrader import Degrader
from .learned import Learned
from .low_light import LowLight, degrade_low_light
from .patches import NoisePatches
from .simulated import White, degrade_aim, degrade_camera, degrade_ntire

SIMULATED = {
    "ntire": degrade_ntire,
    "aim": degrade_aim,
    "camera": degrade_camera,
    "lowlight": degrade_low_light,
    "dark": LowLight(),
}
"""Name -> simulated degrader, of those that :func:`load` knows."""


def load(name: str | os.PathLike, tile: int = 512, device: torch.device | str = "cpu") -> Degrader:
    """The degrader that a name stands for.

    Args:
        name: a bundled model or a file of :func:`nflib.checkpoints.save`; "ntire", "aim", "camera" or
            "lowlight", simulated; "white:12", white noise of 12 grey levels; "patches:FOLDER", noise patches
            collected from the degraded images there; "dark", too little light without noise; and
            "dark+OTHER", the same and then one of the others.
        tile: learned degraders compute larger images in tiles of this side, in pixels.
        device: of learned degraders.

    Raises:
        ValueError: nothing of this name, or a model that does not degrade.
    """
    first, plus, then = str(name).partition("+")
    if plus and first in SIMULATED:
        return Composed(SIMULATED[first], load(then, tile, device))
    kind, colon, rest = str(name).partition(":")
    if str(name) in SIMULATED:
        return SIMULATED[str(name)]
    if kind == "white":
        try:
            sigma = float(rest) / 255
        except ValueError:
            sigma = -1.0
        if not 0 <= sigma <= 1:
            raise ValueError(
                f"{name}: expected white:SIGMA with SIGMA in grey levels, 0 to 255, such as white:12"
            )
        return White(sigma)
    if kind == "patches" and colon:
        return NoisePatches.collect(rest)
    if not Path(name).is_file() and str(name) not in checkpoints.bundled():
        models = ", ".join(checkpoints.bundled()) or "none"
        others = ", ".join((*SIMULATED, "white:12", "patches:FOLDER", "dark+OTHER"))
        raise ValueError(f"{name}: no such file, bundled model ({models}) or degradation ({others})")
    return Learned(checkpoints.load(name).to(device), tile)
