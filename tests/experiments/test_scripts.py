"""Every experiment can be imported, and each that is a program explains itself; what they share is what the
bundled models had.
"""

from __future__ import annotations

import importlib
import re
import runpy
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from experiments.judging import judge, noise_notes
from experiments.photos import KODAK_CLEAN, KODAK_DEGRADED, KODAK_VALIDATION, PLANS, photos
from experiments.recording import RESULTS, ROOT, RUNS, WEIGHTS
from experiments.restoring import SMALL_CROP, scored, smaller, synthetic
from nflib import checkpoints, degraders

FILES = sorted(file for file in (ROOT / "experiments").rglob("*.py") if file.name != "__init__.py")
MODULES = [".".join(file.relative_to(ROOT).with_suffix("").parts) for file in FILES]
PROGRAMS = [name for name, file in zip(MODULES, FILES, strict=True) if "__main__" in file.read_text()]


def test_folders_are_those_of_this_repository() -> None:
    assert Path(__file__).resolve().parents[2] == ROOT
    assert (ROOT / "pyproject.toml").is_file()
    assert list(RESULTS.glob("*.json"))
    assert (WEIGHTS / "glow_patches.safetensors").is_file()
    assert RUNS.parent.name == "_build"


@pytest.mark.parametrize("name", MODULES)
def test_can_be_imported(name) -> None:
    assert importlib.import_module(name).__doc__


@pytest.mark.parametrize("name", PROGRAMS)
def test_explains_itself(name, monkeypatch, capsys) -> None:
    """As ``python -m`` does; the whole docstring, which says how to call it by this name."""
    monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    with pytest.raises(SystemExit) as end:
        runpy.run_module(name, run_name="__main__")
    said = capsys.readouterr().out
    assert end.value.code == 0
    assert f"python -m {name}" in said
    assert "usage:" in said


def test_there_are_programs() -> None:
    assert len(PROGRAMS) > 10
    assert set(MODULES) - set(PROGRAMS)


def test_modules_that_are_named_are_there() -> None:
    """In READMEs and docstrings: paths of scripts, and modules to run."""
    texts = {
        file: file.read_text()
        for file in [*FILES, ROOT / "README.md", ROOT / "experiments" / "README.md", ROOT / "CHANGELOG.md"]
    }
    missing = []
    for file, text in texts.items():
        named = set(re.findall(r"experiments/[\w/]+\.py", text))
        named |= {
            f"{name.replace('.', '/')}.py"
            for name in re.findall(r"experiments\.(?:bundled|gpu|quality|speed)\.\w+", text)
        }
        missing += [f"{file.name}: {name}" for name in named if not (ROOT / name).is_file()]
    assert not missing


@pytest.mark.parametrize("name", PLANS)
def test_plans_are_those_of_the_bundled_models(name) -> None:
    found = checkpoints.load(f"deflow_{name}_small").config
    # what is found in the photos is no part of the plan
    assert replace(found, last_stage="", most_noise=()) == PLANS[name].config


def test_no_photo_of_kodak_is_in_two_roles() -> None:
    numbers = [*KODAK_CLEAN, *KODAK_DEGRADED, *KODAK_VALIDATION]
    assert sorted(numbers) == list(range(1, 25))


def test_pairs_have_the_degradation_as_their_only_difference() -> None:
    clean, degraded, pairs = photos(PLANS["ntire"], None)
    assert clean
    assert degraded
    assert pairs
    for truth, noisy in pairs:
        assert truth.shape == noisy.shape
        assert not truth.shape[1] % 16
        assert not truth.shape[2] % 16
        assert 5 < 255 * (noisy - truth).std() < 20
    assert torch.equal(photos(PLANS["ntire"], None)[1][0], degraded[0])


def test_the_truth_is_judged_to_be_like_the_truth() -> None:
    """A model that adds the true noise again, drawn anew, is far better than one that adds none."""
    pairs = photos(PLANS["ntire"], None)[2]

    class TrueNoise(torch.nn.Module):
        def degrade(self, clean, generator) -> torch.Tensor:
            return PLANS["ntire"].degrade(clean, generator=generator)

    class Nothing(torch.nn.Module):
        def degrade(self, clean, generator) -> torch.Tensor:
            return clean + 1e-4 * torch.randn(clean.shape, generator=generator)

    true, nothing = (noise_notes(judge(model(), pairs))["metrics"] for model in (TrueNoise, Nothing))
    for key in true:
        assert true[key] < 1 < nothing[key]


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_synthetic_pairs(scale) -> None:
    clean, _, pairs = photos(PLANS["ntire"], None)
    large, small = synthetic(clean, degraders.degrade_ntire, 0, scale)[0]
    assert large.shape[1] == scale * small.shape[1]
    assert scale == 1 or small.shape[1] == SMALL_CROP[scale]
    truth, low = smaller(pairs[0][0], scale)
    assert truth.shape[1:] == tuple(scale * n for n in low.shape[1:])
    assert scored([(truth, truth)])["ssim"] == [1.0]
