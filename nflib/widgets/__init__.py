"""Explorers with sliders for tau and sigma, and a user study: the same class live in Jupyter and in a built
page without a kernel.

The classes need anywidget (``pip install "nflib[widgets]"``) and load when first asked for; ``static_bundle``
needs nothing.
"""

from __future__ import annotations

import importlib
from typing import Any

from .bundle import static_bundle

_CLASSES = {
    "CouplingExplorer": "coupling_explorer",
    "DegradationExplorer": "degradation_explorer",
    "GaussianExplorer": "gaussian_explorer",
    "NoiseLawExplorer": "noise_law_explorer",
    "PrenoiseExplorer": "prenoise_explorer",
    "RooflineExplorer": "roofline_explorer",
    "SigmaExplorer": "sigma_explorer",
    "SuperResolutionExplorer": "super_resolution_explorer",
    "TauExplorer": "tau_explorer",
    "UserStudy": "user_study",
}

__all__ = [*sorted(_CLASSES), "static_bundle"]


def __getattr__(name: str) -> Any:
    if name not in _CLASSES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        importlib.import_module("anywidget")
    except ImportError as error:
        raise ImportError(f'nflib.widgets.{name} needs anywidget: pip install "nflib[widgets]"') from error
    return getattr(importlib.import_module(f"{__name__}.{_CLASSES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
