"""Folders degraded: what is written, going on after a kill, stepping over bad files."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

import nflib
from nflib import checkpoints, data, degraders, images, units
from nflib.cli import app
from nflib.files import digest
from nflib.models import DeFlow, DeFlowConfig, RRDBConfig
from nflib.pipeline import degrade
from nflib.processes import Share, claimed
from tests.helpers.folders import contents, named_folder


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    torch.manual_seed(0)
    net = DeFlow(
        DeFlowConfig(RRDBConfig(2, 4, 2, 1), taps=(), levels=2, steps=1, transitions=0, hidden=4, noise=0.3)
    )
    image = torch.rand(4, 3, 16, 16)
    net.nll(image, net.condition(image), ["clean", "degraded"] * 2)  # ActNorm
    file = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    checkpoints.save(net, file)
    return file


@pytest.fixture
def folder(tmp_path) -> Path:
    return named_folder(tmp_path / "in", a=(9, 12), b=(40, 37))


def test_samples_of_a_folder(folder, model, tmp_path) -> None:
    out = tmp_path / "out"
    done = degrade(folder, model, out, tau=0.7, samples=3, tile=32, seed=4, device="cpu")
    assert sorted(contents(out)) == sorted(
        f"{name}{end}" for name in "ab" for end in (".json", "_1.png", "_2.png", "_3.png")
    )
    assert done.written == tuple(out / f"{name}_{i}.png" for name in "ab" for i in (1, 2, 3))
    assert (
        done.kept,
        done.skipped,
    ) == (0, ())
    assert json.loads((out / "b.json").read_text()) == {
        "model": str(model),
        "content": digest(model),
        "depth": "keep",
        "format": "png",
        "sha256": digest(folder / "b.png"),
        "done": True,
        "tau": 0.7,
        "samples": 3,
        "seed": 4,
        "tile": 32,
        "source": "b.png",
        "files": ["b_1.png", "b_2.png", "b_3.png"],
        "results": {f"b_{i}.png": digest(out / f"b_{i}.png") for i in (1, 2, 3)},
        "nflib": nflib.__version__,
    }
    clean = images.read(folder / "b.png")
    made = [images.read(out / f"b_{i}.png") for i in (1, 2, 3)]
    assert all(image.shape == clean.shape and not torch.equal(image, clean) for image in made)
    assert not torch.equal(made[0], made[1])


def test_one_sample_has_the_name_of_its_image(folder, tmp_path) -> None:
    degrade(folder, "ntire", tmp_path / "out")
    pairs = data.PairedImages(folder, tmp_path / "out", crop=9)
    assert sorted(contents(tmp_path / "out")) == ["a.json", "a.png", "b.json", "b.png"]
    assert len(pairs) == 2
    assert pairs.skipped == []


@pytest.mark.parametrize("name", ["ntire", "aim", "camera", "white:12"])
def test_simulated_ones(folder, tmp_path, name) -> None:
    degrade(folder, name, tmp_path / "out", tau=0.5, seed=3)
    clean, made = (images.read(place / "b.png") for place in (folder, tmp_path / "out"))
    generator = units.generator(zlib.crc32(b"3 b"))
    torch.testing.assert_close(made, degraders.load(name)(clean, 0.5, generator), rtol=0, atol=1e-6)
    record = json.loads((tmp_path / "out" / "b.json").read_text())
    assert record["model"] == name
    assert record["tau"] == 0.5


def test_no_strength_writes_the_images_as_they_are(folder, model, tmp_path) -> None:
    degrade(folder, model, tmp_path / "out", tau=0, device="cpu")
    assert torch.equal(images.read(tmp_path / "out" / "b.png"), images.read(folder / "b.png"))


def test_random_numbers_belong_to_seed_name_and_sample(folder, tmp_path) -> None:
    one, three, other = tmp_path / "one", tmp_path / "three", tmp_path / "other"
    degrade(folder, "white:12", three, samples=3)
    degrade(folder / "b.png", "white:12", one)
    degrade(folder / "b.png", "white:12", other, seed=1)
    assert (one / "b.png").read_bytes() == (three / "b_1.png").read_bytes() != (other / "b.png").read_bytes()
    grey = torch.full((3, 16, 16), 0.5)
    for name in "cd":
        images.write(folder / f"{name}.png", grey)
    degrade(folder, "white:12", tmp_path / "more", samples=2)
    assert len({(tmp_path / "more" / f"{name}_{i}.png").read_bytes() for name in "cd" for i in (1, 2)}) == 4


def test_it_goes_on_where_it_stopped(folder, tmp_path, monkeypatch) -> None:
    out = tmp_path / "out"
    degrade(folder, "ntire", out, samples=2)
    before = contents(out)
    (out / "b_2.png").unlink()
    (out / ".b_2.png.123.part").write_bytes(b"half")
    (out / ".mine.png.123.part").write_bytes(b"not of this job")
    done = degrade(folder, "ntire", out, samples=2)
    assert done.kept == 1
    assert len(done.written) == 2
    (out / ".mine.png.123.part").unlink()
    assert contents(out) == before
    monkeypatch.setattr("nflib.pipeline.samples.read_picture", None)  # what is done is not even read
    assert degrade(folder, "ntire", out, samples=2).kept == 2
    assert contents(out) == before


def test_other_settings_are_not_mixed_in(folder, tmp_path) -> None:
    out = tmp_path / "out"
    degrade(folder / "b.png", "ntire", out)
    before = contents(out)
    with pytest.raises(
        ValueError, match=r"b.json: was made with .*now asked for .*0\.5.*choose another folder"
    ):
        degrade(folder, "ntire", out, tau=0.5)
    assert contents(out) == before  # nothing of a either


def test_a_result_that_cannot_be_is_a_bad_file(folder, tmp_path, monkeypatch) -> None:
    def strange(image, *_) -> Iterator[Any]:
        yield image
        yield image if image.shape[1] == 40 else image * torch.nan

    monkeypatch.setattr(degraders.SIMULATED["ntire"].__class__, "samples", lambda self, *a: strange(*a))
    done = degrade(folder, "ntire", tmp_path / "out", samples=2)
    assert len(done.skipped) == 1
    assert str(folder / "a.png") in done.skipped[0]
    assert "NaN" in done.skipped[0]
    assert sorted(contents(tmp_path / "out")) == ["b.json", "b_1.png", "b_2.png"]


def test_bad_input(folder, model, tmp_path) -> None:
    out = tmp_path / "out"
    for arguments, message in (
        ({"model": "none"}, "none: no such file, bundled model"),
        ({"out": folder}, "holds the images themselves"),
        ({"model": "ntire", "tau": -1.0}, "tau a number, 0 or more"),
        ({"model": "ntire", "tau": float("inf")}, "tau a number, 0 or more"),
        ({"model": "ntire", "samples": 0}, "samples must be at least 1"),
        ({"tile": 30}, "tile must be a multiple of 4, got 30"),
        (
            {"source": tmp_path / "no", "model": "ntire"},
            "none of 1 images could be used; the first: .*no such file",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            degrade(**{"source": folder, "model": model, "out": out, **arguments})


def test_images_whose_names_differ_in_the_suffix_only(folder, tmp_path) -> None:
    images.write(folder / "a.jpg", torch.rand(3, 8, 8))
    degrade(folder, "ntire", tmp_path / "out")
    assert sorted(file.name for file in (tmp_path / "out").glob("*.png")) == [
        "a.jpg.png",
        "a.png.png",
        "b.png",
    ]
    assert images.read(tmp_path / "out" / "a.jpg.png").shape == (3, 8, 8)


def test_work_is_known_by_its_content(folder, tmp_path) -> None:
    """Equal names do not make equal photos, nor other paths other models."""
    out, other = tmp_path / "out", tmp_path / "other"
    degrade(folder, "white:5", out)
    first = contents(out)
    named_folder(other, a=(40, 30), b=(41, 56))
    images.write(other / "b.png", 1 - images.read(folder / "b.png"))
    assert len(degrade(other, "white:5", out).written) == 2
    assert contents(out)["b.png"] != first["b.png"]
    images.write(other / "b.png", torch.rand(3, 41, 56))  # edited in place
    assert degrade(other, "white:5", out).kept == 1


def test_a_model_is_known_by_its_content(folder, model, tmp_path) -> None:
    out, moved = tmp_path / "out", tmp_path / "moved.safetensors"
    degrade(folder, model, out, device="cpu")
    shutil.copy(model, moved)
    assert degrade(folder, moved, out, device="cpu").kept == 2
    images.write(folder / "more.png", torch.rand(3, 64, 64))
    degrade(folder, f"patches:{folder}", tmp_path / "patched")
    images.write(folder / "more.png", torch.rand(3, 64, 64))
    with pytest.raises(ValueError, match="made with model patches.*which has changed since"):
        degrade(folder, f"patches:{folder}", tmp_path / "patched")


def test_files_of_others_are_not_touched(folder, tmp_path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    images.write(out / "b.png", torch.rand(3, 5, 5))
    before = contents(out)
    with pytest.raises(ValueError, match=r"b.png: is there already and was not written by this command"):
        degrade(folder, "ntire", out)
    assert contents(out) == before


def test_a_folder_belongs_to_one_job_at_a_time(folder, tmp_path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    with claimed(out), pytest.raises(ValueError, match="another job is writing there"):
        degrade(folder, "ntire", out)
    with (
        claimed(out, Share(0, 2)),
        claimed(out, Share(1, 2)),
        pytest.raises(ValueError, match="another job is writing"),
        claimed(out, Share(1, 2)),
    ):
        pass
    assert len(degrade(folder, "ntire", out).written) == 2  # what was owned is free again


BAD = (b"", b"not an image", b"\x89PNG\r\n\x1a\nbroken", None)  # None: the first half of a real file


def test_a_thousand_images_of_which_twenty_are_bad(tmp_path) -> None:
    """Issue: 1,000 files, 20 of them bad, end with 980 outputs and a report of the 20."""
    place, out = tmp_path / "in", tmp_path / "out"
    place.mkdir()
    images.write(place / "good.png", torch.rand(3, 8, 8, generator=units.generator(0)))
    whole = (place / "good.png").read_bytes()
    (place / "good.png").unlink()
    bad = set(random.Random(0).sample(range(1000), 20))
    for i in range(1000):
        content = BAD[i % len(BAD)] if i in bad else whole
        (place / f"{i:04}.png").write_bytes(whole[: len(whole) // 2] if content is None else content)
    result = CliRunner().invoke(app, ["degrade", str(place), "--model", "white:12", "--out", str(out)])
    assert result.exit_code == 1
    assert result.stdout == f"980 images written to {out}\n"
    names = {f"{i:04}" for i in range(1000) if i not in bad}
    assert set(contents(out)) == {f"{name}{end}" for name in names for end in (".png", ".json")}
    begun, *lines, last = (line for line in result.stderr.splitlines() if "%" not in line)
    assert begun.startswith("degrade: 1000 of 1000 photos")
    assert last == "files skipped: 20"
    assert [line.split(": ")[0] for line in lines] == [
        f"skipped {place / f'{i:04}.png'}" for i in sorted(bad)
    ]
    assert len({(out / f"{name}.png").read_bytes() for name in names}) == 980  # each has noise of its own
    again = CliRunner().invoke(app, ["degrade", str(place), "--model", "white:12", "--out", str(out)])
    assert again.stdout == f"{out} is complete, nothing to do\n"
    assert again.stderr == result.stderr.replace("1000 of 1000", "20 of 1000")


def test_killed_at_any_moment_and_started_again(tmp_path) -> None:
    place, out = tmp_path / "in", tmp_path / "out"
    place.mkdir()
    for i in range(60):
        images.write(place / f"{i:02}.png", torch.rand(3, 64, 64, generator=units.generator(i)))
    program = (
        "import sys, torch; torch.set_num_threads(1); from nflib.pipeline import degrade; "
        "degrade(sys.argv[1], 'ntire', sys.argv[2], samples=2)"
    )
    kills = 0
    for after in (1, 40):
        running = subprocess.Popen([sys.executable, "-c", program, str(place), str(out)])
        while running.poll() is None and len(list(out.glob("*.png"))) < after:
            time.sleep(0.002)
        if running.poll() is None:
            os.kill(running.pid, signal.SIGKILL)
            kills += 1
        running.wait()
        for file in out.glob("*.png"):
            images.read(file)  # whole
        for file in out.glob("*.json"):
            record = json.loads(file.read_text())
            assert not record["done"] or all((out / name).is_file() for name in record["files"])
    assert kills == 2
    degrade(place, "ntire", out, samples=2)
    degrade(place, "ntire", tmp_path / "undisturbed", samples=2)
    assert contents(out) == contents(tmp_path / "undisturbed")


def test_the_command(folder, model, tmp_path) -> None:
    (folder / "c.png").write_text("not an image")
    arguments = [
        "degrade",
        folder,
        "--model",
        model,
        "--tau",
        1,
        "--samples",
        3,
        "--out",
        tmp_path / "out",
        "--device",
        "cpu",
        "--seed",
        2,
    ]
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    assert result.exit_code == 1
    assert result.stdout == f"6 images written to {tmp_path / 'out'}\n"
    begun, first, last = (line for line in result.stderr.splitlines() if "%" not in line)
    assert " of 3 photos" in begun
    assert first.startswith(f"skipped {folder / 'c.png'}: not an image")
    assert last == "files skipped: 1"
    wrong = CliRunner().invoke(app, ["degrade", str(folder), "--model", "none", "--out", str(tmp_path / "x")])
    assert wrong.exit_code == 2
    assert wrong.stderr.count("\n") == 1
    assert "bundled model" in wrong.stderr


def inverted(clean, strength, generator) -> torch.Tensor:
    return (1 - strength) * clean + strength * (1 - clean)


class Dimmer:
    def __init__(self, by: float):
        self.by = by

    def __call__(self, clean, strength, generator) -> torch.Tensor:
        return clean * (1 - strength * self.by)


def test_a_function_and_an_object_degrade_a_folder(folder, tmp_path) -> None:
    assert len(degrade(folder, inverted, tmp_path / "out").written) == 2
    clean = images.read(folder / "a.png")
    assert torch.equal(images.read(tmp_path / "out" / "a.png"), ((1 - clean) * 255).round() / 255)
    assert json.loads((tmp_path / "out" / "a.json").read_text())["model"].endswith(".inverted")
    assert degrade(folder, inverted, tmp_path / "out").kept == 2
    degrade(folder, Dimmer(0.5), tmp_path / "dim")
    assert degrade(folder, Dimmer(0.5), tmp_path / "dim").kept == 2
    for other in (Dimmer(0.4), inverted, "ntire"):
        with pytest.raises(ValueError, match="was made with model"):
            degrade(folder, other, tmp_path / "dim")
    with pytest.raises(ValueError, match="must be a name, a file, a Degrader or a function"):
        degrade(folder, 3, tmp_path / "none")  # type: ignore[arg-type]


def test_a_loaded_model_is_known_by_its_weights(folder, model, tmp_path) -> None:
    for _ in range(2):
        done = degrade(folder, degraders.load(model), tmp_path / "out", device="cpu")
    assert done.kept == 2
    other: Any = degraders.load(model)
    with torch.no_grad():
        next(other.model.parameters()).add_(1)
    with pytest.raises(ValueError, match="was made with model"):
        degrade(folder, other, tmp_path / "out", device="cpu")


def test_jpeg_after_a_model(folder, model, tmp_path) -> None:
    degrade(folder, f"{model}+jpeg:40", tmp_path / "out", device="cpu", seed=3)
    degrade(folder, model, tmp_path / "before", device="cpu", seed=3)
    for name in "ab":
        expected = images.JPEG(40)(images.read(tmp_path / "before" / f"{name}.png"))
        assert torch.equal(images.read(tmp_path / "out" / f"{name}.png"), expected)


@pytest.mark.skipif(torch.cuda.is_available(), reason="CUDA is here")
def test_cuda_that_is_not_here(folder, model, tmp_path) -> None:
    with pytest.raises(ValueError, match="device cuda cannot be used here"):
        degrade(folder, model, tmp_path / "out", device="cuda")
