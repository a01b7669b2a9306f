"""Restorers on synthetic pairs: what a pair is, that training restores, that a run belongs to its degrader."""

import json
import math

import pytest
import torch
from torch.utils.data import default_collate
from typer.testing import CliRunner

from nflib import checkpoints, data, images, metrics
from nflib.cli import app
from nflib.models import DnCNN, DnCNNConfig, LowLightFlow, LowLightFlowConfig, RefinementConfig, RefinementNet
from nflib.training import LowLightTask, RestorerTask, train_restorer
from nflib.training.restorer import DegradedLowResolution, LowResolutionPairs
from nflib.training.sizes import dncnn_config


def smooth(seed, height=48, width=56):
    small = torch.rand(1, 3, 6, 7, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(small, (height, width), mode="bicubic").clamp(0.1, 0.9)[0]


@pytest.fixture
def photos(tmp_path):
    """Clean photos, and pairs of others in "true/clean" and "true/degraded"."""
    g = torch.Generator().manual_seed(1)
    for name, seeds, sigma in (("clean", (0, 1, 2), 0), ("true/clean", (3, 4), 0), ("true/degraded", (3, 4), 0.1)):
        (tmp_path / name).mkdir(parents=True)
        for seed in seeds:
            image = smooth(seed)
            images.write(tmp_path / name / f"{seed}.png", (image + sigma * torch.randn(image.shape, generator=g)).clamp(0, 1))
    return tmp_path


def test_the_loss_is_the_mean_squared_error_of_what_the_network_makes_of_the_degraded_image():
    torch.manual_seed(0)
    model = DnCNN(DnCNNConfig(2, 4, False))
    clean, degraded = torch.rand(2, 2, 3, 8, 8)
    loss = RestorerTask(model).loss(model, (clean, degraded), None)
    torch.testing.assert_close(loss, ((degraded - clean) ** 2).mean())  # a new DnCNN returns its input
    torch.nn.init.constant_(model.convs[-1].bias, 0.1)
    torch.testing.assert_close(RestorerTask(model).loss(model, (clean, degraded), None), ((degraded - 0.1 - clean) ** 2).mean())


def test_low_resolution_crops_are_degraded_anew_and_the_rest_is_as_without():
    photos = [smooth(0), smooth(1)]
    plain = data.SuperResolutionImages(photos, 2, 16, 3)
    pairs = DegradedLowResolution(photos, 2, 16, 3, data.White(0.1))
    residuals = []
    for i in range(40):
        (hr, lr), (same, clean) = pairs[i], plain[i]
        assert torch.equal(hr, same) and torch.equal(lr, pairs[i][1])
        residuals.append(lr - clean)
    residuals = torch.stack(residuals)
    assert residuals.std().item() == pytest.approx(0.1, rel=0.05)  # clipped a little
    correlation = torch.corrcoef(residuals.flatten(1)) - torch.eye(40)
    assert correlation.abs().max() < 0.4  # no noise comes twice; 192 values: 5.5 deviations


def test_low_resolution_pairs_show_the_same_place(tmp_path):
    for name, factor in (("hr", 1), ("lr", 1 / 2)):
        (tmp_path / name).mkdir()
        for seed in range(3):
            image = smooth(seed, 40 + 8 * seed)
            images.write(tmp_path / name / f"{seed}.png", images.resize(image, factor).clamp(0, 1))
    pairs = LowResolutionPairs(tmp_path / "hr", tmp_path / "lr", 2, 16, seed=5)
    batch = default_collate([pairs[i] for i in range(30)])
    assert len(pairs) == 3 and pairs.skipped == [] and batch[0].shape[2:] == (16, 16) and batch[1].shape[2:] == (8, 8)
    inner = images.resize(batch[0], 1 / 2)[..., 2:-2, 2:-2]  # the border of a crop does not know what was beyond it
    torch.testing.assert_close(inner, batch[1][..., 2:-2, 2:-2], rtol=0, atol=2 / 255)
    assert len({tuple(x.flatten().tolist()) for x in batch[0]}) > 20  # not always the same place
    images.write(tmp_path / "lr" / "1.png", torch.rand(3, 24, 20))
    with pytest.raises(ValueError, match=r"1.png: 56x48 pixels, expected 2 times the 20x24 of .*1.png"):
        LowResolutionPairs(tmp_path / "hr", tmp_path / "lr", 2, 16)
    (tmp_path / "lr" / "1.png").unlink()
    with pytest.raises(ValueError, match="same names, found 1 in one only"):
        LowResolutionPairs(tmp_path / "hr", tmp_path / "lr", 2, 16)


def test_a_denoiser_denoises_true_pairs(photos):
    best = train_restorer(
        photos / "clean", "white:25.5", photos / "run",
        validation_clean=photos / "true/clean", validation_degraded=photos / "true/degraded", steps=60, batch=4, crop=16, device="cpu",
    )
    assert best == photos / "run" / "best.safetensors"
    model = checkpoints.load(best)
    assert model.config == DnCNNConfig.small() and model.notes["degrader"] == "white:25.5" and model.notes["unit"] == "mean squared error"
    degraded, clean = (torch.stack([images.read(photos / "true" / kind / f"{n}.png") for n in (3, 4)]) for kind in ("degraded", "clean"))
    with torch.no_grad():
        gain = metrics.psnr(model(degraded).clamp(0, 1), clean) - metrics.psnr(degraded, clean)
    assert gain.min() > 1  # in 60 steps; a network that learned nothing returns its input


def test_a_run_can_be_repeated_and_another_degrader_is_another_run(photos):
    def train(out, degrader="ntire", **more):
        return train_restorer(photos / "clean", degrader, photos / out, steps=4, batch=2, crop=16, device="cpu", **more)

    weights = [checkpoints.load(train(name)).state_dict() for name in ("one", "two")]
    assert all(torch.equal(a, b) for a, b in zip(*(w.values() for w in weights)))
    with pytest.raises(ValueError, match=r"one: degrader was ntire, now white:12; choose another folder"):
        train("one", degrader="white:12", resume=True)
    assert train("one", resume=True).is_file()
    assert json.loads((photos / "one" / "model.json").read_text())["degrader"] == "ntire"


def test_bad_input(photos):
    for arguments, message in (
        ({"task": "fog"}, "task must be one of denoise, sr, lowlight, got 'fog'"),
        ({"task": "lowlight", "crop": 20}, "crop must be a multiple of 8, got 20"),
        ({"degrader": "rain"}, "rain: no such file, bundled model"),
        ({"size": "huge"}, "size must be one of small, full, got 'huge'"),
        ({"task": "sr", "scale": 3}, "scale must be 2, 4, 8 or 16, got 3"),
        ({"task": "sr", "crop": 15}, "crop must be a multiple of the scale"),
        ({"validation_clean": photos / "true/clean"}, "validation needs both folders"),
        ({"crop": 50}, "none of 3 images can be used"),
    ):
        with pytest.raises(ValueError, match=message):
            usual = {"clean": photos / "clean", "degrader": "white:12", "out": photos / "run", "steps": 1, "device": "cpu"}
            train_restorer(**{**usual, **arguments})
        assert not (photos / "run").exists()


def run(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.mark.parametrize("task, scale, kind", [("denoise", 1, DnCNN), ("sr", 2, RefinementNet), ("lowlight", 1, LowLightFlow)])
def test_the_commands(photos, task, scale, kind):
    small = photos / "small"
    small.mkdir()
    for n in (3, 4):
        images.write(small / f"{n}.png", images.resize(images.read(photos / "true/degraded" / f"{n}.png"), 1 / scale).clamp(0, 1))
    result = run(
        "train", "restorer", "--clean", photos / "clean", "--degrader", "dark+white:4" if task == "lowlight" else "white:12", "--task", task, "--out", photos / "run", "--steps", 2,
        "--batch", 2, "--crop", 16, "--validation-clean", photos / "true/clean", "--validation-degraded", small, "--device", "cpu",
    )
    best = photos / "run" / "best.safetensors"
    assert result.exit_code == 0 and result.stdout.startswith(f"model written to {best}\n"), result.output
    model = checkpoints.load(best)
    assert type(model) is kind and model.notes["validation"] > 0
    configs = {"denoise": dncnn_config("small"), "sr": RefinementConfig(2), "lowlight": LowLightFlowConfig.small()}
    assert model.config == configs[task]
    result = run("restore", small, "--model", best, "--out", photos / "restored", "--device", "cpu")
    assert result.exit_code == 0 and result.stdout == f"2 images written to {photos / 'restored'}\n", result.output
    assert images.read(photos / "restored" / "3.png").shape == (3, 48, 56)


def test_bits_per_dimension_of_bright_images():
    torch.manual_seed(0)
    model = LowLightFlow(LowLightFlowConfig(2, 1, 4, 4, 1))
    bright, dark = torch.rand(6, 3, 8, 8), 0.2 * torch.rand(6, 3, 8, 8)
    task, seeds = LowLightTask(model), [torch.Generator().manual_seed(0) for _ in range(3)]
    task.loss(model, (bright, dark), seeds[0])  # ActNorm
    loss = task.loss(model.eval(), (bright, dark), seeds[1])  # no true colours where a model is judged
    noisy = bright + (torch.rand(bright.shape, generator=seeds[2]) - 0.5) / 32
    torch.testing.assert_close(loss, (model.nll(noisy, dark).mean() / 192 + math.log(32)) / math.log(2))
    training = [task.loss(model.train(), (bright, dark), torch.Generator().manual_seed(s)) for s in (0, 0, 1)]
    assert training[0] == training[1] != training[2]
