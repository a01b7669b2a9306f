"""The degrader that a name stands for: what the command line and configuration files can say."""

from __future__ import annotations

import hashlib
import os
import pickle
from pathlib import Path
from typing import Any

import torch

from .. import checkpoints
from ..images.jpeg import parse_stage
from ..images.listing import root_of
from .composed import Composed
from .degrader import Degrader
from .learned import Learned
from .low_light import LowLight, degrade_low_light
from .patches import NoisePatches
from .random_laws import RandomLaws
from .simulated import White, degrade_aim, degrade_camera, degrade_ntire
from .staged import Function, Stage

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
            "lowlight", simulated; "random", of another law for every image; "white:12", white noise of 12
            grey levels; "patches:FOLDER", noise patches collected from the degraded images there; "dark", too
            little light without noise; "jpeg:62" or "jpeg:62:444", JPEG of a quality and a chroma subsampling
            (4:2:0 by default); and two or more of these with a plus sign, one after the other, such as
            "dark+MODEL" or "MODEL+jpeg:62".
        tile: learned degraders compute larger images in tiles of this side, in pixels.
        device: of learned degraders.

    Raises:
        ValueError: nothing of this name, a model that does not degrade, or no such device here.
    """
    first, then = _split(str(name))
    if then is not None:
        return Composed(load(first, tile, device), load(then, tile, device))
    kind, colon, rest = str(name).partition(":")
    if str(name) in SIMULATED:
        return SIMULATED[str(name)]
    if str(name) == "random":
        return RandomLaws()
    if kind == "white":
        return White(_sigma(str(name), rest))
    if kind == "patches" and colon:
        return NoisePatches.collect(rest)
    if kind == "jpeg" and (stage := parse_stage(str(name))):
        return Stage(stage)
    if not _is_model(str(name)):
        models = ", ".join(checkpoints.bundled()) or "none"
        others = ", ".join((*SIMULATED, "random", "white:12", "patches:FOLDER", "jpeg:62", "ONE+OTHER"))
        raise ValueError(f"{name}: no such file, bundled model ({models}) or degradation ({others})")
    return Learned(checkpoints.load(name, device=device), tile)


def as_degrader(thing: object, tile: int = 512, device: torch.device | str = "cpu") -> Degrader:
    """The degrader that a name, a file, an object or a plain function stands for.

    Args:
        thing: what :func:`load` takes; a :class:`Degrader`; or anything that is called as one,
            ``f(clean, strength, generator)``, with images (B, 3, H, W) in [0, 1].
        tile, device: of :func:`load`.

    Raises:
        ValueError: it is none of these.
    """
    if isinstance(thing, Degrader):
        return thing
    if isinstance(thing, str | os.PathLike):
        return load(thing, tile, device)
    if not callable(thing):
        raise ValueError(
            f"degrader must be a name, a file, a Degrader or a function f(clean, strength, generator), got "
            f"{type(thing).__name__}"
        )
    return Function(thing)


def name_of(model: Any) -> str:
    """What settings and notes call a degrader: a function by its module and name, an object also by its
    content. The same in every process.
    """
    if isinstance(model, str | os.PathLike):
        return str(model)
    named = model if hasattr(model, "__qualname__") else type(model)
    name = f"{named.__module__}.{named.__qualname__}"
    if named is model:
        return name
    held: Any = model
    if isinstance(model, Learned):  # pickled modules differ from process to process
        held = [(key, tensor.cpu().numpy()) for key, tensor in model.model.state_dict().items()]
    try:
        return f"{name} {hashlib.sha256(pickle.dumps(held)).hexdigest()}"
    except (pickle.PicklingError, AttributeError, TypeError):  # it holds a lambda, or the like
        return name


def parts_of(name: str) -> list[str]:
    """The names that a name puts one after the other: "dark+white:3" -> "dark", "white:3"."""
    first, then = _split(name)
    return [first] if then is None else [first, *parts_of(then)]


def _split(name: str) -> tuple[str, str | None]:
    """What stands before a plus sign and after it; names of files may have such signs too."""
    if _is_file_or_folder(name):
        return name, None
    for i, letter in enumerate(name):
        known = name[:i].partition(":")[0] in ("white", "jpeg", *SIMULATED)
        if letter == "+" and (known or _is_file_or_folder(name[:i])):
            return name[:i], name[i + 1 :]
    return name, None


def _is_file_or_folder(name: str) -> bool:
    kind, _, rest = name.partition(":")
    return _is_model(name) or (kind == "patches" and root_of(rest).is_dir())


def _is_model(name: str) -> bool:
    return Path(name).is_file() or name in checkpoints.bundled()


def _sigma(name: str, text: str) -> float:
    try:
        sigma = float(text) / 255
    except ValueError:
        sigma = -1.0
    if not 0 <= sigma <= 1:
        raise ValueError(
            f"{name}: expected white:SIGMA with SIGMA in grey levels, 0 to 255, such as white:12"
        )
    return sigma
