"""Trainings that go on with trained models: what they begin with, what stays, how runs are known."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from nflib import checkpoints, images
from nflib.domain import AddNoise, Compose, Downsample
from nflib.models import (
    LUDVAE,
    AffineDeFlow,
    AffineDeFlowConfig,
    DeFlow,
    DeFlowConfig,
    DnCNN,
    DnCNNConfig,
    Glow,
    GlowConfig,
    LowLightFlow,
    LowLightFlowConfig,
    LUDVAEConfig,
    RefinementConfig,
    RefinementNet,
    RRDBConfig,
    RRDBNet,
    SRFlow,
    SRFlowConfig,
)
from nflib.training import (
    Running,
    train_affine_deflow,
    train_deflow,
    train_denoiser,
    train_enhancer,
    train_glow,
    train_ludvae,
    train_rrdb,
    train_srflow,
    train_super_resolver,
)
from nflib.training.folders import BUNDLED
from nflib.transforms import ActNorm
from tests.helpers.folders import smooth_photos

ENCODER = RRDBConfig(2, 4, 2, 1)
FLOW: dict[str, Any] = {"levels": 2, "steps": 1, "transitions": 0, "hidden": 4, "taps": ()}
# Of no size that a training would make by itself.
MODELS = {
    "deflow": lambda: DeFlow(DeFlowConfig(ENCODER, **FLOW, h=Compose(Downsample(2), AddNoise(0.05)))),
    "affine-deflow": lambda: AffineDeFlow(AffineDeFlowConfig(ENCODER, **FLOW)),
    "ludvae": lambda: LUDVAE(LUDVAEConfig(levels=1, width=6, sigma_clean=0.2, sigma_degraded=0.1)),
    "srflow": lambda: SRFlow(SRFlowConfig(ENCODER, **FLOW)),
    "glow": lambda: Glow(GlowConfig(2, 1, 4)),
    "rrdb": lambda: RRDBNet(ENCODER),
    "denoiser": lambda: DnCNN(DnCNNConfig(2, 4, False)),
    "super_resolver": lambda: RefinementNet(RefinementConfig(2, 4, 1)),
    "enhancer": lambda: LowLightFlow(LowLightFlowConfig(1, 1, 4, 4, 1)),
}
TRAIN: dict[str, tuple[Any, str, dict]] = {
    "deflow": (train_deflow, "two", {}),
    "affine-deflow": (train_affine_deflow, "two", {}),
    "ludvae": (train_ludvae, "two", {}),
    "srflow": (train_srflow, "one", {"scale": 2}),
    "glow": (train_glow, "one", {}),
    "rrdb": (train_rrdb, "one", {"scale": 2}),
    "denoiser": (train_denoiser, "pairs", {}),
    "super_resolver": (train_super_resolver, "pairs", {"scale": 2}),
    "enhancer": (train_enhancer, "pairs", {}),
}
PHOTOS = smooth_photos(0)
# Of the start nothing may have been moved but by rounding.
BARELY = {"steps": 1, "batch": 2, "crop": 32, "lr": 1e-9, "running": Running(device="cpu")}


@pytest.fixture(autouse=True)
def found_in_few_crops(monkeypatch, few_crops) -> None:
    """What photos are measured for matters here only in that a noise is found."""
    monkeypatch.setattr("nflib.training.ludvae.NOISE_CROPS", 96)
    monkeypatch.setattr(sys.modules["nflib.training.fit"], "SEEN_CROPS", 8)  # beside a function of its name


def folders() -> tuple[list, list]:
    """Larger photos, whose flat places show the noise of the others."""

    def larger(photos: list) -> list[torch.Tensor]:
        grown = torch.nn.functional.interpolate(torch.stack(photos), size=128, mode="bilinear")
        return list(0.2 + 0.6 * grown)

    noise = 0.06 * torch.randn(len(PHOTOS), 3, 128, 128, generator=torch.Generator().manual_seed(3))
    degraded = torch.stack(larger(smooth_photos(1))) + noise
    return larger(PHOTOS), list(degraded.clamp(0, 1))


def train(name: str, out: Path, **how: Any) -> Any:
    function, data, usual = TRAIN[name]
    photos = BUNDLED if name == "denoiser" else PHOTOS
    given = {"one": (PHOTOS,), "pairs": (photos, "white:12")}.get(data) or folders()
    return function(*given, out, **{**BARELY, **usual, **how})


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    for number, (name, make) in enumerate(MODELS.items()):
        torch.manual_seed(number)
        model = make().eval()
        with torch.no_grad():  # nothing that a new model begins with
            for parameter in model.parameters():
                parameter.add_(0.01 * torch.randn_like(parameter))
        for module in model.modules():
            if isinstance(module, ActNorm):  # or the first crops would set it
                module.initialised.fill_(True)
        checkpoints.save(model, folder / f"{name}.safetensors")
    return {name: folder / f"{name}.safetensors" for name in MODELS}


@pytest.mark.parametrize("name", list(TRAIN))
def test_a_training_goes_on_with_a_model_and_keeps_its_size(saved, tmp_path, name) -> None:
    begun = checkpoints.load(saved[name])
    found = checkpoints.load(train(name, tmp_path / "run", start=saved[name]).with_name("model.safetensors"))
    left = {"last_stage": "", "most_noise": ()} if name in ("deflow", "affine-deflow", "ludvae") else {}
    left |= {"law": begun.config.law} if name == "affine-deflow" else {}
    assert replace(found.config, **left) == begun.config
    assert found.notes["start"]["file"] == f"{name}.safetensors"
    own = {n: p for n, p in begun.named_parameters() if not n.startswith("law.")}
    moved = max((dict(found.named_parameters())[n] - p).abs().max().item() for n, p in own.items())
    assert moved < 1e-6


def test_runs_are_known_by_what_the_file_holds(saved, tmp_path) -> None:
    """Whatever it is called; another file of the name, or none, is another run."""
    start = tmp_path / "start.safetensors"
    start.write_bytes(saved["glow"].read_bytes())
    train("glow", tmp_path / "run", start=start)
    running = Running(device="cpu", resume=True)
    moved = start.rename(tmp_path / "moved.safetensors")
    assert train("glow", tmp_path / "run", start=moved, running=running).is_file()
    checkpoints.save(MODELS["glow"](), start)
    for other in (start, None):
        with pytest.raises(ValueError, match="run: (start|model) was .*now .*choose another folder"):
            train("glow", tmp_path / "run", start=other, running=running)


@pytest.mark.parametrize(("name", "kind"), [("deflow", "divide"), ("ludvae", ""), ("rrdb", "")])
def test_official_checkpoints_are_starts(tmp_path, name, kind) -> None:
    torch.manual_seed(0)
    published = DeFlowConfig(ENCODER, **FLOW | {"taps": (0,)}, affine="divide", splits=True, centred=False)
    model = DeFlow(published) if kind else MODELS[name]()
    torch.save(checkpoints.official_state(model), tmp_path / "latest_G.pth")
    found = checkpoints.load(
        train(name, tmp_path / "run", start=tmp_path / "latest_G.pth").with_name("model.safetensors")
    )
    pairs = zip(found.parameters(), model.parameters(), strict=True)
    assert all(torch.allclose(a, b, rtol=0, atol=1e-6) for a, b in pairs)
    if kind:
        assert (found.config.affine, found.config.splits) == ("divide", True)


def test_a_trained_encoder_reads_the_condition(saved, tmp_path) -> None:
    """Of any scale, alone or inside another model, ours or official; the flow's is as large as it is."""
    rrdb, srflow = (checkpoints.load(saved[name]) for name in ("rrdb", "srflow"))
    torch.save(checkpoints.official_state(rrdb), tmp_path / "RRDB.pth")
    for n, (file, net) in enumerate(
        ((saved["rrdb"], rrdb), (saved["srflow"], srflow.encoder), (tmp_path / "RRDB.pth", rrdb))
    ):
        found = train("deflow", tmp_path / f"run {n}", encoder=file).with_name("model.safetensors")
        model = checkpoints.load(found)
        assert model.config.encoder == replace(ENCODER, scale=4)
        assert model.notes["encoder"]["file"] == file.name
        given = torch.rand(1, 3, 8, 8)
        torch.testing.assert_close(
            model.encoder.features(given, (0,), 1), net.features(given, (0,), 1), rtol=0, atol=1e-5
        )


def test_noise_of_new_photos_limits_a_model_of_others(saved, tmp_path) -> None:
    config = checkpoints.load(train("deflow", tmp_path / "run", start=saved["deflow"])).config
    assert len(config.most_noise) == 3
    assert all(0.06 < most < 0.6 for most in config.most_noise)


@pytest.mark.parametrize(
    ("name", "how", "message"),
    [
        ("glow", {"start": "rrdb"}, r"rrdb.safetensors: expected Glow, found RRDBNet with RRDBConfig"),
        ("rrdb", {"start": "rrdb", "scale": 4}, "expected RRDBNet of scale 4, found RRDBNet"),
        ("deflow", {"start": "affine-deflow"}, "expected DeFlow, found AffineDeFlow"),
        ("deflow", {"start": "deflow", "h": "downsample:4+noise:0.1"}, "the start has the h downsample:2"),
        ("deflow", {"start": "deflow", "encoder": "rrdb"}, "give either encoder or start"),
        ("deflow", {"encoder": "denoiser"}, "expected RRDBNet or SRFlow or DeFlow or AffineDeFlow, found"),
        ("srflow", {"start": "srflow", "encoder": "rrdb"}, "give either encoder or start"),
    ],
)
def test_what_does_not_fit_is_refused(saved, tmp_path, name, how, message) -> None:
    named = {key: saved[value] if key in ("start", "encoder") else value for key, value in how.items()}
    with pytest.raises(ValueError, match=message):
        train(name, tmp_path / "run", **named)
    assert not (tmp_path / "run").exists()


def test_a_file_that_no_paper_has_is_refused(tmp_path) -> None:
    torch.save({"x": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(ValueError, match="was not written by nflib, expected Glow, of which no paper"):
        train("glow", tmp_path / "run", start=tmp_path / "other.pth")
    with pytest.raises(ValueError, match="not an official rrdb checkpoint"):
        train("rrdb", tmp_path / "run", start=tmp_path / "other.pth")


def test_the_commands_offer_it(saved, tmp_path) -> None:
    from typer.testing import CliRunner

    from nflib.cli import app

    for n, photo in enumerate(PHOTOS):
        (tmp_path / "photos").mkdir(exist_ok=True)
        images.write(tmp_path / "photos" / f"{n}.png", photo)
    words = ["train", "rrdb", "--hr", tmp_path / "photos", "--out", tmp_path / "run", "--scale", 2]
    words += ["--start", saved["rrdb"], "--steps", 1, "--batch", 2, "--crop", 16, "--device", "cpu"]
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    assert checkpoints.load(tmp_path / "run" / "model.safetensors").config == ENCODER
