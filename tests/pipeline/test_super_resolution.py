import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

import nflib
from nflib import checkpoints, images
from nflib.cli import app
from nflib.files import digest, read_json, write_json
from nflib.models import RRDBConfig, RRDBNet, SRFlow, SRFlowConfig
from nflib.pipeline import super_resolve
from tests.helpers.folders import named_folder


@pytest.fixture
def model(tmp_path) -> Path:
    torch.manual_seed(0)
    net = SRFlow(SRFlowConfig(RRDBConfig(4, 4, 2, 1), taps=(0,), levels=3, steps=1, transitions=1, hidden=4))
    net.nll(torch.rand(4, 3, 32, 32), torch.rand(4, 3, 8, 8))
    file = tmp_path / "tiny.safetensors"
    checkpoints.save(net, file)
    return file


@pytest.fixture
def folder(tmp_path) -> Path:
    return named_folder(tmp_path / "in", a=(9, 12), b=(40, 36))


def snapshot(folder) -> dict[str, tuple[bytes, int]]:
    return {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in folder.iterdir()}


def test_samples_of_a_folder(folder, model, tmp_path) -> None:
    out = tmp_path / "out"
    done = super_resolve(folder, model, out, tau=0.7, samples=2, tile=32, seed=4, device="cpu")
    assert sorted(f.name for f in out.iterdir()) == [
        "a.json",
        "a_1.png",
        "a_2.png",
        "b.json",
        "b_1.png",
        "b_2.png",
    ]
    assert len(done.written) == 4
    assert done.kept == 0
    assert done.skipped == ()
    assert images.read(out / "b_2.png").shape == (3, 160, 144)
    assert images.read(out / "a_1.png").shape == (
        3,
        36,
        48,
    )
    assert (out / "a_1.png").read_bytes() != (out / "a_2.png").read_bytes()
    record = json.loads((out / "b.json").read_text())
    assert record == {
        "model": str(model),
        "content": digest(model),
        "depth": "keep",
        "format": "png",
        "sha256": digest(folder / "b.png"),
        "done": True,
        "tau": 0.7,
        "samples": 2,
        "seed": 4,
        "tile": 32,
        "scale": 4,
        "source": "b.png",
        "files": ["b_1.png", "b_2.png"],
        "results": {name: digest(out / name) for name in ("b_1.png", "b_2.png")},
        "nflib": nflib.__version__,
    }


def test_it_goes_on_where_it_stopped(folder, model, tmp_path) -> None:
    out = tmp_path / "out"
    super_resolve(folder, model, out, samples=2, device="cpu")
    before = snapshot(out)
    (out / "b_2.png").unlink()
    write_json(out / "a.json", {**read_json(out / "a.json"), "done": False})  # as if killed before
    done = super_resolve(folder, model, out, samples=2, device="cpu")
    assert done.kept == 0
    assert {name: data for name, (data, _) in snapshot(out).items()} == {
        n: data for n, (data, _) in before.items()
    }
    after = snapshot(out)
    assert super_resolve(folder, model, out, samples=2, device="cpu").kept == 2
    assert snapshot(out) == after


def test_an_image_alone_gives_what_it_gives_in_a_folder(folder, model, tmp_path) -> None:
    super_resolve(folder, model, tmp_path / "out", device="cpu")
    super_resolve(folder / "b.png", model, tmp_path / "alone", device="cpu")
    assert (tmp_path / "alone" / "b_1.png").read_bytes() == (tmp_path / "out" / "b_1.png").read_bytes()


def test_other_settings_are_not_mixed_in(folder, model, tmp_path) -> None:
    super_resolve(folder, model, tmp_path / "out", device="cpu")
    with pytest.raises(
        ValueError, match=r"a.json: was made with .*now asked for .*0\.5.*choose another folder"
    ):
        super_resolve(folder, model, tmp_path / "out", tau=0.5, device="cpu")


def test_bad_input(folder, model, tmp_path) -> None:
    out = tmp_path / "out"
    checkpoints.save(RRDBNet(RRDBConfig(4, 4, 2, 1)), tmp_path / "rrdb.safetensors")
    with pytest.raises(ValueError, match="is a RRDBNet, expected an SRFlow"):
        super_resolve(folder, tmp_path / "rrdb.safetensors", out)
    with pytest.raises(ValueError, match="no such file, and no bundled model"):
        super_resolve(folder, "none", out)
    with pytest.raises(ValueError, match="holds the images themselves"):
        super_resolve(folder, model, folder)
    with pytest.raises(ValueError, match="device nonsense cannot be used here"):
        super_resolve(folder, model, out, device="nonsense")
    for wrong in ({"samples": 0}, {"tau": -0.1}, {"tau": float("inf")}):
        with pytest.raises(ValueError, match="samples must be at least 1 and tau a number, 0 or more"):
            super_resolve(folder, model, out, **wrong)
    assert not out.exists()


def test_the_command(folder, model, tmp_path) -> None:
    (folder / "c.png").write_text("not an image")
    arguments = [
        "super-resolve",
        folder,
        "--model",
        model,
        "--out",
        tmp_path / "out",
        "--samples",
        2,
        "--tau",
        0.5,
        "--device",
        "cpu",
    ]
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    assert result.exit_code == 1
    assert result.stdout == f"4 images written to {tmp_path / 'out'}\n"
    begun, first, last = (line for line in result.stderr.splitlines() if "%" not in line)
    assert " of 3 photos" in begun
    assert first.startswith(f"skipped {folder / 'c.png'}: not an image")
    assert last == "files skipped: 1"
    again = CliRunner().invoke(app, [str(a) for a in arguments])
    assert "is complete, nothing to do" in again.stdout
    wrong = CliRunner().invoke(
        app, ["super-resolve", str(folder), "--model", "none", "--out", str(tmp_path / "x")]
    )
    assert wrong.exit_code == 2
    assert wrong.stderr.count("\n") == 1
    assert "no bundled model" in wrong.stderr
