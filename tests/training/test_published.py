"""Recipes of papers by name: what they say, and that trainings follow them."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import Subset, default_collate
from typer.testing import CliRunner

from nflib import checkpoints, degraders, images, metrics
from nflib.cli import app
from nflib.cli.options import PublishedName
from nflib.data import PairedImages
from nflib.models import (
    LUDVAE,
    DeFlow,
    DeFlowConfig,
    DnCNN,
    DnCNNConfig,
    ESRGANDiscriminator,
    ESRGANDiscriminatorConfig,
    LUDVAEConfig,
    RRDBConfig,
    RRDBNet,
)
from nflib.training import PUBLISHED, Recipe, Running, fit, published, train_denoiser
from nflib.training.esrgan import ESRGANTask, Judge, train_esrgan
from nflib.training.restorer import PublishedDenoiserTask
from tests.helpers.folders import smooth_photos

QUICK: dict[str, Any] = {"steps": 2, "batch": 2, "crop": 16, "running": Running(device="cpu")}


def test_rates_and_steps_are_those_of_the_papers() -> None:
    dncnn, esrgan = (PUBLISHED[name].usual for name in ("dncnn", "esrgan"))
    assert dncnn.recipe.steps == 100_000
    rates = [dncnn.recipe.lr_at(step) for step in (0, 49_999, 50_000, 99_999)]
    assert rates == [1e-4, 1e-4, 5e-5, 5e-5]
    assert (dncnn.recipe.batch, dncnn.crop, dncnn.recipe.every) == (64, 40, 500)
    assert (esrgan.recipe.steps, esrgan.recipe.batch, esrgan.crop) == (60_000, 16, 128)
    steps = (0, 5_000, 10_000, 20_000, 30_000)
    assert [esrgan.recipe.lr_at(step) for step in steps] == [1e-4 / 2**n for n in range(5)]
    assert [one.value for one in PublishedName] == list(PUBLISHED)


def test_strengths_of_sidd() -> None:
    sidd, plain = published("dncnn-sidd"), published("dncnn")
    assert sidd.strength(degraders.White(10 / 255)) == pytest.approx((2, 12))
    deflow = degraders.Learned(DeFlow(DeFlowConfig.small(hidden=4, steps=1)).eval())
    assert sidd.strength(deflow) == (1, 4)
    assert sidd.strength(degraders.Composed(deflow, degraders.load("jpeg:60"))) == (1, 4)
    assert plain.strength(deflow) is None
    vae = degraders.Learned(LUDVAE(LUDVAEConfig(levels=1, width=6)).eval())
    drawn = sidd.degrader(vae).model.config.sigma_drawn
    assert [255 * sigma for sigma in drawn] == pytest.approx([30, 70])
    assert vae.model.config.sigma_drawn == ()
    assert plain.degrader(vae) is vae


@pytest.fixture
def photos(tmp_path) -> Path:
    noise = torch.Generator().manual_seed(1)
    for folder, seed, sigma in (("clean", 0, 0.0), ("true/clean", 1, 0.0), ("true/degraded", 1, 0.1)):
        (tmp_path / folder).mkdir(parents=True)
        for n, photo in enumerate(smooth_photos(seed)):
            noisy = photo + sigma * torch.randn(photo.shape, generator=noise)
            images.write(tmp_path / folder / f"{n}.png", noisy.clamp(0, 1))
    return tmp_path


def test_a_denoiser_as_published(photos, monkeypatch) -> None:
    """At the size of the paper, shrunk here, with what the command says in place of its own."""
    monkeypatch.setattr("nflib.training.denoiser.DnCNNConfig", lambda: DnCNNConfig(3, 4, True))
    words = ["train", "restorer", "--task", "denoise", "--recipe", "dncnn-sidd", "--degrader", "white:1"]
    words += ["--clean", photos / "clean", "--out", photos / "run", "--steps", 2, "--batch", 2, "--crop", 16]
    words += ["--validation-clean", photos / "true/clean", "--validation-degraded", photos / "true/degraded"]
    result = CliRunner().invoke(app, [str(word) for word in (*words, "--device", "cpu")])
    assert result.exit_code == 0, result.output
    model = checkpoints.load(photos / "run" / "model.safetensors")
    assert isinstance(model, DnCNN)
    notes = model.notes
    assert (notes["published"], notes["strength"]) == ("dncnn-sidd", "(20.0, 120.0)")
    assert (notes["recipe"]["lr"], notes["recipe"]["average"]) == (1e-4, 0)
    assert (notes["unit"], notes["validation_unit"]) == ("mean absolute error", "minus PSNR, dB")


def test_the_best_denoiser_is_that_of_the_highest_psnr(photos) -> None:
    task = PublishedDenoiserTask(DnCNN(DnCNNConfig(2, 4, False)))  # a new one returns its input
    pairs = PairedImages(photos / "true/clean", photos / "true/degraded", 16, seed=0)
    clean, degraded = default_collate([pairs[i] for i in range(4)])
    task.begin(Recipe(steps=1, batch=4), 0, (clean, degraded))
    assert task.score([(clean, degraded)]) == pytest.approx(-metrics.psnr(degraded, clean).mean().item())
    torch.testing.assert_close(
        task.loss(task.model, (clean, degraded), None), (degraded - clean).abs().mean()
    )


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--task", "sr", "--recipe", "dncnn"), "the recipe dncnn is for the task denoise, got sr"),
        (("--task", "denoise", "--recipe", "esrgan"), "the recipe esrgan is for the task sr, got denoise"),
    ],
)
def test_a_recipe_is_for_a_task(photos, more, message) -> None:
    words = ("train", "restorer", "--clean", photos / "clean", "--degrader", "white:1", "--out", photos / "x")
    result = CliRunner().invoke(app, [str(word) for word in (*words, *more)])
    assert result.exit_code == 2
    assert message in result.stderr
    with pytest.raises(ValueError, match="recipe must be one of dncnn, dncnn-sidd for the task denoise"):
        train_denoiser(photos / "clean", "white:1", photos / "x", recipe="esrgan", **QUICK)
    with pytest.raises(ValueError, match="the recipe dncnn trains a DnCNN, got RestorationNet"):
        train_denoiser(
            photos / "clean", "white:1", photos / "x", recipe="dncnn", start="denoiser_universal", **QUICK
        )
    assert not (photos / "x").exists()


def test_the_better_of_two_by_a_perceptual_distance(tmp_path) -> None:
    """Of all validations only those after five sixths and all of the steps count."""
    torch.manual_seed(0)
    model = RRDBNet(RRDBConfig(2, 4, 2, 1))
    critic = ESRGANDiscriminator(ESRGANDiscriminatorConfig("patch", channels=4))
    given = iter([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7])
    judge = Judge("distance", lambda images, reference: torch.full((len(images),), next(given)))
    task = ESRGANTask(model, critic, None, judge)
    hr = torch.stack(smooth_photos(0))[:, :, :32, :32]
    pairs = [(one, two) for one, two in zip(hr, images.resize(hr, 1 / 2), strict=True)]

    class Pairs(torch.utils.data.Dataset):
        def __len__(self) -> int:
            return len(pairs)

        def __getitem__(self, index: int) -> Any:
            return pairs[index % len(pairs)]

    recipe = Recipe(steps=6, batch=3, lr=1e-4, every=1)
    running = Running(device="cpu")
    fit(task, Pairs(), tmp_path / "run", recipe=recipe, validation=Subset(Pairs(), range(3)), running=running)
    best = checkpoints.load(tmp_path / "run" / "best.safetensors")
    assert (best.notes["steps"], best.notes["validation"]) == (5, pytest.approx(0.6))
    assert best.notes["unit"] == "distance"


def test_without_a_perceptual_distance_it_is_said(photos, tmp_path, monkeypatch, caplog) -> None:
    def missing(*_: Any) -> None:
        raise metrics.MissingWeights("not here")

    monkeypatch.setattr("nflib.training.esrgan.lpips_network", missing)
    monkeypatch.setattr("nflib.training.esrgan.discriminator_config", _small_critic)
    start = tmp_path / "start.safetensors"
    checkpoints.save(RRDBNet(RRDBConfig(2, 4, 2, 1)), start)
    small = tmp_path / "small"
    small.mkdir()
    for n, photo in enumerate(smooth_photos(1)):
        images.write(small / f"{n}.png", images.resize(photo, 1 / 2).clamp(0, 1))
    how = {"recipe": "esrgan", "start": start, **QUICK, "crop": 32}
    how |= {"validation_clean": photos / "true/clean", "validation_degraded": small}
    with caplog.at_level(logging.WARNING):
        done = train_esrgan(photos / "clean", "white:5", tmp_path / "run", scale=2, **how)
    assert done.name == "model.safetensors"
    assert "no LPIPS to choose a model by, the last is handed back: not here" in caplog.text
    notes = checkpoints.load(done).notes
    assert notes["published"] == "esrgan"
    assert replace(published("esrgan").usual.recipe, steps=2, batch=2) == Recipe(**_tuples(notes["recipe"]))


def _small_critic(size: str, crop: int) -> ESRGANDiscriminatorConfig:
    assert size == "full"
    return ESRGANDiscriminatorConfig("patch", channels=4)


def _tuples(values: dict) -> dict:
    return {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}
