"""Training against a discriminator: whose gradient moves whom, that a killed run ends as it would have, what
happens to NaN.

The perceptual loss is that of a seeded random VGG19, which stands in for trained weights and means nothing.
"""

import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from typer.testing import CliRunner

from nflib import checkpoints, images
from nflib.cli import app
from nflib.data import SuperResolutionImages
from nflib.metrics import EfficientNetFeatures, feature_distance
from nflib.models import (
    ESRGANDiscriminator,
    ESRGANDiscriminatorConfig,
    RefinementConfig,
    RefinementNet,
    RRDBConfig,
    RRDBNet,
)
from nflib.models.esrgan import discriminator_loss, generator_loss, perceptual_loss, vgg19_features
from nflib.training import (
    ESRGANTask,
    Recipe,
    Running,
    esrgan,
    fit,
    super_resolver,
    train_esrgan,
    train_super_resolver,
)
from nflib.training.super_resolver import PerceptualTask

RECIPE = Recipe(steps=8, batch=2, lr=1e-3, every=4)
pytestmark = pytest.mark.usefixtures("one_thread")


def small_task(features=None, kind=ESRGANTask) -> Any:
    torch.manual_seed(0)
    net = RefinementNet(RefinementConfig(2, 4, 1))
    nn.init.normal_(net.last.weight, std=0.02)
    return kind(net, ESRGANDiscriminator(ESRGANDiscriminatorConfig("vgg", 2, 32)), features)


def crops(seed=0) -> SuperResolutionImages:
    generator = torch.Generator().manual_seed(7)
    return SuperResolutionImages([torch.rand(3, 40, 48, generator=generator) for _ in range(3)], 2, 32, seed)


def train(out, task=None) -> tuple[Any, Callable[..., Any]]:
    task = task or small_task()

    def run(**how) -> Any:
        return fit(
            task,
            crops(),
            out,
            recipe=RECIPE,
            validation=crops(seed=1),
            seed=5,
            running=Running(device="cpu", **how),
        )

    return task, run


@pytest.fixture(scope="module")
def uninterrupted(one_thread, tmp_path_factory) -> Any:
    task, run = train(tmp_path_factory.mktemp("whole") / "run")
    run()
    return task


def test_each_network_gets_the_gradient_of_its_own_loss() -> None:
    """Against two backward passes, one for each optimiser, as the authors' code does it."""
    task, (hr, lr) = (
        small_task(vgg19_features(pretrained=False)),
        torch.utils.data.default_collate([crops()[i] for i in range(2)]),
    )
    total = task.loss(task.model, (hr, lr), None)
    total.backward()
    mine = {
        name: parameter.grad.clone()
        for name, parameter in task.named_parameters()
        if parameter.grad is not None
    }
    task.zero_grad()
    assert all(name.startswith(("model.", "discriminator.")) for name in mine)

    generator, discriminator = task.model, task.discriminator
    sr = generator(lr)
    for parameter in discriminator.parameters():
        parameter.requires_grad_(False)
    loss = 1e-2 * nn.functional.l1_loss(sr, hr) + 1 * perceptual_loss(sr, hr, task.features)
    loss = loss + 5e-3 * generator_loss(discriminator(hr), discriminator(sr))
    loss.backward()
    for parameter in discriminator.parameters():
        assert parameter.grad is None
        parameter.requires_grad_(True)
    other = discriminator_loss(discriminator(hr), discriminator(sr.detach()))
    other.backward()
    torch.testing.assert_close(total, loss + other)
    theirs = dict(task.named_parameters())
    for name, gradient in mine.items():
        torch.testing.assert_close(gradient, theirs[name].grad, rtol=1e-4, atol=1e-7)
    assert len(mine) == sum(1 for network in (generator, discriminator) for _ in network.parameters())


def test_both_networks_move_and_the_parts_are_logged(uninterrupted) -> None:
    start = small_task()
    for network, before in (
        (uninterrupted.model, start.model),
        (uninterrupted.discriminator, start.discriminator),
    ):
        assert all(
            not torch.equal(a, b) for a, b in zip(network.parameters(), before.parameters(), strict=True)
        )
    assert set(uninterrupted.figures()) == {"fidelity", "adversarial", "discriminator"}


def test_validation_is_what_the_truth_says(tmp_path) -> None:
    _task, run = train(tmp_path / "run")
    model = checkpoints.load(run())
    pairs = [crops(seed=1)[i] for i in range(3)]
    with torch.no_grad():
        errors = [(model(lr[None])[0] - hr).abs().mean().item() for hr, lr in pairs]
    wanted = 1e-2 * ((errors[0] + errors[1]) / 2 + errors[2]) / 2  # the mean of two batches
    assert model.notes["validation"] == pytest.approx(wanted, rel=1e-5)
    assert model.notes["validation_unit"] == "0.01 * mean absolute error"
    assert model.notes["perceptual"] == "left out"


def test_killed_and_resumed_ends_with_the_same_weights(uninterrupted, tmp_path, monkeypatch) -> None:
    whole_step = ESRGANTask.training_step

    def dying(task, batch, number) -> None:
        if task.step == 6:
            raise KeyboardInterrupt
        whole_step(task, batch, number)

    monkeypatch.setattr(ESRGANTask, "training_step", dying)
    _, run = train(tmp_path / "run")
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        run()
    monkeypatch.undo()
    state = torch.load(tmp_path / "run" / "last.state", weights_only=True)
    assert state["step"] == 4
    assert not (tmp_path / "run" / "model.safetensors").exists()
    task, run = train(tmp_path / "run")
    file = run(resume=True)
    for network, other in (
        (task.model, uninterrupted.model),
        (task.discriminator, uninterrupted.discriminator),
        (task.averaged, uninterrupted.averaged),
    ):
        mine, theirs = network.state_dict(), other.state_dict()
        assert all(torch.equal(mine[name], theirs[name]) for name in theirs)
        assert mine.keys() == theirs.keys()
    saved = load_file(file)
    assert set(saved) == set(small_task().model.state_dict())  # the discriminator is no part of the result


def test_a_run_belongs_to_its_discriminator_and_its_perceptual_loss(tmp_path) -> None:
    _, run = train(tmp_path / "run")
    run()
    task = small_task()
    task = ESRGANTask(task.model, ESRGANDiscriminator(ESRGANDiscriminatorConfig("patch", 2)), None)
    with pytest.raises(
        ValueError, match=r"run: discriminator was ESRGANDiscriminatorConfig\(kind='vgg', .* now .*'patch'"
    ):
        train(tmp_path / "run", task)[1](resume=True)
    with pytest.raises(ValueError, match="run: perceptual was left out, now VGG19, conv5_4"):
        train(tmp_path / "run", small_task(nn.Identity()))[1](resume=True)


class Poisoned(ESRGANTask):
    """In one step the discriminator's output, or the gradient of one of its layers only, is made NaN."""

    kind = "output"

    def loss(self, model, batch, generator) -> torch.Tensor:
        if self.step != 5:
            return super().loss(model, batch, generator)
        layer = self.discriminator.net[2]
        if self.kind == "gradient":  # the backward pass is still to come, and others after it
            layer.weight.register_hook(lambda gradient: gradient * (float("nan") if self.step == 5 else 1))
            return super().loss(model, batch, generator)
        handle = layer.register_forward_hook(
            lambda module, inputs, output: output * float("nan"), prepend=True
        )
        try:
            return super().loss(model, batch, generator)
        finally:
            handle.remove()


@pytest.mark.parametrize(
    ("kind", "named"),
    [
        ("output", r"the output of discriminator\.net\.2 \(Conv2d\) is not finite"),
        ("gradient", r"the gradient is first not finite, going backwards, at discriminator\.net\.2\.weight"),
    ],
)
def test_a_bad_discriminator_is_named_and_undone(tmp_path, caplog, kind, named) -> None:
    task = small_task(kind=Poisoned)
    task.kind = kind
    _, run = train(tmp_path / "run", task)
    with caplog.at_level(logging.WARNING):
        file = run()
    messages = [record.getMessage() for record in caplog.records if record.name.startswith("nflib")]
    assert len(messages) == 1
    assert re.fullmatch(rf"step 5: {named}; back to the weights of step 4", messages[0])
    assert task.step == RECIPE.steps
    assert all(torch.isfinite(tensor).all() for tensor in load_file(file).values())
    assert all(torch.isfinite(tensor).all() for tensor in task.discriminator.state_dict().values())


@pytest.fixture
def photos(tmp_path, monkeypatch) -> Path:
    """A folder of photos, and no weights anywhere."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    (tmp_path / "clean").mkdir()
    for seed in range(2):
        images.write(
            tmp_path / "clean" / f"{seed}.png",
            torch.rand(3, 64, 72, generator=torch.Generator().manual_seed(seed)),
        )
    return tmp_path / "clean"


COMMON = {"steps": 2, "batch": 2, "crop": 32}


def test_the_command_trains_a_start_first_and_says_what_is_missing(photos, tmp_path, caplog) -> None:
    arguments = [
        str(a)
        for a in (
            "train",
            "restorer",
            "--clean",
            photos,
            "--degrader",
            "white:5",
            "--task",
            "sr",
            "--loss",
            "gan",
            "--out",
            tmp_path / "run",
            "--device",
            "cpu",
            *(part for name, value in COMMON.items() for part in (f"--{name}", value)),
        )
    ]
    with caplog.at_level(logging.WARNING):
        result = CliRunner().invoke(app, arguments)
    model = tmp_path / "run" / "model.safetensors"
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"model written to {model}\n"), result.output
    missing = [
        record.getMessage() for record in caplog.records if "vgg19-dcbb9e9d.pth" in record.getMessage()
    ]
    assert len(missing) == 1
    assert missing[0].startswith("training goes without the perceptual loss")
    first, last = checkpoints.load(tmp_path / "run" / "start" / "model.safetensors"), checkpoints.load(model)
    assert first.notes["task"] == "RRDBTask"
    assert last.notes["task"] == "ESRGANTask"
    assert first.config == last.config == RefinementConfig(2)
    assert last.notes["discriminator"].startswith("ESRGANDiscriminatorConfig(kind='patch'")
    # the second training began where the first one ended: two steps of Adam move a weight by about twice the
    # learning rate
    moved = max(
        (a - b).abs().max().item() for a, b in zip(first.parameters(), last.parameters(), strict=True)
    )
    assert 0 < moved <= 2.1 * last.notes["recipe"]["lr"]
    assert CliRunner().invoke(app, arguments).exit_code == 2
    assert CliRunner().invoke(app, [*arguments, "--resume"]).exit_code == 0
    result = CliRunner().invoke(
        app,
        ["restore", str(photos), "--model", str(model), "--out", str(tmp_path / "large"), "--device", "cpu"],
    )
    assert result.exit_code == 0
    assert images.read(tmp_path / "large" / "0.png").shape == (3, 128, 144)


def test_from_a_model_with_named_weights(photos, tmp_path) -> None:
    torch.manual_seed(1)
    start = RRDBNet(RRDBConfig(4, 4, 2, 1))
    checkpoints.save(start, tmp_path / "start.safetensors")
    torch.save(
        {
            f"features.{name}": tensor
            for name, tensor in vgg19_features(pretrained=False)[1].state_dict().items()
        },
        tmp_path / "vgg.pth",
    )
    how = {
        "scale": 4,
        "start": tmp_path / "start.safetensors",
        "vgg": tmp_path / "vgg.pth",
        "lr": 1e-12,
        **COMMON,
    }
    model = checkpoints.load(
        train_esrgan(photos, "white:5", tmp_path / "run", **how, running=Running(device="cpu"))
    )
    assert model.config == start.config
    assert model.notes["perceptual"] == "VGG19, conv5_4"
    assert not (tmp_path / "run" / "start").exists()
    # with almost no learning it is still the one that was given
    assert all(
        torch.allclose(a, b, atol=1e-9) for a, b in zip(model.parameters(), start.parameters(), strict=True)
    )


@pytest.fixture
def random_features(monkeypatch) -> EfficientNetFeatures:
    """A random network in place of the one whose weights a package ships."""
    features = EfficientNetFeatures().eval().requires_grad_(False)
    for module in (esrgan, super_resolver):
        monkeypatch.setattr(module, "efficientnet_features", lambda: features)
    return features


def test_features_of_efficientnet_take_the_place_of_vgg(photos, tmp_path, random_features) -> None:
    how = {**COMMON, "features": "efficientnet", "start": tmp_path / "start.safetensors", "lr": 1e-12}
    checkpoints.save(RefinementNet(RefinementConfig(2, 4, 1)), tmp_path / "start.safetensors")
    model = checkpoints.load(
        train_esrgan(photos, "white:5", tmp_path / "run", **how, running=Running(device="cpu"))
    )
    assert model.notes["perceptual"] == "EfficientNet-Lite0, unweighted"
    task = small_task(random_features)
    hr, sr = torch.rand(2, 1, 3, 32, 32).unbind()
    expected = 0.01 * (sr - hr).abs().mean() + 0.001 * feature_distance(sr, hr, random_features).mean()
    torch.testing.assert_close(task.fidelity(sr, hr), expected)
    assert "0.001 * perceptual" in task.validation_unit


def test_the_perceptual_loss_without_an_opponent(photos, tmp_path, random_features) -> None:
    """Far from the truth in pixels is weighed against far in features, both with a gradient."""
    file = train_super_resolver(
        photos, "white:5", tmp_path / "run", loss="perceptual", **COMMON, running=Running(device="cpu")
    )
    assert checkpoints.load(file).notes["task"] == "PerceptualTask"
    task = PerceptualTask(RefinementNet(RefinementConfig(2, 4, 1)), random_features)
    hr = torch.rand(1, 3, 32, 32)
    lr = images.resize(hr, 1 / 2).clamp(0, 1)
    sr = task.model(lr)
    expected = (sr - hr).abs().mean() + 0.003 * feature_distance(sr, hr, random_features).mean()
    torch.testing.assert_close(task.loss(task.model, (hr, lr), None), expected)
    with pytest.raises(ValueError, match="loss must be one of pixel, perceptual, got 'gan'"):
        train_super_resolver(photos, "white:5", tmp_path / "other", loss="gan", **COMMON)


def test_bad_input(photos, tmp_path) -> None:
    checkpoints.save(RefinementNet(RefinementConfig(2, 4, 1)), tmp_path / "two.safetensors")
    (tmp_path / "vgg.pth").write_text("no weights")
    for arguments, message in (
        (
            {"start": tmp_path / "two.safetensors", "scale": 4},
            r"expected RRDBNet or RefinementNet of scale 4, found RefinementNet with .*scale=2",
        ),
        ({"start": tmp_path / "two.safetensors", "size": "huge"}, "size must be one of small, full"),
        ({"vgg": tmp_path / "vgg.pth"}, "expected the weights of torchvision's vgg19"),
        ({"features": "alexnet"}, "features must be one of vgg19, efficientnet, got 'alexnet'"),
        (
            {"features": "efficientnet", "vgg": tmp_path / "vgg.pth"},
            "vgg is for features vgg19, got efficientnet",
        ),
        (
            {"size": "full", "crop": 40},
            "crop must be a multiple of 32 for a discriminator of kind 'vgg', got 40",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            train_esrgan(
                photos, "white:5", tmp_path / "run", **{**COMMON, **arguments}, running=Running(device="cpu")
            )
        assert not (tmp_path / "run").exists()
