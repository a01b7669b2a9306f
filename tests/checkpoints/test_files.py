"""Our checkpoint files: what is saved comes back, and what cannot be read is one clear error."""

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
