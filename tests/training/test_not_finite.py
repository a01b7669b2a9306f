"""Validations, losses and weights that are not finite."""

import csv
import json
import logging
import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from nflib import checkpoints
from nflib.models import RRDBConfig, RRDBNet
from nflib.training import Recipe, RRDBTask, Running, fit
from nflib.training.folders import best
from tests.helpers import tiny


class Scored(RRDBTask):
    """Validations are what they are told to be."""

    told = ()

    def score(self, batches) -> float:
        return self.told[self.step // 2]


def train(out, *, task=RRDBTask, validation=None, **recipe) -> Path:
    torch.manual_seed(0)
    one = task(RRDBNet(RRDBConfig(4, 4, 2, 1)))
    recipe = Recipe(batch=2, **{"steps": 4, "every": 2, **recipe})
    return fit(one, tiny.crops(), out, recipe=recipe, validation=validation, running=Running(device="cpu"))


@pytest.mark.parametrize(("told", "step"), [((math.inf, 3.0, math.nan), 2), ((5.0, math.nan, 4.0), 4)])
def test_a_validation_that_is_not_finite_is_never_best(tmp_path, caplog, monkeypatch, told, step) -> None:
    monkeypatch.setattr(Scored, "told", told)
    with caplog.at_level(logging.WARNING):
        done = train(tmp_path / "run", task=Scored, validation=tiny.crops(seed=1))
    assert checkpoints.load(best(done)).notes["steps"] == step
    said = [record.getMessage() for record in caplog.records if "counts for nothing" in record.getMessage()]
    assert len(said) == sum(not math.isfinite(value) for value in told)
    text = (tmp_path / "run" / "model.json").read_text()
    notes = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert notes["validation"] == (told[2] if math.isfinite(told[2]) else None)
    with (tmp_path / "run" / "metrics.csv").open() as rows:
        shown = {row["step"]: row["validation"] for row in csv.DictReader(rows)}
    for number, value in zip(("0", "2", "4"), told):
        assert shown[number] == (f"{value:.8g}" if math.isfinite(value) else "")


def test_without_any_finite_validation_the_last_model_is_handed_back(tmp_path, caplog, monkeypatch) -> None:
    monkeypatch.setattr(Scored, "told", (math.nan,) * 3)
    done = train(tmp_path / "run", task=Scored, validation=tiny.crops(seed=1))
    assert best(done) == done
    assert "no validation was finite" in caplog.text


@pytest.mark.parametrize("lr", [math.inf, math.nan, 0.0, -1.0])
def test_a_learning_rate_is_a_positive_number(lr) -> None:
    with pytest.raises(ValueError, match="lr and clip must be positive and finite"):
        Recipe(lr=lr)


@pytest.mark.parametrize("steps", [1, 2, 3, 8])
def test_a_training_that_blows_up_is_one_error_and_no_model(tmp_path, steps) -> None:
    with pytest.raises(ValueError, match=r"training stopped at step \d: .*rate smaller than 1e\+30"):
        train(tmp_path / "run", lr=1e30, steps=steps, every=100)
    assert not (tmp_path / "run" / "model.safetensors").exists()


def test_weights_that_are_not_finite_are_named_and_undone(tmp_path, caplog) -> None:
    class Spoiled(RRDBTask):
        def advance(self, *arguments, **named) -> None:
            if self.step == 2:
                for group in self._optimiser.param_groups:
                    group["factor"] = math.inf
            super().advance(*arguments, **named)
            for group in self._optimiser.param_groups:
                group["factor"] = 1.0

    done = train(tmp_path / "run", task=Spoiled)
    assert all(torch.isfinite(tensor).all() for tensor in load_file(done).values())
    assert "step 2: parameter " in caplog.text
