"""Folders restored: tiles without seams, going on after a stop, stepping over bad files."""

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

import nflib
from nflib import checkpoints, images, units
from nflib.cli import app
from nflib.files import digest
from nflib.models import (
    DnCNN,
    DnCNNConfig,
    Glow,
    GlowConfig,
    LowLightFlow,
    LowLightFlowConfig,
    RefinementConfig,
    RefinementNet,
    RRDBConfig,
    RRDBNet,
)
from nflib.pipeline import restore
from nflib.pipeline.restoration import restored
from tests.helpers.folders import contents, named_folder


def denoiser() -> DnCNN:
    torch.manual_seed(0)
    net = DnCNN(DnCNNConfig(3, 4, False))
    torch.nn.init.normal_(net.convs[-1].weight, std=0.1)
    return net.eval()


def super_resolver() -> RRDBNet:
    torch.manual_seed(0)
    return RRDBNet(RRDBConfig(2, 4, 2, 1)).eval()


def refiner() -> RefinementNet:
    torch.manual_seed(0)
    net = RefinementNet(RefinementConfig(2, 4, 2))
    torch.nn.init.normal_(net.last.weight, std=0.1)
    return net.eval()


def enhancer() -> LowLightFlow:
    torch.manual_seed(0)
    net = LowLightFlow(LowLightFlowConfig(levels=1, steps=1, hidden=4, width=4, blocks=1))
    net.nll(torch.rand(4, 3, 16, 16), 0.3 * torch.rand(4, 3, 16, 16))  # ActNorm
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape))
    return net.eval()


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("models")
    for name, model in (
        ("dncnn", denoiser()),
        ("rrdb", super_resolver()),
        ("refinement", refiner()),
        ("glow", Glow(GlowConfig(2, 1, 4))),
    ):
        checkpoints.save(model, place / f"{name}.safetensors")
    return place


@pytest.fixture
def folder(tmp_path) -> Path:
    return named_folder(tmp_path / "in", a=(9, 12), b=(70, 81))


@pytest.mark.parametrize(("name", "scale"), [("dncnn", 1), ("rrdb", 2), ("refinement", 2)])
def test_a_folder(folder, files, tmp_path, name, scale) -> None:
    model, out = files / f"{name}.safetensors", tmp_path / "out"
    done = restore(folder, model, out, device="cpu")
    assert done.written == (out / "a.png", out / "b.png")
    assert (done.kept, done.skipped) == (0, ())
    assert sorted(contents(out)) == ["a.json", "a.png", "b.json", "b.png"]
    assert json.loads((out / "b.json").read_text()) == {
        "model": str(model),
        "content": digest(model),
        "depth": "keep",
        "format": "png",
        "sha256": digest(folder / "b.png"),
        "done": True,
        "tile": 512,
        "scale": scale,
        "source": "b.png",
        "files": ["b.png"],
        "results": {"b.png": digest(out / "b.png")},
        "nflib": nflib.__version__,
    }
    with torch.no_grad():
        expected = checkpoints.load(model)(images.read(folder / "b.png")[None])[0].clamp(0, 1)
    assert expected.shape == (3, 70 * scale, 81 * scale)
    torch.testing.assert_close(images.read(out / "b.png"), expected, rtol=0, atol=0.5 / 255 + 1e-6)


@pytest.mark.parametrize(
    ("net", "tile", "overlap"),
    [(denoiser(), 40, 16), (super_resolver(), 96, 80), (refiner(), 40, 24), (enhancer(), 80, 52)],
)
def test_tiles_are_what_the_whole_is(net, tile, overlap) -> None:
    """Exact, since a quarter of the overlap is as far as the networks see: 3, 20, 6 and 13 pixels."""
    image = torch.rand(3, 113, 130, generator=units.generator(3))
    with torch.no_grad():
        whole = net(image[None])[0].clamp(0, 1)
    torch.testing.assert_close(restored(net, image, tile=tile, overlap=overlap), whole, rtol=0, atol=2e-6)
    assert (
        restored(net, image, tile=tile, overlap=0) - whole
    ).abs().max() > 1e-4  # tiles with nothing around them do not know


def test_the_usual_overlap_is_enough_for_the_largest_denoiser() -> None:
    assert DnCNN.largest_overlap // 4 >= DnCNNConfig().layers


def test_results_stay_in_the_range_of_images() -> None:
    net = denoiser()
    with torch.no_grad():
        net.convs[-1].bias.copy_(torch.tensor([2.0, -2.0, 0.0]))
    result = restored(net, torch.rand(3, 8, 8), tile=512)
    assert torch.equal(result[0], torch.zeros(8, 8))
    assert torch.equal(result[1], torch.ones(8, 8))


def test_it_goes_on_where_it_stopped(folder, files, tmp_path, monkeypatch) -> None:
    model, out = files / "dncnn.safetensors", tmp_path / "out"
    restore(folder, model, out, device="cpu")
    before = contents(out)
    (out / "b.png").unlink()
    (out / ".b.png.123.part").write_bytes(b"half")
    done = restore(folder, model, out, device="cpu")
    assert (done.kept, done.written) == (1, (out / "b.png",))
    assert contents(out) == before
    monkeypatch.setattr("nflib.pipeline.samples.read_picture", None)  # what is done is not even read
    assert restore(folder, model, out, device="cpu").kept == 2
    with pytest.raises(ValueError, match="a.json: was made with .*choose another folder"):
        restore(folder, model, out, tile=64, device="cpu")


def test_bad_files_and_bad_models(folder, files, tmp_path) -> None:
    model, out = files / "dncnn.safetensors", tmp_path / "out"
    (folder / "c.png").write_bytes(b"not an image")
    result = CliRunner().invoke(
        app, ["restore", str(folder), "--model", str(model), "--out", str(out), "--device", "cpu"]
    )
    assert result.exit_code == 1
    assert result.stdout == f"2 images written to {out}\n"
    begun, first, last = (line for line in result.stderr.splitlines() if "%" not in line)
    assert " of 3 photos" in begun
    assert first.startswith(f"skipped {folder / 'c.png'}")
    assert last == "files skipped: 1"
    assert sorted(contents(out)) == ["a.json", "a.png", "b.json", "b.png"]
    for arguments, message in (
        ({"model": files / "glow.safetensors"}, "is a Glow, expected one that restores"),
        ({"model": "none"}, "none: no such file"),
        ({"source": folder / "c.png", "out": tmp_path / "new"}, "none of 1 images could be used"),
        ({"out": folder}, "holds the images themselves"),
        ({"tile": 0}, "tile must be a multiple of 1, got 0"),
    ):
        with pytest.raises(ValueError, match=message):
            restore(**{"source": folder, "model": model, "out": out, **arguments}, device="cpu")
