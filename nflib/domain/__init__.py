"""What a conditional model may be told about an image: maps h that hide the domain, and tests of how well
they do.
"""

from .autoencoder import Autoencode, DenoisingAutoencoder
from .content import LinearPrediction
from .leaks import Leak, crop_statistics, leak
from .maps import (
    AddNoise,
    Bilateral,
    Compose,
    Downsample,
    GaussianBlur,
    Map,
    MaxPool,
    Median,
    MultiplyNoise,
)
from .named import MAPS, parse, spell

__all__ = [
    "MAPS",
    "AddNoise",
    "Autoencode",
    "Bilateral",
    "Compose",
    "DenoisingAutoencoder",
    "Downsample",
    "GaussianBlur",
    "Leak",
    "LinearPrediction",
    "Map",
    "MaxPool",
    "Median",
    "MultiplyNoise",
    "crop_statistics",
    "leak",
    "parse",
    "spell",
]
