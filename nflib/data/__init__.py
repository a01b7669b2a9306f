"""Photos that come with the dependencies, patches of them, and numbered crops to train on: unpaired and in
pairs.
"""

from __future__ import annotations

import importlib

from ..images.colours import ChannelStatistics, ColourMatch
from .colours import channel_statistics
from .folders import ImageCrops, SuperResolutionImages
from .full_crops import FullCrops
from .layouts import LAYOUTS, Layout, layout
from .pairs import DegradedLowResolution, LowResolutionPairs, PairedImages
from .photos import PHOTOS, Photo, photos
from .sampling import high_pass, patches
from .scales import scale_pyramid
from .unpaired import UnpairedImages

__all__ = [
    "LAYOUTS",
    "PHOTOS",
    "ChannelStatistics",
    "ColourMatch",
    "DegradedLowResolution",
    "FullCrops",
    "ImageCrops",
    "Layout",
    "LowResolutionPairs",
    "PairedImages",
    "Photo",
    "SuperResolutionImages",
    "UnpairedImages",
    "channel_statistics",
    "high_pass",
    "layout",
    "patches",
    "photos",
    "scale_pyramid",
]
# Simulated degradations had these names here; they live in nflib.degraders, which stands above this package.
_SIMULATED = {"degrade_aim", "degrade_camera", "degrade_low_light", "degrade_ntire", "degrade_white"}


def __getattr__(name: str) -> object:
    if name in _SIMULATED:
        return getattr(importlib.import_module("nflib.degraders"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
