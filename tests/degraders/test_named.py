"""Names of degraders, as users write them."""

import pytest
import torch

from nflib import checkpoints, degraders, images, units
from nflib.models import DeFlow, DeFlowConfig, RRDBConfig, RRDBNet


def test_simulated_ones() -> None:
    assert degraders.load("ntire") is degraders.degrade_ntire
    assert degraders.load("camera") is degraders.degrade_camera
    assert degraders.load("white:12") == degraders.White(12 / 255)
    assert degraders.load("white:2.5") == degraders.White(2.5 / 255)


def test_one_after_the_other() -> None:
    found, clean = degraders.load("dark+white:12"), torch.rand(3, 20, 20, generator=units.generator(0))
    assert found == degraders.Composed(degraders.LowLight(), degraders.White(12 / 255))
    assert degraders.load("lowlight") is degraders.degrade_low_light
    generator = units.generator(1)
    dark = degraders.LowLight()(clean, 0.7, generator)
    assert torch.equal(found(clean, 0.7, units.generator(1)), degraders.White(12 / 255)(dark, 0.7, generator))


def test_patches_of_a_folder(tmp_path) -> None:
    images.write(tmp_path / "a.png", 0.4 + 0.2 * torch.rand(3, 96, 96, generator=units.generator(0)))
    assert torch.equal(
        degraders.load(f"patches:{tmp_path}").patches, degraders.NoisePatches.collect(tmp_path).patches
    )


def test_a_model(tmp_path) -> None:
    torch.manual_seed(0)
    net = DeFlow(
        DeFlowConfig(RRDBConfig(2, 4, 2, 1), taps=(), levels=2, steps=1, transitions=0, hidden=4, noise=0.3)
    )
    checkpoints.save(net, tmp_path / "mine.safetensors")
    found = degraders.load(tmp_path / "mine.safetensors", tile=64)
    assert isinstance(found, degraders.Learned)
    assert found.tile == 64
    assert not found.model.training
    checkpoints.save(RRDBNet(RRDBConfig(2, 4, 2, 1)), tmp_path / "rrdb.safetensors")
    with pytest.raises(ValueError, match="model is a RRDBNet, expected one that degrades"):
        degraders.load(tmp_path / "rrdb.safetensors")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "nothing",
            r"nothing: no such file, bundled model \(.*srflow_x4_small.*\) or degradation \(ntire, aim, "
            r"camera, lowlight, dark, random, white:12, patches:FOLDER, jpeg:62, ONE\+OTHER\)",
        ),
        ("dark+nothing", "nothing: no such file"),
        ("dark+", ": no such file"),
        ("white", "expected white:SIGMA with SIGMA in grey levels"),
        ("white:x", "expected white:SIGMA"),
        ("white:-3", "expected white:SIGMA"),
        ("white:nan", "expected white:SIGMA"),
        ("white:300", "expected white:SIGMA"),
        ("patches:no/such/folder", "no/such/folder: no such folder"),
    ],
)
def test_names_of_nothing(name, message) -> None:
    with pytest.raises(ValueError, match=message):
        degraders.load(name)
