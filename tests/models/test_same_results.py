"""The bundled models make what they made when they were recorded: digests taken before the windowed path was
one.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from nflib import checkpoints, units

RECORDED = json.loads(Path(__file__).with_name("same_results.json").read_text())


def digest(x: torch.Tensor) -> str:
    """Of values to 1e-5: in float64 processors differ by far less, so that it is the same on all."""
    return hashlib.sha256((x * 1e5).round().to(torch.int32).contiguous().numpy().tobytes()).hexdigest()[:16]


@pytest.fixture(scope="module")
def clean() -> torch.Tensor:
    coarse = torch.rand(1, 3, 12, 14, generator=torch.Generator().manual_seed(5)).double()
    return F.interpolate(coarse, size=(90, 107), mode="bicubic", align_corners=False).clamp(0, 1)


def results(model, clean) -> Iterator[tuple[str, torch.Tensor]]:
    """What a model is used for, in one window and in several, by name."""
    small, seed = clean[..., :21, :26], 7
    if model.purpose == "degrade":
        restore = model.restore if hasattr(model, "restore") else model.denoise
        yield "degrade", model.degrade(clean, 0.7, generator=units.generator(seed))
        yield "tiled", model.samples(clean, 0.7, 2, generator=units.generator(seed), tile=48, overlap=16)
        yield "restore", restore(clean, generator=units.generator(seed))
    elif model.purpose == "super-resolve":
        yield "super_resolve", model.super_resolve(small, 0.8, 3, units.generator(seed))
        yield "tiled", model.super_resolve(small, 0.8, 2, units.generator(seed), tile=16, overlap=8)
    elif model.purpose == "restore":
        with torch.no_grad():
            yield "restore", model(small)


@pytest.mark.parametrize("name", sorted({key.partition("/")[0] for key in RECORDED}))
def test_results_are_those_of_before(name, clean) -> None:
    found = {f"{name}/{what}": digest(x) for what, x in results(checkpoints.load(name).double(), clean)}
    assert found == {key: value for key, value in RECORDED.items() if key.startswith(f"{name}/")}
