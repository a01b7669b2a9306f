import importlib
import io
import json
import subprocess
from typing import Never

import pytest
import torch
from typer.testing import CliRunner

from nflib.cli import app
from nflib.costs import Card, bench, result_cost, timing, training_cost
from nflib.costs.timing import JOBS, Job, Timing, measured, run
from nflib.models import DeFlowConfig, LUDVAEConfig, SRFlowConfig
from nflib.training import TRAININGS, training

benchmark = importlib.import_module("nflib.costs.bench")  # nflib.costs.bench is the function
CARD = Card("a test", float32=1.0, bfloat16=2.0, bandwidth=100.0)


def job(kind="training", model="ludvae", **changes) -> Job:
    settings = {
        "size": "small",
        "batch": 2,
        "side": 16,
        "device": "cpu",
        "precision": "float32",
        "channels_last": False,
        "compile": False,
        "reversible": False,
        "repeat": 1,
        "threads": 1,
    }
    return Job(kind, model, **{**settings, **changes})


@pytest.fixture
def quick(monkeypatch) -> list:
    """Nothing is measured: each job takes half a second. The jobs that were asked for."""
    asked = []
    monkeypatch.setattr(benchmark, "measure", lambda device: CARD)
    monkeypatch.setattr(benchmark, "measured", lambda one: asked.append(one) or Timing(0.5, 2**30))
    return asked


@pytest.mark.parametrize("kind", JOBS)
@pytest.mark.parametrize("model", list(TRAININGS))
def test_every_job_of_every_model(kind, model) -> None:
    found = run(job(kind, model, precision="bfloat16", channels_last=True, reversible=True))
    assert found.seconds > 0
    assert found.failed is None


def test_a_process_of_its_own() -> None:
    found = measured(job(side=48, batch=4))
    assert 0 < found.seconds < 60
    # at least the activations, at most what came to be with them
    activations = training_cost(training("ludvae").timed_config("small"), 4, 48).kept
    assert found.memory is None or activations < found.memory < activations + 2**29


@pytest.mark.parametrize(("code", "said"), [(1, "Traceback\nKeyError: 'speed'\n"), (-11, "")])
def test_a_process_that_ends_badly_says_why(monkeypatch, code, said) -> None:
    monkeypatch.setattr(
        timing.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], code, "", said)
    )
    with pytest.raises(
        ValueError,
        match=f"training of ludvae ended with code {code}: "
        + ("KeyError: 'speed'" if said else "nothing was said"),
    ):
        measured(job())


def test_a_process_that_is_killed_had_too_little_memory(monkeypatch) -> None:
    monkeypatch.setattr(
        timing.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], -9, "", "")
    )
    assert measured(job()) == Timing(None, None, "killed, probably for lack of memory")


def test_lack_of_memory_is_a_result(monkeypatch, capsys) -> None:
    def full(_) -> Never:
        raise torch.cuda.OutOfMemoryError("no more")

    monkeypatch.setattr(timing, "run", full)
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(job().__dict__)))
    timing.main()
    assert json.loads(capsys.readouterr().out)["failed"] == "out of memory"


def test_sizes_and_shares(quick) -> None:
    found = bench(
        ("ludvae", "deflow"), size="small", batch=2, crop=16, image=32, device="cpu", reversible=True
    )
    assert [(one.job.job, one.job.model, one.job.reversible) for one in found.measurements] == [
        ("training", "ludvae", False),
        ("result", "ludvae", False),
        ("training", "deflow", True),
        ("result", "deflow", True),
    ]
    assert [one.job for one in found.measurements] == quick
    for one in found.measurements:
        kind = one.job.job == "training"
        cost = training_cost(one.job.config, 2, 16) if kind else result_cost(one.job.config, 32)
        assert one.floor == CARD.floor(cost)
        assert one.multiply_adds == cost.multiply_adds
        assert one.parameters == cost.parameters
        assert one.images_per_second == (4 if kind else 2)
        assert one.share == pytest.approx(CARD.floor(cost).seconds / 0.5)


def test_full_models_are_the_published_ones() -> None:
    assert training("deflow").timed_config("full") == DeFlowConfig.aim()
    assert training("srflow").timed_config("full") == SRFlowConfig.df2k_x4()
    assert (
        training("ludvae").timed_config("full")
        == training("ludvae").timed_config("full", reversible=True)
        == LUDVAEConfig()
    )
    assert training("deflow").timed_config("full", reversible=True).reversible
    assert set(benchmark.MODELS) == {"deflow", "srflow", "ludvae"}


def test_defaults_are_bearable_on_a_cpu(quick, monkeypatch) -> None:
    monkeypatch.setattr("nflib.costs.timing.Job.config", property(lambda self: LUDVAEConfig(width=6)))
    bench(device="cpu", crop=16, image=16)
    assert {(one.batch, one.repeat) for one in quick if one.job == "training"} == {(2, 1)}


def test_the_command_prints_and_writes(quick, tmp_path) -> None:
    file = tmp_path / "bench.json"
    options = (
        "--size small --models ludvae --batch 2 --crop 16 --image 16 --precision bfloat16 "
        "--channels-last --device cpu"
    )
    done = CliRunner().invoke(app, ["bench", *options.split(), "--json", str(file)])
    assert done.exit_code == 0, done.output
    for part in (
        "a test (cpu)",
        "1 TFLOP/s in float32, 2 in bfloat16; 100 GB/s",
        "small; bfloat16, channels last",
        "LUD-VAE",
        "2 x 16²",
        "1.00 GiB",
    ):
        assert part in done.output
    written = json.loads(file.read_text())
    assert written["card"]["bandwidth"] == 100.0
    assert written["torch"] == torch.__version__
    row = written["measurements"][0]
    assert (row["job"], row["seconds"], row["memory"], row["failed"]) == (
        "training",
        0.5,
        2**30,
        None,
    )
    assert row["floor"]["bound"] in ("operations", "bytes")


def test_a_failed_job_is_shown(quick, monkeypatch) -> None:
    monkeypatch.setattr(benchmark, "measured", lambda one: Timing(None, None, "out of memory"))
    done = CliRunner().invoke(
        app,
        [
            "bench",
            "--size",
            "small",
            "--models",
            "ludvae",
            "--crop",
            "16",
            "--image",
            "16",
            "--device",
            "cpu",
        ],
    )
    assert done.exit_code == 0
    assert done.output.count("out of") == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"models": ("fog",)},
            "models must be of deflow, affine-deflow, ludvae, noise-flow, c2n, .*, srflow, glow, .*, got fog",
        ),
        ({"models": ()}, "got nothing"),
        ({"size": "large"}, "size must be one of small, full, got 'large'"),
        ({"precision": "tf32"}, "precision must be one of float32, bfloat16"),
        ({"repeat": 0}, "repeat must be at least 1, got 0"),
        ({"crop": 12}, "crop a multiple of 8, got 2 and 12"),
        ({"device": "nowhere"}, "device nowhere"),
    ],
)
def test_bad_input(quick, options, words) -> None:
    with pytest.raises(ValueError, match=words):
        bench(**{"device": "cpu", **options})
    assert not quick
