"""Dry runs: what a training will take, and nothing is written."""

from typing import Any, Never

import pytest
import torch

from nflib import units
from nflib.models import Glow, GlowConfig, SRFlow
from nflib.training import GlowTask, Recipe, Rehearsal, Running, SRFlowTask, fit, rehearse
from nflib.training.rehearsal import duration
from tests.helpers import tiny

pytestmark = pytest.mark.usefixtures("one_thread")


def dry_run(out, steps=6, **how) -> Any:
    torch.manual_seed(3)
    recipe = Recipe(steps=steps, batch=4, lr=1e-3, every=1)
    return fit(
        SRFlowTask(SRFlow(tiny.CONFIG)),
        tiny.crops(),
        out,
        recipe=recipe,
        seed=5,
        running=Running(device="cpu", dry_run=True, **how),
    )


def test_a_dry_run_writes_nothing_and_tells_what_it_takes(tmp_path) -> None:
    found = dry_run(tmp_path / "run", steps=7200)
    assert isinstance(found, Rehearsal)
    assert not (tmp_path / "run").exists()
    assert found.parameters == sum(p.numel() for p in SRFlow(tiny.CONFIG).parameters())
    assert found.crop == (3, 16, 16)
    assert found.batch == 4
    assert found.step_seconds > 0
    assert found.hours == pytest.approx(2 * found.step_seconds)
    assert found.memory > 2**20
    assert found.photos == tiny.crops().bytes
    shared = dry_run(tmp_path / "run", devices=2, workers=3)
    assert shared.photos == 8 * found.photos
    assert "all processes of a machine: at most 0.00 GiB" in str(shared)
    assert shared.batch == 2
    assert "2 devices share each step" in str(shared)
    assert "million parameters" in str(found)
    assert "7200 steps: about" in str(found)


def test_where_a_step_takes_long_few_crops_stand_for_all(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr("nflib.training.rehearsal.LONGEST", 0.0)
    seen = []
    loss = SRFlowTask.loss
    monkeypatch.setattr(SRFlowTask, "loss", lambda *all: seen.append(len(all[2][0])) or loss(*all))
    with units.progress_lines(60):
        found = dry_run(tmp_path / "run")
    assert set(seen) == {1}  # of the batch of 4
    assert (found.measured, found.batch) == (1, 4)
    assert "timed with 1 of the 4 crops, and multiplied" in str(found)
    said = capsys.readouterr().err
    assert "dry run: SRFlow" in said
    assert "a step of 1 crops" in said


def test_workers_are_advised_where_crops_take_long() -> None:
    def advised(crop, step) -> int:
        return Rehearsal("Glow", 1, "cpu", 1, 4, (3, 8, 8), 10, step, crop, None).workers

    assert [advised(0.01, 1), advised(0.5, 1), advised(1.0, 1), advised(2.5, 1)] == [0, 1, 1, 3]


def test_too_little_memory_is_said(monkeypatch) -> None:
    def full(self, model, batch, generator) -> Never:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")

    monkeypatch.setattr(GlowTask, "loss", full)
    with pytest.raises(
        ValueError, match="CUDA out of memory: a step of 4 crops does not fit. What helps: a smaller batch"
    ):
        rehearse(
            GlowTask(Glow(GlowConfig(2, 1, 4))),
            tiny.crops(),
            recipe=Recipe(steps=1, batch=4),
            running=Running(device="cpu"),
        )


def test_durations() -> None:
    assert [duration(h) for h in (0.5, 7.51, 100)] == ["30 minutes", "7.51 hours", "4.17 days"]
