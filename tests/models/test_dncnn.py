"""DnCNN: the published weights give the published output; training, configurations, errors."""

import json
from typing import Any

import pytest
import torch

from nflib.checkpoints import load_official, official_state
from nflib.checkpoints.official import official_names
from nflib.metrics import psnr, ssim
from nflib.models import DnCNN, DnCNNConfig
from tests.helpers import golden


@pytest.fixture(scope="module")
def photo() -> tuple[Any, Any, Any]:
    """The noisy and the clean crop in [0, 1], float32 as the fixture was computed, and all tensors of the
    fixture.
    """
    from safetensors.torch import load_file

    tensors = load_file(golden.FOLDER / "dncnn_sidd_io.safetensors")
    noisy, clean = (tensors[f"{name}_u8_hwc"].permute(2, 0, 1)[None] / 255 for name in ("noisy", "clean"))
    return noisy, clean, tensors


@golden.needed
@pytest.mark.parametrize(("weights", "suffix"), [("sidd", ""), ("dnd", "_dnd")])
def test_published_weights(photo, weights, suffix) -> None:
    noisy, clean, tensors = photo
    model = load_official(golden.FOLDER / f"dncnn_{weights}.safetensors", "dncnn")
    assert model.config == DnCNNConfig()
    with torch.no_grad():
        denoised = model(noisy)
    torch.testing.assert_close(denoised, tensors[f"output{suffix}"], rtol=0, atol=2e-5)
    rounded = (denoised.clamp(0, 1) * 255).round()
    assert (rounded - tensors[f"output{suffix}_u8_hwc"].permute(2, 0, 1)).abs().max() <= 1
    before, after = tensors[f"psnr{suffix}"].tolist()
    assert psnr(noisy, clean).item() == pytest.approx(before, abs=1e-6)
    assert psnr(rounded / 255, clean).item() == pytest.approx(after, abs=1e-3)
    assert ssim(rounded / 255, clean).item() == pytest.approx(tensors[f"ssim{suffix}"][1].item(), abs=1e-4)


@golden.needed
def test_training_step(photo) -> None:
    # in float64: the fixture's own rounding is most of what is allowed, and float32 here, on another
    # processor, would double it
    tensors = {
        name: tensor.double() if tensor.is_floating_point() else tensor for name, tensor in photo[2].items()
    }
    model = load_official(golden.FOLDER / "dncnn_sidd.safetensors", "dncnn").double().train()
    optimiser = torch.optim.Adam(model.parameters(), 1e-4)
    out = model(tensors["train_L"])
    torch.testing.assert_close(out, tensors["train_out"], rtol=0, atol=5e-5)
    loss = (out - tensors["train_H"]).abs().mean()
    assert loss.item() == pytest.approx(tensors["train_l1"].item(), rel=1e-5)
    state, names = official_state(model), dict(official_names(model))
    for key in (key for key in tensors if key.startswith("after.")):
        torch.testing.assert_close(state[key.removeprefix("after.")], tensors[key], rtol=1e-5, atol=1e-6)
    loss.backward()
    parameters = dict(model.named_parameters())
    for key in (key for key in tensors if key.startswith("g.")):
        gradient = parameters[names[key.removeprefix("g.")]].grad
        assert (gradient - tensors[key]).abs().max() <= 1e-3 * tensors[key].abs().max(), key
    optimiser.step()
    second = (model(tensors["train_L"]) - tensors["train_H"]).abs().mean()
    assert second.item() == pytest.approx(tensors["train_l1_step2"].item(), rel=1e-3)


@golden.needed
def test_official_tensors() -> None:
    description = json.loads((golden.FOLDER / "dncnn_state_shapes.json").read_text())
    state = official_state(DnCNN())
    assert {name: list(tensor.shape) for name, tensor in state.items()} == description["shapes"]
    assert len(state) == description["n_tensors"]


def test_sizes() -> None:
    assert sum(p.numel() for p in DnCNN().parameters()) == 559_363
    assert sum(p.numel() for p in DnCNN(DnCNNConfig.small()).parameters()) == 48_003


@pytest.mark.parametrize(
    "config",
    [DnCNNConfig.small(), DnCNNConfig(layers=3, width=4), DnCNNConfig(layers=2, width=4, batch_norm=False)],
)
def test_round_trip_and_start(config) -> None:
    torch.manual_seed(0)
    model = DnCNN(config).eval()
    images = torch.rand(2, 3, 9, 14, generator=torch.Generator().manual_seed(0))
    assert torch.equal(model(images), images)
    torch.nn.init.normal_(model.convs[-1].weight)
    loaded = load_official(official_state(model), "dncnn")
    assert loaded.config == config
    torch.testing.assert_close(loaded(images), model(images))
    assert not torch.equal(model(images), images)


def test_errors() -> None:
    with pytest.raises(ValueError, match="layers must be at least 2"):
        DnCNNConfig(layers=1)
    with pytest.raises(ValueError, match="no tensor model.0.weight"):
        load_official({"a": torch.zeros(1)}, "dncnn")
