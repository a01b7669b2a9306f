"""The metrics of one image, with what a table has to know about each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

from torch import Tensor

from .efficientnet import efficientnet_distance
from .fidelity import psnr, ssim
from .no_reference import brisque, niqe, piqe
from .perceptual import lpips


@dataclass(frozen=True)
class Metric:
    """A metric of single images.

    >>> metric = METRICS["psnr"]
    >>> metric.arrow, metric.unit, metric.needs_reference
    ('↑', 'dB', True)

    Attributes:
        name: as the command line calls it.
        function: ``function(images, reference)``, or ``function(images)`` without a reference; (B, 3, H, W)
            -> (B,).
        lower_is_better: direction.
        needs_reference: whether it compares.
        unit: "dB", or "" for a pure number.
        decimals: that are worth showing.
        convention: what has to be said beside a number, so that it can be compared.
    """

    name: str
    function: Callable[..., Tensor]
    lower_is_better: bool
    needs_reference: bool
    unit: str
    decimals: int
    convention: str

    @property
    def arrow(self) -> str:
        """Points to where better is."""
        return "↓" if self.lower_is_better else "↑"


def _ssim_uniform(images: Tensor, reference: Tensor) -> Tensor:
    return ssim(images, reference, window="uniform")


METRICS = MappingProxyType(
    {
        metric.name: metric
        for metric in (
            Metric("psnr", psnr, False, True, "dB", 2, "RGB, range 1"),
            Metric(
                "ssim",
                ssim,
                False,
                True,
                "",
                4,
                "RGB mean, 11x11 Gaussian window, population moments (BasicSR)",
            ),
            Metric(
                "ssim-uniform",
                _ssim_uniform,
                False,
                True,
                "",
                4,
                "RGB mean, 7x7 window, sample moments (scikit-image)",
            ),
            Metric("lpips", lpips, True, True, "", 4, "version 0.1, AlexNet"),
            Metric(
                "efficientnet",
                efficientnet_distance,
                True,
                True,
                "",
                4,
                "unweighted features of EfficientNet-Lite0; not LPIPS",
            ),
            Metric("niqe", niqe, True, False, "", 2, "luma, BasicSR's pristine model"),
            Metric("brisque", brisque, True, False, "", 2, "grey, LIVE's regression"),
            Metric("piqe", piqe, True, False, "", 2, "grey, MATLAB's rules"),
        )
    }
)
"""Name -> :class:`Metric`: the metrics of single images."""
