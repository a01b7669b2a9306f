"""What model files say about themselves, and that the bundled ones say all of it."""

import pytest
import torch

import nflib
from nflib.checkpoints import bundled, describe, load, save
from nflib.models import Glow, GlowConfig


def test_description_of_a_file(tmp_path) -> None:
    model = Glow(GlowConfig(2, 1, 4))
    file = tmp_path / "mine.safetensors"
    save(model, file, {"seed": 3, "unit": "bits/dim", "validation": 3.5})
    found = describe(file)
    assert (found.name, found.architecture, found.version) == ("mine", "Glow", nflib.__version__)
    assert found.config["levels"] == 2
    assert found.parameters == sum(p.numel() for p in model.parameters())
    assert found.size == file.stat().st_size
    assert found.notes["seed"] == 3
    assert found.metrics == {"validation, bits/dim": 3.5}
    save(model, file, {"unit": "bits/dim", "validation": 1.5, "validation_unit": "dB"})
    assert describe(file).metrics == {"validation, dB": 1.5}
    save(model, file, {"validation": 1.5})
    assert describe(file).metrics == {"validation": 1.5}
    save(model, file, {"metrics": {"psnr": 30.0}})
    assert describe(file).metrics == {"psnr": 30.0}
    save(model, file)
    assert describe(file).metrics == {}


def test_only_the_header_is_read(tmp_path, monkeypatch) -> None:
    save(Glow(GlowConfig(2, 1, 4)), tmp_path / "m.safetensors")
    monkeypatch.setattr(torch.Tensor, "__new__", None)
    monkeypatch.setattr(Glow, "__init__", None)
    assert describe(tmp_path / "m.safetensors").architecture == "Glow"


def test_errors(tmp_path) -> None:
    with pytest.raises(ValueError, match="no such file, and no bundled model"):
        describe("nothing")
    (tmp_path / "bad.safetensors").write_bytes(b"abc")
    with pytest.raises(ValueError, match="bad.safetensors: not a readable safetensors file"):
        describe(tmp_path / "bad.safetensors")


@pytest.mark.parametrize("name", bundled())
def test_a_bundled_model_says_how_it_was_made(name) -> None:
    found = describe(name)
    assert {"data", "licences", "command", "seed", "device", "seconds"} <= set(found.notes)
    assert found.metrics
    assert found.parameters == sum(p.numel() for p in load(name).parameters())
    assert found.size < 6e6
    assert isinstance(found.notes["licences"], list)
    assert all(found.notes["licences"])
