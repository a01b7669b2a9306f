"""The h that is taught is the h that is used: a DeFlow trains with every one of them, and its file knows
which.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from nflib import checkpoints, units
from nflib.data import UnpairedImages
from nflib.domain import Compose, DenoisingAutoencoder, Downsample, parse
from nflib.models import DeFlow, DeFlowConfig, RRDBConfig
from nflib.training import DeFlowTask, Recipe, Running, deflow, fit, train_affine_deflow, train_deflow
from tests.helpers.folders import smooth_photos

# The maps of the slides: bicubic with noise, additive and multiplicative noise, smoothing, median, bilateral,
# max-pooling, auto-encoder.
OF_THE_SLIDES = [
    "downsample:2+noise:0.03",
    "noise:0.1",
    "multiply:0.1",
    "blur:1.5+noise:0.05",
    "median:3+noise:0.05",
    "bilateral:1.0:0.15+noise:0.05",
    "maxpool:2+noise:0.05",
    "autoencoder:6:8+noise:0.05",
]


def config(h: str) -> DeFlowConfig:
    encoder = RRDBConfig(parse(h).shrink, 4, 2, 1)
    return DeFlowConfig(encoder, taps=(), levels=2, steps=1, transitions=0, hidden=4, h=parse(h))


@pytest.mark.parametrize("h", OF_THE_SLIDES)
def test_a_deflow_trains_with_every_h_of_the_slides(h, tmp_path) -> None:
    torch.manual_seed(0)
    model = DeFlow(config(h))
    data = UnpairedImages(smooth_photos(0), smooth_photos(1, 0.05), 16)
    recipe = Recipe(steps=2, batch=4, lr=1e-3, every=1)
    file = fit(DeFlowTask(model), data, tmp_path / "run", recipe=recipe, running=Running(device="cpu"))
    again = checkpoints.load(file)
    assert again.config.h == parse(h)
    photo = smooth_photos(2)[0][None]
    condition = again.condition(photo, units.generator(0))
    assert condition.shape == (1, 3, 64 // parse(h).shrink, 64 // parse(h).shrink)
    if not any(step.has_weights for step in parse(h).maps):
        assert torch.equal(condition, parse(h)(photo, units.generator(0)))
    degraded = again.degrade(photo, generator=units.generator(1))
    assert torch.equal(degraded, checkpoints.load(file).degrade(photo, generator=units.generator(1)))


def test_the_network_of_an_auto_encoder_is_trained_first_and_kept(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(deflow, "START_CROPS", 8)
    torch.manual_seed(0)
    model = DeFlow(config("autoencoder:6:8+noise:0.05"))
    before = [parameter.clone() for parameter in model.h.parameters()]
    fitted = []
    train = DenoisingAutoencoder.fit
    monkeypatch.setattr(
        DenoisingAutoencoder, "fit", lambda *a, **k: fitted.append(len(a[1])) or train(*a, steps=3, **k)
    )
    deflow.fit_h(model, UnpairedImages(smooth_photos(0), smooth_photos(1, 0.05), 48), seed=0)
    assert fitted == [16]
    assert any(not torch.equal(a, b) for a, b in zip(before, model.h.parameters(), strict=True))
    assert not any(parameter.requires_grad for parameter in model.h.parameters())
    checkpoints.save(model, tmp_path / "model.safetensors")
    for a, b in zip(
        checkpoints.load(tmp_path / "model.safetensors").h.parameters(), model.h.parameters(), strict=True
    ):
        assert torch.equal(a, b)


def test_the_default_is_that_of_the_paper() -> None:
    assert DeFlowConfig().h == parse("downsample:4+noise:0.03")
    assert DeFlowConfig.aim().h == parse("downsample:8+noise:0.03")
    assert DeFlowConfig(RRDBConfig(1)).h == parse("noise:0.03")


def test_an_h_that_does_not_fit_the_encoder() -> None:
    with pytest.raises(
        ValueError,
        match=r"h must shrink images by the encoder's scale 4, got downsample:2\+noise:0.03, which "
        r"shrinks by 2",
    ):
        DeFlowConfig(h=parse("downsample:2+noise:0.03"))


@pytest.mark.parametrize(
    ("old", "h"),
    [
        ({"condition_noise": 0.1, "condition_blur": 1.0}, "downsample:2+blur:1.0+noise:0.1"),
        ({"condition_noise": 0.03, "condition_blur": 0.0}, "downsample:2+noise:0.03"),
        ({"condition_noise": 0.0}, "downsample:2+noise:0.0"),
    ],
)
def test_files_of_before_load(old, h) -> None:
    """Before, h was the numbers of a blur and of a noise."""
    values = checkpoints.files.plain(config("downsample:2+noise:0.5"))
    del values["h"]
    built = checkpoints.files.build("DeFlow", {**values, **old})
    assert built.config == replace(config("downsample:2+noise:0.5"), h=parse(h))


@pytest.mark.parametrize("train", [train_deflow, train_affine_deflow])
def test_a_function_of_ones_own_is_refused_before_training(tmp_path, train) -> None:
    """A file could not tell it, and the model could not be loaded again."""
    for h in (shifted, Compose(Downsample(4), shifted)):
        with pytest.raises(ValueError, match="got shifted, which has no name by which a model"):
            train(tmp_path, tmp_path, tmp_path / "run", h=h)
    with pytest.raises(ValueError, match="h must be a text such as downsample:4.* or a map, got int"):
        train(tmp_path, tmp_path, tmp_path / "run", h=4)
    assert not (tmp_path / "run").exists()


def shifted(images, generator=None) -> torch.Tensor:
    return images.roll(1, -1)
