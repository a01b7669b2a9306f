"""Restorers on synthetic pairs: that training restores, that a run belongs to its degrader."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import Result
from typer.testing import CliRunner

from nflib import checkpoints, images, metrics
from nflib.cli import app
from nflib.models import DnCNN, DnCNNConfig, LowLightFlow, LowLightFlowConfig, RefinementConfig, RefinementNet
from nflib.training import RestorerTask, Running, train_denoiser, train_enhancer, train_super_resolver
from nflib.training.denoiser import dncnn_config
from tests.helpers.folders import smooth_photo


@pytest.fixture
def photos(tmp_path) -> Path:
    """Clean photos, and pairs of others in "true/clean" and "true/degraded"."""
    g = torch.Generator().manual_seed(1)
    for name, seeds, sigma in (
        ("clean", (0, 1, 2), 0),
        ("true/clean", (3, 4), 0),
        ("true/degraded", (3, 4), 0.1),
    ):
        (tmp_path / name).mkdir(parents=True)
        for seed in seeds:
            image = smooth_photo(seed)
            images.write(
                tmp_path / name / f"{seed}.png",
                (image + sigma * torch.randn(image.shape, generator=g)).clamp(0, 1),
            )
    return tmp_path


def test_the_loss_is_the_mean_squared_error_of_what_the_network_makes_of_the_degraded_image() -> None:
    torch.manual_seed(0)
    model = DnCNN(DnCNNConfig(2, 4, False))
    clean, degraded = torch.rand(2, 2, 3, 8, 8)
    loss = RestorerTask(model).loss(model, (clean, degraded), None)
    torch.testing.assert_close(loss, ((degraded - clean) ** 2).mean())  # a new DnCNN returns its input
    torch.nn.init.constant_(model.convs[-1].bias, 0.1)
    torch.testing.assert_close(
        RestorerTask(model).loss(model, (clean, degraded), None), ((degraded - 0.1 - clean) ** 2).mean()
    )


def test_a_denoiser_denoises_true_pairs(photos) -> None:
    best = train_denoiser(
        photos / "clean",
        "white:25.5",
        photos / "run",
        validation_clean=photos / "true/clean",
        validation_degraded=photos / "true/degraded",
        steps=60,
        batch=4,
        crop=16,
        running=Running(device="cpu"),
    )
    assert best == photos / "run" / "best.safetensors"
    model = checkpoints.load(best)
    assert model.config == DnCNNConfig.small()
    assert model.notes["degrader"] == "white:25.5"
    assert model.notes["unit"] == "mean squared error"
    degraded, clean = (
        torch.stack([images.read(photos / "true" / kind / f"{n}.png") for n in (3, 4)])
        for kind in ("degraded", "clean")
    )
    with torch.no_grad():
        gain = metrics.psnr(model(degraded).clamp(0, 1), clean) - metrics.psnr(degraded, clean)
    assert gain.min() > 1  # in 60 steps; a network that learned nothing returns its input


def test_a_run_can_be_repeated_and_another_degrader_is_another_run(photos) -> None:
    def train(out, degrader="ntire", **how) -> Any:
        return train_denoiser(
            photos / "clean",
            degrader,
            photos / out,
            steps=4,
            batch=2,
            crop=16,
            running=Running(device="cpu", **how),
        )

    weights = [checkpoints.load(train(name)).state_dict() for name in ("one", "two")]
    assert all(torch.equal(a, b) for a, b in zip(*(w.values() for w in weights)))
    with pytest.raises(ValueError, match=r"one: degrader was ntire, now white:12; choose another folder"):
        train("one", degrader="white:12", resume=True)
    assert train("one", resume=True).is_file()
    assert json.loads((photos / "one" / "model.json").read_text())["degrader"] == "ntire"


def test_bad_input(photos) -> None:
    all_of_them = (train_denoiser, train_super_resolver, train_enhancer)
    for trainings, arguments, message in (
        ((train_enhancer,), {"crop": 20}, "crop must be a multiple of 8, got 20"),
        (all_of_them, {"degrader": "rain"}, "rain: no such file, bundled model"),
        (all_of_them, {"size": "huge"}, "size must be one of small, full, got 'huge'"),
        ((train_super_resolver,), {"scale": 3}, "scale must be 2, 4, 8 or 16, got 3"),
        ((train_super_resolver,), {"crop": 15}, "crop must be a multiple of the scale"),
        (all_of_them, {"validation_clean": photos / "true/clean"}, "validation needs both folders"),
        ((train_denoiser, train_super_resolver), {"crop": 50}, "none of 3 images can be used"),
        ((train_enhancer,), {"crop": 56}, "none of 3 images can be used"),
    ):
        for train in trainings:
            usual = {
                "clean": photos / "clean",
                "degrader": "white:12",
                "out": photos / "run",
                "steps": 1,
                "running": Running(device="cpu"),
            }
            with pytest.raises(ValueError, match=message):
                train(**{**usual, **arguments})
            assert not (photos / "run").exists()


def run(*arguments) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.mark.parametrize(
    ("task", "scale", "kind"),
    [("denoise", 1, DnCNN), ("sr", 2, RefinementNet), ("lowlight", 1, LowLightFlow)],
)
def test_the_commands(photos, task, scale, kind) -> None:
    small = photos / "small"
    small.mkdir()
    for n in (3, 4):
        images.write(
            small / f"{n}.png",
            images.resize(images.read(photos / "true/degraded" / f"{n}.png"), 1 / scale).clamp(0, 1),
        )
    result = run(
        "train",
        "restorer",
        "--clean",
        photos / "clean",
        "--degrader",
        "dark+white:4" if task == "lowlight" else "white:12",
        "--task",
        task,
        "--out",
        photos / "run",
        "--steps",
        2,
        "--batch",
        2,
        "--crop",
        16,
        "--validation-clean",
        photos / "true/clean",
        "--validation-degraded",
        small,
        "--device",
        "cpu",
    )
    best = photos / "run" / "best.safetensors"
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"model written to {best}\n"), result.output
    model = checkpoints.load(best)
    assert type(model) is kind
    assert model.notes["validation"] > 0
    configs = {
        "denoise": dncnn_config("small"),
        "sr": RefinementConfig(2),
        "lowlight": LowLightFlowConfig.small(),
    }
    assert model.config == configs[task]
    result = run("restore", small, "--model", best, "--out", photos / "restored", "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert result.stdout == f"2 images written to {photos / 'restored'}\n", result.output
    assert images.read(photos / "restored" / "3.png").shape == (3, 48, 56)
