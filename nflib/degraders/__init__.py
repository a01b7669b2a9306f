"""Ways to degrade clean images, all called alike: ``degrade(clean, strength=1.0, generator=None)``.

Learned from unpaired images (:class:`Learned`), collected from them by hand (:class:`NoisePatches`), or
simulated, so that their truth is known. :func:`load` makes one of what a user names.
"""

from .composed import Composed
from .degrader import AdditiveNoise, Degrader
from .learned import Learned
from .low_light import LowLight, darken, degrade_low_light
from .named import SIMULATED, as_degrader, load
from .patches import NoisePatches
from .random_laws import RandomLaws
from .simulated import (
    AIM,
    NTIRE,
    Camera,
    White,
    degrade_aim,
    degrade_camera,
    degrade_ntire,
    degrade_white,
)
from .staged import Function, Stage

__all__ = [
    "AIM",
    "NTIRE",
    "SIMULATED",
    "AdditiveNoise",
    "Camera",
    "Composed",
    "Degrader",
    "Function",
    "Learned",
    "LowLight",
    "NoisePatches",
    "RandomLaws",
    "Stage",
    "White",
    "as_degrader",
    "darken",
    "degrade_aim",
    "degrade_camera",
    "degrade_low_light",
    "degrade_ntire",
    "degrade_white",
    "load",
]
