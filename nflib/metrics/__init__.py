"""How restored and degraded images are scored. Each docstring states range, border, colour space and
direction.
"""

from .catalogue import METRICS, Metric
from .distribution import (
    GaussianKernel,
    akld,
    local_variance,
    median_distance,
    mmd,
)
from .efficientnet import (
    EfficientNetFeatures,
    efficientnet_distance,
    efficientnet_features,
    feature_distance,
)
from .fidelity import diversity, lr_psnr, psnr, ssim, ssim_map
from .inception import fid, frechet_distance, inception_network
from .inputs import crop_border, luma
from .no_reference import brisque, brisque_features, niqe, piqe
from .noise import (
    autocorrelation,
    channel_correlation,
    histogram_kl,
    power_spectrum,
    spectrum_error,
)
from .perceptual import lpips, lpips_network
from .weights import MissingWeights

__all__ = [
    "METRICS",
    "EfficientNetFeatures",
    "GaussianKernel",
    "Metric",
    "MissingWeights",
    "akld",
    "autocorrelation",
    "brisque",
    "brisque_features",
    "channel_correlation",
    "crop_border",
    "diversity",
    "efficientnet_distance",
    "efficientnet_features",
    "feature_distance",
    "fid",
    "frechet_distance",
    "histogram_kl",
    "inception_network",
    "local_variance",
    "lpips",
    "lpips_network",
    "lr_psnr",
    "luma",
    "median_distance",
    "mmd",
    "niqe",
    "piqe",
    "power_spectrum",
    "psnr",
    "spectrum_error",
    "ssim",
    "ssim_map",
]
