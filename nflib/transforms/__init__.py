"""Invertible blocks. A transform maps data to latent: ``t(x, context) -> (z, log_det)``,
``t.inverse(z, context) -> (x, log_det)``.
"""

from .actnorm import ActNorm
from .affine import Affine
from .base import Pulled, Retraced, Transform
from .conditioners import convnet, mlp
from .coupling import AffineCoupling
from .filter import CircularConvolution
from .injector import AffineInjector
from .linear import FullConv1x1, InvertibleConv1x1
from .multiscale import Multiscale
from .reversible import Recomputation
from .scales import BoundedScale, ExponentialScale, Scale, SigmoidScale
from .sequential import Inverse, Sequential
from .spline import Spline
from .split import Split
from .squeeze import Squeeze

__all__ = [
    "ActNorm",
    "Affine",
    "AffineCoupling",
    "AffineInjector",
    "BoundedScale",
    "CircularConvolution",
    "ExponentialScale",
    "FullConv1x1",
    "Inverse",
    "InvertibleConv1x1",
    "Multiscale",
    "Pulled",
    "Recomputation",
    "Retraced",
    "Scale",
    "Sequential",
    "SigmoidScale",
    "Spline",
    "Split",
    "Squeeze",
    "Transform",
    "convnet",
    "mlp",
]
