"""Experiments on DeFlow in image units and on selection go through; trainings of two steps teach nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from experiments import photos as photo_module
from experiments.quality import affine_deflow, selection
from nflib.training import affine_deflow as affine_training
from nflib.training import deflow as deflow_training
from nflib.training import ludvae as ludvae_training
from nflib.training import unpaired as unpaired_training


@pytest.fixture(autouse=True)
def small(monkeypatch) -> None:
    monkeypatch.setattr(photo_module, "LARGEST", 64)
    monkeypatch.setattr(affine_training, "START_CROPS", 64)
    monkeypatch.setattr(deflow_training, "START_CROPS", 128)
    monkeypatch.setattr(ludvae_training, "NOISE_CROPS", 64)
    monkeypatch.setattr(unpaired_training, "VALIDATION_CROPS", 8)
    monkeypatch.setattr(unpaired_training, "LIMIT_CROPS", 8)


def parts_of(script, file: Path, *words) -> dict[str, Any]:
    script.main(["--tiny", "--commit", "abc", "--seeds", "0", "--out", str(file), *words])
    return json.loads(file.read_text())["parts"]


def test_affine_deflow(tmp_path, capsys) -> None:
    (part,) = parts_of(affine_deflow, tmp_path / "found.json").values()
    assert part["moved"] < 0.05
    for which in ("start", "trained"):
        assert set(part[which]) == {"clean", "degraded", "psnr"}
    assert part["start"] != part["trained"]
    assert "distance" in capsys.readouterr().out


def test_selection(tmp_path) -> None:
    parts = parts_of(selection, tmp_path / "found.json")
    assert list(parts) == ["deflow ntire 0", "ludvae ntire 0"]
    for part in parts.values():
        steps = [one["step"] for one in part["candidates"]]
        assert steps == [0, 1, 2]
        assert set(part["picked"]) == {"strata", "flat", "truth"}
        assert set(part["picked"].values()) <= set(steps)
        best = min(part["candidates"], key=lambda one: one["strata"])
        assert part["distance"] == best["distance"]
