"""The scripts of recorded runs, with the smallest runs there are: that they go through, go on, and write what
they say.
"""

from __future__ import annotations

import functools
import json
import operator
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Never

import pytest
import torch

from experiments import recording
from experiments.gpu import full_training, longer_small, throughput
from experiments.quality import laws
from experiments.speed import one_image
from nflib import checkpoints
from nflib.costs import Card
from nflib.training import deflow, ludvae, unpaired

PROVENANCE = {"device", "commit", "seed", "date", "seconds", "torch", "cuda", "nflib", "tiny", "parts"}


@pytest.fixture
def run(tmp_path, monkeypatch, capsys) -> Callable[..., Any]:
    """Calls main of a script, twice the same way if asked to; the JSON and the table."""
    monkeypatch.setattr(deflow, "START_CROPS", 64)
    monkeypatch.setattr(ludvae, "NOISE_CROPS", 64)
    for module in (unpaired, longer_small):
        monkeypatch.setattr(module, "VALIDATION_CROPS", 4)
    monkeypatch.setattr(throughput, "measure", lambda device: Card("a card", 1.0, 1.0, 1.0))

    def call(script, *words) -> tuple[dict, str]:
        file = tmp_path / "results" / "found.json"
        script.main(["--tiny", "--device", "cpu", "--commit", "abc", "--out", str(file), *map(str, words)])
        return json.loads(file.read_text()), capsys.readouterr().out

    return call


def test_throughput(run, monkeypatch) -> None:
    found, said = run(throughput, "--models", "ludvae")
    assert found.keys() == PROVENANCE | {"tf32"}
    assert (found["commit"], found["seed"], found["tiny"]) == (
        "abc",
        0,
        True,
    )
    names = [
        "ludvae training float32 b2",
        "ludvae training bfloat16 b2",
        "ludvae result float32 b1",
        "ludvae training float32 b4",
    ]
    assert list(found["parts"]) == ["card", *names, "ludvae profile float32", "ludvae profile bfloat16"]
    for name in names:
        part = found["parts"][name]
        assert part["failed"] is None
        assert part["images_per_second"] == pytest.approx(part["batch"] / part["seconds"])
        assert part["memory"] >= 0
        assert name in said
    profile = found["parts"]["ludvae profile float32"]
    assert "aten::convolution_backward" in [operation["name"] for operation in profile["operations"]]
    shares = [operation["share"] for operation in profile["operations"]]
    assert len(shares) == 10
    assert shares == sorted(shares, reverse=True)
    assert 0.3 < sum(shares) <= 1
    for name in ("run", "training_step"):
        monkeypatch.setattr(throughput.timing, name, None)  # nothing is done again
    again, _ = run(throughput, "--models", "ludvae")
    assert again["parts"] == found["parts"]


def test_what_does_not_fit_is_recorded_and_larger_ones_are_not_tried(run, monkeypatch) -> None:
    def full(job) -> Never:
        if job.batch > 1:
            raise torch.cuda.OutOfMemoryError
        raise ValueError("no compiler here")

    monkeypatch.setattr(throughput.timing, "run", full)
    monkeypatch.setattr(throughput, "profiled", lambda job, device: full(job))
    found, said = run(throughput, "--models", "srflow")
    failed = {name: part["failed"] for name, part in found["parts"].items() if name != "card"}
    assert failed == {
        "srflow training float32 b2": "out of memory",
        "srflow training bfloat16 b2": "out of memory",
        "srflow result float32 b1": "no compiler here",
        "srflow profile float32": "out of memory",
        "srflow profile bfloat16": "out of memory",
    }
    assert "no compiler here" in said


def test_every_variant_is_a_job_of_its_own() -> None:
    for model in throughput.MODELS:
        single, growing = throughput.jobs_of(model, torch.device("cuda"), tiny=False)
        jobs = {
            throughput.name_of(job): job for job in (*single, *functools.reduce(operator.iadd, growing, []))
        }
        assert all(
            jobs[throughput.name_of(job)] == job
            for job in (*single, *functools.reduce(operator.iadd, growing, []))
        )  # equal names are equal jobs
        assert any(job.reversible for job in jobs.values()) == (model != "ludvae")
        assert {job.precision for job in jobs.values()} == {"float32", "bfloat16"}
        assert any(job.compile for job in jobs.values())
        assert all(job.config and (job.size, job.device) == ("full", "cuda") for job in jobs.values())


def test_full_training(run, tmp_path, monkeypatch) -> None:
    words = ("--minutes", 20, "--workers", 0, "--runs", tmp_path / "runs")
    found, said = run(full_training, *words)
    assert found.keys() == PROVENANCE | {
        "degradation",
        "minutes",
        "precision",
        "channels_last",
        "compile",
        "data",
        "licences",
    }
    assert list(found["parts"]) == ["deflow", "ludvae"]
    for name, part in found["parts"].items():
        plan = json.loads((tmp_path / "runs" / f"{name}_ntire_10_minutes_float32" / "plan.json").read_text())
        assert 1 < plan["steps"] <= 600 * full_training.TRAINED / plan["step_seconds"]
        assert part["step_seconds"] == plan["step_seconds"]
        assert part["steps"] == 1
        assert part["crop"] == 32
        assert part["recipe"]["batch"] == 2
        assert part["curve"]["step"][-1] == 1
        assert part["noise"]["truth"]["std_g"] > 5
        assert len(part["metrics"]) == 2
        assert (tmp_path / "runs" / f"{name}_ntire_10_minutes_float32" / "samples" / "0.png").is_file()
        assert f"{name} " in said
    monkeypatch.setattr(full_training, "training", None)  # nothing is trained again
    again, _ = run(full_training, *words)
    assert again["parts"] == found["parts"]


def test_laws(run, monkeypatch) -> None:
    found, said = run(laws, "--seeds", 1, 2)
    assert found.keys() == PROVENANCE | {"share", "side"}
    assert list(found["parts"]) == ["ntire 1", "ntire 2"]
    for part in found["parts"].values():
        assert part["noise"].keys() == {"model", "truth"}
        assert part["last_stage"] == ""
        assert len(part["level"]) == 3
        assert part["distance"] > 0
    assert found["parts"]["ntire 1"] != found["parts"]["ntire 2"]
    assert "ntire 1" in said
    monkeypatch.setattr(laws, "find_law", None)  # nothing is done again
    again, _ = run(laws, "--seeds", 1, 2)
    assert again["parts"] == found["parts"]


def test_one_image(run, monkeypatch) -> None:
    found, said = run(one_image, "--repeat", 2)
    assert found.keys() == PROVENANCE
    ways = ["DeFlow, plain 16", "DeFlow 16", "LUD-VAE 16"]
    assert list(found["parts"]) == [*ways, "round 0", "round 1"]
    plain, shared, vae = (found["parts"][way] for way in ways)
    assert plain["parameters"] == shared["parameters"] > vae["parameters"]
    assert plain["multiply_adds"] > shared["multiply_adds"]
    assert min(plain["calls"], shared["calls"]) > vae["calls"] > 10
    for number in (0, 1):
        assert list(found["parts"][f"round {number}"]) == ways
    assert all(way in said for way in ways)
    monkeypatch.setattr(one_image, "seconds", None)  # nothing is done again
    again, _ = run(one_image, "--repeat", 2)
    assert again["parts"] == found["parts"]


def test_the_recorded_image_is_that_of_table_8() -> None:
    """At full size, as published: the paper counts 62.94 and 5.71 million parameters."""
    parts = json.loads((recording.RESULTS / "one_image.json").read_text())["parts"]
    for way, millions in (("DeFlow, plain", 62.94), ("DeFlow", 62.94), ("LUD-VAE", 5.71)):
        assert parts[f"{way} 256"]["parameters"] / 1e6 == pytest.approx(millions, rel=0.005)
        assert all(part[f"{way} 256"] > 0 for name, part in parts.items() if name.startswith("round"))
    assert sum(name.startswith("round") for name in parts) >= 3


def test_longer_training(run, tmp_path) -> None:
    before = {
        name: (longer_small.WEIGHTS / f"{name}.safetensors").read_bytes() for name in longer_small.NAMES
    }
    found, said = run(longer_small, "deflow_ntire_small", "srflow_x4_small", "--runs", tmp_path / "runs")
    assert found.keys() == PROVENANCE | {"times", "data", "licences"}
    assert list(found["parts"]) == ["deflow_ntire_small", "srflow_x4_small"]
    for name, part in found["parts"].items():
        assert part["steps"] == 1
        assert part["chosen"] in (0, 1)
        assert part["bundled"].keys() == part["longer"].keys()
        assert part["better"] == all(part["longer"][key] < part["bundled"][key] for key in part["bundled"])
        assert name in said
    assert before == {name: (longer_small.WEIGHTS / f"{name}.safetensors").read_bytes() for name in before}


@pytest.mark.parametrize(("longer", "replaced"), [((0.9, 1.0), True), ((0.9, 2.0), False)])
def test_only_a_better_model_replaces_another(run, tmp_path, monkeypatch, longer, replaced) -> None:
    name, weights = "ludvae_ntire_small", tmp_path / "weights"
    weights.mkdir()
    for end in ("safetensors", "json"):
        shutil.copy(longer_small.WEIGHTS / f"{name}.{end}", weights)
    old = {file.name: file.read_bytes() for file in weights.iterdir()}
    answers = iter([(1.0, 2.0), longer])

    def validate(self, model, device) -> tuple[dict, dict]:
        metrics = dict(zip(("spectrum error, dB", "largest error"), next(answers)))
        return metrics, {"metrics": metrics, "noise": {}}

    monkeypatch.setattr(longer_small.Noise, "validate", validate)
    monkeypatch.setattr(longer_small.Noise, "train", lambda self, run, steps, device: trained(run))

    def trained(folder) -> Path:
        folder.mkdir(parents=True)
        keys = (
            "task",
            "recipe",
            "seed",
            "seconds",
            "device",
            "unit",
            "validation",
            "validation_unit",
            "nflib",
            "torch",
            "steps",
        )
        (folder / "model.json").write_text(json.dumps(dict.fromkeys(keys, 0)))
        (folder / "metrics.csv").write_text("step,loss,validation\n2,0.5,\n")
        checkpoints.save(checkpoints.load(name).float(), folder / "model.safetensors", {"steps": 2})
        return folder / "model.safetensors"

    found, _ = run(longer_small, name, "--replace", "--weights", weights, "--runs", tmp_path / "runs")
    assert found["parts"][name]["better"] == replaced
    new = {file.name: file.read_bytes() for file in weights.iterdir()}
    assert (new != old) == replaced
    assert new.keys() == old.keys()
    if replaced:
        notes = json.loads(new[f"{name}.json"])["notes"]
        assert (notes["commit"], notes["steps"], notes["metrics"]["largest error"]) == ("abc", 2, 1.0)
        assert "data" in notes
        assert "licences" in notes
        assert (
            next(checkpoints.load(weights / f"{name}.safetensors").parameters()).dtype
            == next(checkpoints.load(name).parameters()).dtype
        )


def test_curves_are_thinned_to_means() -> None:
    rows = {
        "step": list(range(450)),
        "loss": [float(i % 2) for i in range(450)],
        "validation": [None] * 449 + [3.0],
    }
    thin = recording.thinned(rows)
    assert len(thin["step"]) == 150
    assert thin["step"][-1] == 449
    assert thin["validation"][-2:] == [None, 3.0]
    assert thin["loss"][:2] == [round(1 / 3, 5), round(2 / 3, 5)]
    assert recording.thinned({"step": [], "loss": [], "validation": []}) == {
        "step": [],
        "loss": [],
        "validation": [],
    }


def test_another_machine_or_commit_begins_anew(tmp_path) -> None:
    def record(device="cpu", commit="abc", **settings) -> recording.Record:
        words = ["--out", str(tmp_path / "found.json"), "--commit", commit]
        return recording.Record(
            recording.parser("", "x.json").parse_args(words), "x.json", torch.device(device), **settings
        )

    record(minutes=2.0).add("a", {"n": 1})
    assert record(minutes=2.0).parts == {"a": {"n": 1}}
    assert record(minutes=3.0).parts == record(commit="def", minutes=2.0).parts == {}
