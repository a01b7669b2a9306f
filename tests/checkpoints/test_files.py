"""Our checkpoint files: what is saved comes back, and what cannot be read is one clear error."""

import dataclasses
import json

import pytest
import torch
from safetensors.torch import save_file

from nflib.checkpoints import load, save
from nflib.models import Glow, GlowConfig, RRDBConfig, SRFlow, SRFlowConfig


@pytest.mark.parametrize(
    "model",
    [Glow(GlowConfig(2, 1, 4)), SRFlow(SRFlowConfig(RRDBConfig(2, 4, 2, 2), (0,), 2, 1, 1, 4))],
    ids=["Glow", "SRFlow"],
)
def test_round_trip(tmp_path, model) -> None:
    notes = {"seed": 3, "device": "cpu"}
    save(model, tmp_path / "m.safetensors", notes)
    loaded = load(tmp_path / "m.safetensors")
    assert type(loaded) is type(model)
    assert loaded.config == model.config
    assert loaded.notes == notes
    assert not loaded.training
    for name, tensor in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor)
    assert [p.name for p in tmp_path.iterdir()] == ["m.safetensors"]  # no temporary file stays


def test_a_failed_save_leaves_the_old_file(tmp_path) -> None:
    model = Glow(GlowConfig(2, 1, 4))
    save(model, tmp_path / "m.safetensors", {"number": 1})
    with pytest.raises(TypeError):
        save(model, tmp_path / "m.safetensors", {"number": object()})
    assert load(tmp_path / "m.safetensors").notes == {"number": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["m.safetensors"]


def test_errors(tmp_path) -> None:
    with pytest.raises(ValueError, match="no such file, and no bundled model of this name"):
        load("nothing")
    (tmp_path / "bad.safetensors").write_bytes(b"abc")
    with pytest.raises(ValueError, match="bad.safetensors: not a readable safetensors file"):
        load(tmp_path / "bad.safetensors")
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="was not written by nflib; .* load_official"):
        load(tmp_path / "other.safetensors")
    for header, message in (
        ({"architecture": "Nothing", "config": "{}"}, "unknown architecture 'Nothing'"),
        ({"architecture": "Glow", "config": '{"width": 3}'}, "GlowConfig has no field 'width'"),
    ):
        save_file({"a": torch.zeros(1)}, tmp_path / "strange.safetensors", header | {"notes": "{}"})
        with pytest.raises(ValueError, match=message):
            load(tmp_path / "strange.safetensors")


def header(model, **changes) -> dict[str, str]:
    own = {"nflib": "9.9", "architecture": "Glow", "notes": "{}"}
    return own | {"config": json.dumps(dataclasses.asdict(model.config))} | changes


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"config": '{"levels": 2, "steps": 1, "hidden": 4000000}'}, "asks for far more weights than the"),
        ({"config": '{"levels": 2, "steps": 100000000, "hidden": 4}'}, "asks for far more weights than the"),
        ({"config": '{"levels": "2"}'}, "GlowConfig.levels cannot be '2'"),
        ({"config": '{"levels": true}'}, "GlowConfig.levels cannot be True"),
        ({"config": "[]"}, "its config must be an object, got list"),
        ({"config": "[" * 10**5}, "brackets within brackets"),
        ({"notes": "nothing"}, "not a readable model: Expecting value"),
        ({"architecture": "ImageModel"}, "unknown architecture 'ImageModel'"),
        ({"architecture": "PURPOSES"}, "unknown architecture 'PURPOSES'"),
    ],
)
def test_a_header_that_makes_no_model(tmp_path, changes, message) -> None:
    model, file = Glow(GlowConfig(2, 1, 4)), tmp_path / "m.safetensors"
    save_file(model.state_dict(), file, header(model, **changes))
    with pytest.raises(ValueError, match=message) as told:
        load(file)
    assert str(told.value).startswith(f"{file}: ")
    assert "\n" not in str(told.value)


def test_tensors_that_are_not_those_of_the_model(tmp_path) -> None:
    model, file = Glow(GlowConfig(2, 1, 4)), tmp_path / "m.safetensors"
    own = model.state_dict()
    name = next(key for key, tensor in own.items() if tensor.dim() == 4)
    for state, message in (
        ({key: tensor for key, tensor in own.items() if key != name}, f"missing {name}; unknown none"),
        ({**own, "more": torch.zeros(1)}, "missing none; unknown more"),
        ({**own, name: own[name][None]}, f"{name} has shape"),
        ({**own, name: own[name].int()}, f"{name} holds torch.int32, expected torch.float32"),
        ({**own, name: own[name] * float("nan")}, f"{name} holds numbers that are not finite"),
    ):
        save_file(state, file, header(model))
        with pytest.raises(ValueError, match=r"not a readable model of nflib 9.9 \(this is .*\): ") as told:
            load(file)
        assert message in str(told.value)
