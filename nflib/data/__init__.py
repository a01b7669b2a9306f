"""Photos that come with the dependencies, patches of them, and degradations whose truth is known."""

from .colours import ChannelStatistics, ColourMatch, channel_statistics
from .composed import Composed
from .degradations import AIM, NTIRE, Camera, White, degrade_aim, degrade_camera, degrade_ntire, degrade_white
from .domains import PairedImages, UnpairedImages
from .folders import ImageCrops, SuperResolutionImages
from .layouts import LAYOUTS, Layout, layout
from .low_light import LowLight, darken, degrade_low_light
from .photos import PHOTOS, Photo, photos
from .sampling import high_pass, patches
from .scales import scale_pyramid

__all__ = [
    "AIM",
    "LAYOUTS",
    "NTIRE",
    "PHOTOS",
    "Camera",
    "ChannelStatistics",
    "ColourMatch",
    "Composed",
    "ImageCrops",
    "Layout",
    "LowLight",
    "PairedImages",
    "Photo",
    "SuperResolutionImages",
    "UnpairedImages",
    "White",
    "channel_statistics",
    "darken",
    "degrade_aim",
    "degrade_camera",
    "degrade_low_light",
    "degrade_ntire",
    "degrade_white",
    "high_pass",
    "layout",
    "patches",
    "photos",
    "scale_pyramid",
]
