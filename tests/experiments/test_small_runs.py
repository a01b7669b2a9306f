"""The scripts that compare and that make bundled weights go through, with trainings of a step or two that
teach nothing."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from experiments import photos as photo_module
from experiments import restoring
from experiments.bundled import cover, deflow, glow, law, ludvae, restorers, srflow
from experiments.quality import cameras, low_light, ludvae_ablations
from experiments.quality import restorers as compared
from experiments.speed import memory
from nflib import checkpoints, images
from nflib.metrics import EfficientNetFeatures
from nflib.training import LowLightTask, Recipe, esrgan, training, unpaired
from nflib.training import deflow as deflow_training
from nflib.training import ludvae as ludvae_training

TINY = Recipe(steps=2, batch=2, every=2)


@pytest.fixture
def small(tmp_path, monkeypatch) -> Iterator[Path]:
    """Everything that is trained takes two steps on few crops, and nothing is written into the repository."""
    threads = torch.get_num_threads()
    for module in (cameras, low_light, compared, deflow, ludvae):
        monkeypatch.setattr(module, "RUNS", tmp_path / "runs")
    for module in (deflow, law, ludvae, restorers, srflow):
        monkeypatch.setattr(module, "WEIGHTS", tmp_path)
    monkeypatch.setattr(srflow, "RUN", tmp_path / "run")
    monkeypatch.setattr(photo_module, "LARGEST", 64)
    monkeypatch.setattr(deflow_training, "START_CROPS", 128)
    monkeypatch.setattr(unpaired, "VALIDATION_CROPS", 4)
    for module in (ludvae_training, cameras, ludvae_ablations):
        monkeypatch.setattr(module, "NOISE_CROPS", 64)
    for name in ("deflow", "ludvae", *compared.GANS):
        usual = training(name).usual
        monkeypatch.setitem(usual, "small", usual["small"].but(steps=2, batch=2))
    for module in (restoring, cameras, compared):
        monkeypatch.setattr(module, "RECIPE", TINY)
    monkeypatch.setattr(ludvae_ablations, "RECIPE", TINY)
    monkeypatch.setattr(ludvae_ablations, "TIMED_SIDE", 32)
    monkeypatch.setattr(ludvae_ablations, "MMD_SIDE", 32)
    monkeypatch.setattr(ludvae_ablations, "DRAWS", 3)
    monkeypatch.setattr(LowLightTask, "recipe", TINY)
    monkeypatch.setattr(deflow, "STEPS", 2)
    monkeypatch.setattr(deflow, "EVERY", 2)
    for name in ("ENCODER", "FLOW"):
        monkeypatch.setattr(srflow, name, replace(getattr(srflow, name), steps=2, batch=2, every=2))
    yield tmp_path
    torch.set_num_threads(threads)


@pytest.fixture
def call(monkeypatch, capsys) -> Callable[..., str]:
    def main(module, *words) -> str:
        monkeypatch.setattr(sys, "argv", [module.__name__, *map(str, words)])
        module.main()
        return capsys.readouterr().out

    return main


def test_comparison_of_restorers(small, call) -> None:
    file = small / "found.json"
    given = ("clean", "white", "true", "patches")
    said = call(compared, "ntire", "--json", file, "--scale", 2, "--only", *given, "law")
    found = json.loads(file.read_text())
    assert list(found["runs"]) == [*given, "law"]
    assert all(
        len(run["0"]["psnr"]) == found["pairs"] == len(found["input"]["ssim"])
        for run in found["runs"].values()
    )
    assert "| white |" in said
    assert found["recipe"]["steps"] == 2
    before = file.read_bytes()
    call(compared, "ntire", "--json", file, "--scale", 2, "--only", *given)  # what is there is kept
    assert file.read_bytes() == before


def test_the_record_has_how_a_contest_went(small, call) -> None:
    call(compared, "ntire", "--json", small / "found.json", "--only", "fssr")
    run = json.loads((small / "found.json").read_text())["runs"]["fssr"]["0"]
    assert [step for step, _ in run["validation"]] == [0, 2]
    assert {part for part in ("handed back", "last") if "metrics" in run[part]} == {"handed back", "last"}


def test_comparison_in_low_light(small, call, monkeypatch) -> None:
    monkeypatch.setattr(
        deflow_training, "START_CROPS", 512
    )  # in most blocks of dark photos there is nothing to be seen
    said = call(low_light, "--json", small / "found.json")
    found = json.loads((small / "found.json").read_text())
    assert list(found["runs"]) == ["gamma", "white", "true", "patches", "deflow", "ludvae"]
    assert found["noise"].keys() == found["runs"].keys() - {"gamma"}
    assert "brightness matched" in said


def test_ablations_of_ludvae(small, call) -> None:
    call(
        ludvae_ablations,
        "--json",
        small / "found.json",
        "--only",
        "base",
        "published form",
        "noise two levels",
    )
    runs = json.loads((small / "found.json").read_text())["runs"]
    assert list(runs) == ["base", "published form", "noise two levels"]
    assert "n2c" in runs["base"]["0"]
    assert "n2c" not in runs["published form"]["0"]
    assert runs["noise two levels"]["0"]["std"]["truth"] == pytest.approx((16**2 + 4**2) ** 0.5, abs=1)


def test_comparison_on_cameras(small, call, monkeypatch) -> None:
    monkeypatch.setattr(cameras, "SIDE", 64)
    for number, photo in enumerate(photo_module.data.photos().values()):
        role = ("train_clean", "train_noisy", "val")[number % 3]
        (small / "photos" / role).mkdir(parents=True, exist_ok=True)
        degraded = photo_module.degrade_ntire(photo, generator=torch.Generator().manual_seed(number))
        if role == "val":
            images.write(small / "photos" / role / f"{number}_reference.png", photo)
            images.write(small / "photos" / role / f"{number}_noisy.png", degraded)
        else:
            images.write(
                small / "photos" / role / f"{number}.png", photo if role == "train_clean" else degraded
            )
    said = call(cameras, "--renoir", small / "photos", "--json", small / "found.json")
    found = json.loads((small / "found.json").read_text())["renoir"]
    assert {"white", "oracle", "patches", "law", "deflow", "ludvae", "two folds"} <= set(found["runs"])
    assert "two folds" in said
    assert found["white, grey levels"][1] == pytest.approx(found["oracle, grey levels"][1], rel=0.5)


def test_bundled_models_of_degradations(small) -> None:
    scripts = {"deflow_ntire_small": deflow, "ludvae_ntire_small": ludvae, "law_ntire": law}
    for name, script in scripts.items():
        script.train("ntire", None)
        notes = checkpoints.load(small / f"{name}.safetensors").notes
        assert {"metrics", "noise", "data", "licences", "command", "commit", "seed"} <= notes.keys()
        assert json.loads((small / f"{name}.json").read_text())["notes"]["metrics"] == notes["metrics"]


@pytest.mark.parametrize("name", ["denoiser_ntire_small", "refiner_x2_ntire_small", "esrgan_x2_ntire_small"])
def test_bundled_restorers(small, name, monkeypatch) -> None:
    monkeypatch.setattr(restorers, "RUNS", small / "runs")
    monkeypatch.setattr(restorers, "GAN_STEPS", 2)
    monkeypatch.setattr(esrgan, "efficientnet_features", lambda: EfficientNetFeatures().eval())
    restorers.make(name, None)
    assert len(checkpoints.load(small / f"{name}.safetensors").notes["metrics"]) == 4


def test_bundled_super_resolver(small, call) -> None:
    call(srflow)
    curves = json.loads((small / "srflow_x4_small.json").read_text())
    assert curves["flow"]["step"][-1] == 2
    assert (small / "rrdb_x4_small.safetensors").is_file()


def test_bundled_glow(small, call, monkeypatch) -> None:
    monkeypatch.setattr(
        glow, "held", lambda photos, n: torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    )
    call(glow, "--steps", 1, "--out", small)
    assert checkpoints.load(small / "glow_patches.safetensors").notes["steps"] == 1


def test_cover(call, tmp_path) -> None:
    call(cover, "--out", tmp_path / "cover.png")
    assert (tmp_path / "cover.png").read_bytes()[1:4] == b"PNG"


def test_memory(call, tmp_path) -> None:
    words = (
        "--steps",
        2,
        "--size",
        8,
        "--batch",
        2,
        "--hidden",
        4,
        "--repeat",
        1,
        "--json",
        tmp_path / "found.json",
    )
    call(memory, *words, "--plot", tmp_path / "plot.png")
    found = json.loads((tmp_path / "found.json").read_text())
    assert {row["way"] for row in found["rows"]} >= {"Glow", "Glow reversible", "DeFlow"}
    assert "commit" in found
    assert all(row["kept"] > 0 for row in found["rows"])
    assert (tmp_path / "plot.png").is_file()
