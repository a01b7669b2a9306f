"""Restorers on synthetic pairs: that training restores, that a run belongs to its degrader."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import Result
from typer.testing import CliRunner

from nflib import checkpoints, degraders, images, metrics
from nflib.cli import app
from nflib.data import PHOTOS, PairedImages
from nflib.degraders import White
from nflib.models import (
    DnCNN,
    DnCNNConfig,
    LowLightFlow,
    LowLightFlowConfig,
    NoiseLaw,
    RefinementConfig,
    RefinementNet,
    RestorationNet,
    RestorationNetConfig,
)
from nflib.training import (
    RestorationTask,
    RestorerTask,
    Running,
    train_denoiser,
    train_enhancer,
    train_super_resolver,
)
from nflib.training.denoiser import denoiser_config, usual_strength
from nflib.training.folders import BUNDLED, photos_of
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


def test_the_usual_loss_is_the_mean_absolute_error() -> None:
    model = RestorationNet(RestorationNetConfig(4, 2, 1))
    clean, degraded = torch.rand(2, 2, 3, 8, 8)
    loss = RestorationTask(model).loss(model, (clean, degraded), None)
    torch.testing.assert_close(loss, (degraded - clean).abs().mean())  # a new net returns its input


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
    assert model.config == RestorationNetConfig.small()
    assert model.notes["degrader"] == "white:25.5"
    assert model.notes["strength"] == "1.0"
    assert model.notes["unit"] == "mean absolute error"
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


def quick(photos, degrader, **how) -> Any:
    usual = {"clean": photos / "clean", "steps": 2, "batch": 2, "crop": 16, "running": Running(device="cpu")}
    usual |= how
    return checkpoints.load(train_denoiser(usual.pop("clean"), degrader, photos / "run", **usual))


def test_the_protocol_of_papers(photos) -> None:
    model = quick(photos, "white:12", network="dncnn")
    assert model.config == DnCNNConfig.small()
    assert (model.notes["unit"], model.notes["recipe"]["lr"]) == ("mean squared error", 1e-3)


def test_a_start_stays_the_network_it_is(photos) -> None:
    assert isinstance(quick(photos, "white:12", start="denoiser_ntire_small"), DnCNN)


def test_photos_of_several_folders_and_those_that_come_with_nflib(photos) -> None:
    mixed = photos_of([photos / "clean", photos / "true/clean", BUNDLED])
    assert [Path(file).stem for file in mixed[:5]] == ["0", "1", "2", "3", "4"]
    assert not {photo.path for photo in PHOTOS if photo.role == "validation"} & set(mixed)
    assert len(mixed) == 10
    assert photos_of(photos / "clean") == photos / "clean"
    assert photos_of([photos / "clean"]) == photos / "clean"
    model = quick(photos, "white:12", clean=[photos / "clean", photos / "true/clean"])
    assert "5 photos" in model.notes["crops"]


def test_true_pairs_need_no_degrader(photos) -> None:
    model = quick(photos, None, clean=photos / "true/clean", degraded=photos / "true/degraded", steps=40)
    assert model.notes["degrader"].startswith("true pairs of ")
    degraded, clean = (images.read(photos / "true" / kind / "3.png") for kind in ("degraded", "clean"))
    with torch.no_grad():
        assert (model(degraded[None])[0] - clean).square().mean() < 0.9 * (degraded - clean).square().mean()


def test_the_strength_of_pairs_is_drawn_from_a_range(photos) -> None:
    """Each crop has its own, which depends on its number only; the deviation says which."""
    grey = [torch.full((3, 64, 64), 0.5)]
    pairs = PairedImages(grey, crop=64, degrader=degraders.White(0.02), strength=(0.5, 2.0))
    made = torch.stack([degraded - clean for clean, degraded in pairs.__getitems__(list(range(40)))])
    found = made.flatten(1).std(1) / 0.02
    assert 0.45 < found.min() < 0.75
    assert 1.75 < found.max() < 2.1
    assert torch.equal(pairs[7][1], pairs.__getitems__([3, 7])[1][1])
    with pytest.raises(
        ValueError, match=r"strength must be a range from low to high, 0 or more, got \(2, 1\)"
    ):
        PairedImages(grey, degrader=degraders.White(), strength=(2, 1))
    assert quick(photos, "white:12", strength=(0.5, 1.5)).notes["strength"] == "(0.5, 1.5)"


def test_a_law_says_how_far_strengths_go(photos) -> None:
    law = NoiseLaw()
    law.set(
        variance=torch.full((3, law.config.knots), 0.01),
        taps=torch.eye(3)[..., None, None],
        strengths=(0.8, 1.2),
    )
    low, high = usual_strength(degraders.Learned(law.eval()))
    assert low < 0.8
    assert high > 1.2
    assert usual_strength(degraders.White()) == 1.0
    checkpoints.save(law, photos / "law.safetensors")
    assert quick(photos, str(photos / "law.safetensors")).notes["strength"] == str((low, high))


def test_what_is_asked_for_must_fit_together(photos) -> None:
    with pytest.raises(ValueError, match="give either a degrader, or the degraded versions"):
        quick(photos, None)
    with pytest.raises(ValueError, match="network must be one of unet, dncnn, got 'vit'"):
        quick(photos, "white:12", network="vit")
    with pytest.raises(ValueError, match="one folder of clean photos, got 2"):
        quick(photos, None, clean=[photos, photos], degraded=photos / "true/degraded")


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
    [("denoise", 1, RestorationNet), ("sr", 2, RefinementNet), ("lowlight", 1, LowLightFlow)],
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
        "denoise": denoiser_config("small"),
        "sr": RefinementConfig(2),
        "lowlight": LowLightFlowConfig.small(),
    }
    assert model.config == configs[task]
    result = run("restore", small, "--model", best, "--out", photos / "restored", "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert result.stdout == f"2 images written to {photos / 'restored'}\n", result.output
    assert images.read(photos / "restored" / "3.png").shape == (3, 48, 56)


COMMAND = (
    "train",
    "restorer",
    "--task",
    "denoise",
    "--steps",
    2,
    "--batch",
    2,
    "--crop",
    16,
    "--device",
    "cpu",
)


def test_the_command_takes_pairs_and_says_which_model_it_hands_back(photos) -> None:
    pairs = ("--pairs", photos / "true/clean", photos / "true/degraded")
    result = run(*COMMAND, *pairs, "--network", "dncnn", "--out", photos / "run")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"model written to {photos / 'run' / 'model.safetensors'}\n")
    assert result.stdout.endswith(
        "It is the last one: no --validation-clean and --validation-degraded say which is best.\n"
    )
    assert isinstance(checkpoints.load(photos / "run" / "model.safetensors"), DnCNN)


def test_the_command_takes_several_folders_and_a_range(photos) -> None:
    several = ("--clean", photos / "clean", "--clean", photos / "true/clean", "--degrader", "white:12")
    result = run(*COMMAND, *several, "--strength", "0.5:1.5", "--out", photos / "run")
    assert result.exit_code == 0, result.output
    notes = checkpoints.load(photos / "run" / "model.safetensors").notes
    assert "5 photos" in notes["crops"]
    assert notes["strength"] == "(0.5, 1.5)"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--clean", "x"), "give either --clean, once or more, and --degrader, or --pairs"),
        (("--clean", "x", "--degrader", "white:1", "--pairs", "a", "b"), "give either --clean"),
        (
            ("--clean", "x", "--degrader", "white:1", "--strength", "1:2:3"),
            "strength must be a number or LOW:HIGH",
        ),
        (
            ("--clean", "x", "--degrader", "white:1", "--strength", "1", "--task", "sr"),
            "are for the task denoise, got sr",
        ),
    ],
)
def test_the_command_refuses_what_does_not_fit(photos, more, message) -> None:
    result = run(*COMMAND, *more, "--out", photos / "run")
    assert result.exit_code == 2
    assert message in result.stderr
    assert not (photos / "run").exists()


def darker(clean, strength, generator) -> torch.Tensor:
    return clean * 0.5**strength


@pytest.mark.parametrize("train", [train_denoiser, train_super_resolver, train_enhancer])
def test_objects_and_functions_degrade(photos, train) -> None:
    """And a run with them is known again by their name and content."""
    how = {"steps": 1, "batch": 2, "crop": 16}
    for name, degrader, other in (("function", darker, White(0.1)), ("object", White(0.1), White(0.2))):
        out = photos / f"{train.__name__} {name}"
        train(photos / "clean", degrader, out, running=Running(device="cpu"), **how)
        again = White(0.1) if name == "object" else darker
        running = Running(device="cpu", resume=True)
        assert train(photos / "clean", again, out, running=running, **how).is_file()
        with pytest.raises(ValueError, match="degrader was .*now"):
            train(photos / "clean", other, out, running=running, **how)
