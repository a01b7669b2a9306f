"""nflib train: folders in, a model out, goes on after a stop."""

import inspect
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from nflib import checkpoints, images
from nflib.models.deflow.config import usual_h
from nflib.training import TRAININGS
from nflib.training.deflow import deflow_config
from nflib.training.srflow import srflow_config
from tests.helpers.commands import run


@pytest.fixture
def photos(tmp_path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(2):
        images.write(folder / f"{i}.png", torch.rand(3, 40, 48, generator=torch.Generator().manual_seed(i)))
    return folder


def test_rrdb_then_srflow_then_samples(tmp_path, photos) -> None:
    common = ("--scale", 2, "--steps", 2, "--batch", 2, "--crop", 16, "--device", "cpu")
    result = run("train", "rrdb", "--hr", photos, "--out", tmp_path / "rrdb", *common)
    encoder = tmp_path / "rrdb" / "model.safetensors"
    assert result.exit_code == 0, result.output
    assert result.stdout == f"model written to {encoder}\n", result.output
    arguments = (
        "train",
        "srflow",
        "--hr",
        photos,
        "--out",
        tmp_path / "run",
        "--encoder",
        encoder,
        "--validation",
        photos,
        "--lr",
        1e-12,
    )
    result = run(*arguments, *common)
    assert result.exit_code == 0, result.output
    model = checkpoints.load(tmp_path / "run" / "model.safetensors")
    assert model.config == srflow_config("small", 2)
    assert model.notes["steps"] == 2
    assert model.notes["validation"] is not None
    # with almost no learning the encoder is still the one that was given
    torch.testing.assert_close(
        model.encoder.conv_first.weight, checkpoints.load(encoder).conv_first.weight, rtol=0, atol=1e-6
    )
    again = run(*arguments, *common)
    assert again.exit_code == 2
    assert "holds a run already" in again.stderr
    assert run(*arguments, *common, "--resume").exit_code == 0
    result = run(
        "super-resolve",
        photos,
        "--model",
        tmp_path / "run" / "model.safetensors",
        "--out",
        tmp_path / "sr",
        "--device",
        "cpu",
    )
    assert result.exit_code == 0
    assert images.read(tmp_path / "sr" / "0_1.png").shape == (3, 80, 96)
    wrong = run(
        "train",
        "srflow",
        "--hr",
        photos,
        "--out",
        tmp_path / "x",
        "--encoder",
        encoder,
        "--scale",
        4,
        "--device",
        "cpu",
    )
    assert wrong.exit_code == 2
    assert "expected an RRDBNet with" in wrong.stderr
    assert wrong.stderr.count("\n") == 1


@pytest.mark.usefixtures("few_crops")
def test_deflow_then_degrade(tmp_path, photos) -> None:
    common = ("--steps", 2, "--batch", 2, "--crop", 16, "--scale", 2, "--device", "cpu")
    degraded = tmp_path / "degraded"
    degraded.mkdir()
    for photo in images.list_images(photos):
        images.write(degraded / f"{photo.stem}.tif", images.read(photo))  # the same colours in another file
    arguments = (
        "train",
        "deflow",
        "--clean",
        photos,
        "--degraded",
        degraded,
        "--out",
        tmp_path / "run",
        "--match-colours",
        *common,
    )
    result = run(*arguments)
    best = tmp_path / "run" / "best.safetensors"
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"model written to {best}\n"), result.output
    model = checkpoints.load(best)
    assert len(model.config.most_noise) == 3
    expected = replace(deflow_config("small", usual_h(2)), matched=True)
    assert replace(model.config, most_noise=()) == expected
    assert model.notes["validation"] is not None
    # the same colours on both sides: nothing to match, and no tau no change
    assert torch.equal(model.colours[0], model.colours[1])
    assert "holds a run already" in run(*arguments).stderr
    assert run(*arguments, "--resume").exit_code == 0
    assert (
        run(
            "degrade", photos, "--model", best, "--tau", 0, "--out", tmp_path / "none", "--device", "cpu"
        ).exit_code
        == 0
    )
    assert torch.equal(images.read(tmp_path / "none" / "0.png"), images.read(photos / "0.png"))
    odd = run(
        "train", "deflow", "--clean", photos, "--degraded", photos, "--out", tmp_path / "x", "--batch", 3
    )
    assert odd.exit_code == 2
    assert "batch must be even" in odd.stderr


@pytest.mark.usefixtures("few_crops")
def test_ludvae_then_degrade(tmp_path) -> None:
    for name, noise in (("clean", 0.0), ("degraded", 0.08)):
        (tmp_path / name).mkdir()
        g = torch.Generator().manual_seed(len(name))
        for i in range(2):
            image = 0.3 + 0.4 * torch.rand(3, 1, 1, generator=g) + noise * torch.randn(3, 72, 80, generator=g)
            images.write(tmp_path / name / f"{i}.png", image.clamp(0, 1))
    result = run(
        "train",
        "ludvae",
        "--clean",
        tmp_path / "clean",
        "--degraded",
        tmp_path / "degraded",
        "--out",
        tmp_path / "run",
        "--steps",
        2,
        "--batch",
        2,
        "--crop",
        16,
        "--device",
        "cpu",
    )
    model = tmp_path / "run" / "best.safetensors"
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"model written to {model}\n"), result.output
    assert (
        run(
            "degrade", tmp_path / "clean", "--model", model, "--out", tmp_path / "noisy", "--device", "cpu"
        ).exit_code
        == 0
    )
    residual = images.read(tmp_path / "noisy" / "0.png") - images.read(tmp_path / "clean" / "0.png")
    assert residual.std().item() == pytest.approx(0.08, rel=0.3)


def test_glow(tmp_path, photos) -> None:
    result = run(
        "train",
        "glow",
        "--images",
        photos,
        "--out",
        tmp_path / "run",
        "--steps",
        2,
        "--batch",
        2,
        "--crop",
        16,
        "--device",
        "cpu",
    )
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "run" / "model.json").read_text())["unit"] == "bits/dim"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"--crop": 20}, "crop must be a multiple of 8, got 20"),
        ({"--crop": 400}, "none of 2 images can be used"),
        ({"--scale": 3}, "scale must be"),
        ({"--lr": 0}, "lr and clip must be positive"),
        ({"--device": "nonsense"}, "device nonsense"),
        ({"--hr": "nowhere"}, "nowhere: no such folder"),
    ],
)
def test_bad_input_is_one_line(tmp_path, photos, changes, said) -> None:
    options = {"--hr": photos, "--out": tmp_path / "run", "--device": "cpu", "--crop": 16, **changes}
    result = run("train", "srflow", *(part for option in options.items() for part in option))
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_how_it_is_run_is_passed_on(tmp_path, photos) -> None:
    arguments = (
        "train",
        "glow",
        "--images",
        photos,
        "--out",
        tmp_path / "run",
        "--steps",
        2,
        "--batch",
        2,
        "--crop",
        16,
        "--device",
        "cpu",
    )
    found = run(*arguments, "--precision", "bfloat16", "--channels-last", "--reversible", "--dry-run")
    assert found.exit_code == 0, found.output
    assert "Glow, " in found.stdout, found.output
    assert "2 steps: about" in found.stdout, found.output
    assert not (tmp_path / "run").exists()
    found = run(*arguments, "--precision", "bfloat16", "--reversible")
    notes = json.loads((tmp_path / "run" / "model.json").read_text())
    assert found.exit_code == 0
    assert notes["precision"] == "bfloat16"
    assert notes["model"]["reversible"] is True
    found = run(*arguments, "--devices", 3)
    assert found.exit_code == 2
    assert "batch must share equally many crops among 3 devices" in found.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--task", "fog"), "Invalid value for '--task': 'fog' is not one of 'denoise', 'sr', 'lowlight'"),
        (
            ("--task", "sr", "--loss", "wgan"),
            "Invalid value for '--loss': 'wgan' is not one of 'pixel', 'perceptual', 'gan'",
        ),
        (("--task", "denoise", "--loss", "gan"), "nflib: loss gan needs the task sr, got denoise\n"),
        (
            ("--task", "lowlight", "--loss", "perceptual"),
            "nflib: loss perceptual needs the task sr, got lowlight\n",
        ),
        (
            ("--task", "sr", "--loss", "pixel", "--vgg", "vgg.pth"),
            "nflib: vgg and features are for the loss gan, got pixel\n",
        ),
    ],
)
def test_restorers_that_there_are_not(tmp_path, photos, options, said) -> None:
    result = run(
        "train",
        "restorer",
        "--clean",
        photos,
        "--degrader",
        "white:5",
        "--out",
        tmp_path / "run",
        "--device",
        "cpu",
        *options,
    )
    assert result.exit_code == 2
    assert result.stdout == ""
    # newer versions of Typer say that a value error was found
    assert said in result.stderr.replace("Value error, ", "")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("arguments", [["train", "--help"], ["train", "deflow", "--help"]])
def test_without_the_packages_that_training_needs_it_is_one_line(arguments) -> None:
    code = (
        "import sys; sys.modules['pytorch_lightning'] = None; "
        f"from nflib.cli import app; app({arguments!r}, prog_name='nflib')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == 'nflib: training needs the package pytorch_lightning: pip install "nflib[train]"\n'


def test_every_training_without_a_degrader_is_a_command_with_help_for_each_option() -> None:
    listed = run("train", "--help").stdout
    for name, row in TRAININGS.items():
        on_pairs = "degrader" in inspect.signature(row.train).parameters
        assert (f"  {name} " in listed) != on_pairs
        if not on_pairs:
            text = run("train", name, "--help").stdout
            options = re.split(r"\n  (?=--)", text)[1:]
            assert len(options) > 16
            assert all(len(option.split()) > 3 for option in options if not option.startswith("--help"))
