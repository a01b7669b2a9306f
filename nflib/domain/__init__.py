"""What a conditional model may be told about an image: maps h that hide the domain, and tests of how well they do."""

from .autoencoder import DenoisingAutoencoder
from .content import LinearPrediction
from .leaks import Leak, crop_statistics, leak
from .maps import AddNoise, Bilateral, Compose, Downsample, GaussianBlur, MaxPool, Median, MultiplyNoise

__all__ = [
    "AddNoise",
    "Bilateral",
    "Compose",
    "DenoisingAutoencoder",
    "Downsample",
    "GaussianBlur",
    "Leak",
    "LinearPrediction",
    "MaxPool",
    "Median",
    "MultiplyNoise",
    "crop_statistics",
    "leak",
]
