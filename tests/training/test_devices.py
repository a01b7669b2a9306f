"""Several processes that share every batch: the same training as one, and one of them may die."""

import functools
import operator
import os
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from nflib.data import UnpairedImages
from nflib.models import LUDVAE, DeFlow, DeFlowConfig, Glow, GlowConfig, LUDVAEConfig, RRDBConfig
from nflib.training import DeFlowTask, GlowTask, LUDVAETask, Recipe, Running, fit
from nflib.training.fit import _Steps
from tests.helpers import tiny

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs to fork"),
]
RECIPE = Recipe(steps=8, batch=8, every=1, lr=1e-3)


def photos(n=3) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.rand(3, 40, 48, generator=generator) for _ in range(n)]


def unpaired() -> UnpairedImages:
    return UnpairedImages(photos(), photos(2), crop=16, align=8)


def curve(folder) -> torch.Tensor:
    rows = [row.split(",") for row in (folder / "metrics.csv").read_text().splitlines()]
    return torch.tensor(
        [
            [float(row[rows[0].index(name)]) for name in ("loss", "gradient_norm")]
            for row in rows[1:]
            if row[1]
        ]
    )


def train(kind, out, **running) -> Any:
    torch.manual_seed(3)
    encoder = RRDBConfig(4, channels=4, growth=2, blocks=1)
    if kind == "deflow":
        task, data = (
            DeFlowTask(DeFlow(DeFlowConfig(encoder, taps=(), steps=1, transitions=0, hidden=4, local=True))),
            unpaired(),
        )
    elif kind == "ludvae":
        task, data = LUDVAETask(LUDVAE(LUDVAEConfig(levels=1, width=6)), content_first=0.3), unpaired()
    else:
        task = GlowTask(Glow(GlowConfig(levels=2, steps=2, hidden=4, reversible=kind == "reversible glow")))
        data = unpaired().domains[0]
    return fit(
        task, data, out, recipe=RECIPE, seed=5, running=Running(device="cpu", strategy="ddp_fork", **running)
    )


@pytest.mark.parametrize("kind", ["deflow", "ludvae", "glow", "reversible glow"])
def test_two_processes_train_like_one(tmp_path, kind) -> None:
    alone, shared = (train(kind, tmp_path / str(n), devices=n) for n in (1, 2))
    one, two = curve(alone.parent), curve(shared.parent)
    torch.testing.assert_close(two[:, 0], one[:, 0], rtol=1e-5, atol=0)
    # Of later steps it need not be: Adam makes whole steps of gradients that are nothing but rounding.
    torch.testing.assert_close(two[0, 1], one[0, 1], rtol=1e-5, atol=0)


def test_noise_is_of_the_crop_not_of_the_process() -> None:
    """Without it the curves above would agree only for losses without noise."""
    task = DeFlowTask(DeFlow(DeFlowConfig(RRDBConfig(4, 4, 2, 1), taps=(), steps=1, hidden=4)))
    task.recipe, task.seed, task.step = RECIPE, 5, 3
    whole = [torch.rand(2, generator=g) for g in task._noise(8)]
    shares = [torch.rand(2, generator=g) for rank in (0, 1) for g in task._noise(4, rank)]
    assert torch.equal(torch.stack(whole), torch.stack(shares))
    assert len(torch.stack(whole).unique()) == 16


def test_a_batch_is_shared_without_repeats_and_every_share_is_balanced() -> None:
    data, recipe = unpaired(), replace(RECIPE, batch=12, steps=4)
    shares = [list(_Steps(1, recipe, SimpleNamespace(world_size=3, global_rank=rank))) for rank in range(3)]
    for step, parts in enumerate(zip(*shares), start=1):
        assert sorted(functools.reduce(operator.iadd, parts, [])) == list(range(12 * step, 12 * (step + 1)))
        for part in parts:
            assert [data[i][1].item() for i in part] == [0, 1, 0, 1]


def test_one_process_dies_and_the_training_is_resumed(tmp_path) -> None:
    """Started as a command is: the program starts itself again for the second device."""
    whole = tiny.train(tmp_path / "whole", devices=2)
    folder = tmp_path / "run"
    program = tiny.program(folder, 2, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    while not (folder / "last.state").exists():
        assert program.poll() is None, program.stderr.read().decode()[-2000:]
        time.sleep(0.002)
    os.kill(int(Path(f"{folder}.process1").read_text()), signal.SIGKILL)
    said = program.communicate(timeout=60)[1].decode()
    # who notices first: the exchange of gradients, or who started the processes and looks after them
    assert program.returncode != 0, said[-3000:]
    assert "one of its processes died" in said or "Child process with PID" in said, said[-3000:]
    assert not (folder / "model.safetensors").exists()
    resumed = tiny.train(folder, devices=2, resume=True)
    one, other = load_file(whole), load_file(resumed)
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert torch.equal(curve(tmp_path / "whole"), curve(folder))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"devices": 3}, "batch must share equally many pairs of crops among 3 devices, got 8"),
        ({"devices": 0}, "devices must be at least 1, got 0"),
        ({"devices": 8}, "equally many pairs of crops among 8 devices"),
        ({"precision": "half"}, "precision must be one of float32, bfloat16, got 'half'"),
    ],
)
def test_what_cannot_be(tmp_path, change, said) -> None:
    with pytest.raises(ValueError, match=said):
        train("deflow", tmp_path / "run", **change)


def test_errors_come_out_of_the_processes(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(
        GlowTask,
        "loss",
        lambda self, model, batch, generator: model.nll(batch).mean() * (float("nan") if self.step else 1),
    )
    with pytest.raises(ValueError, match="training stopped at step .*: values were not finite"):
        train("glow", tmp_path / "run", devices=2)
