"""What every training of the catalogue promises. A new row is tested by being there."""

from __future__ import annotations

import inspect

import pytest
import torch

from nflib import checkpoints, degraders
from nflib.costs import result_cost, training_cost
from nflib.models import PURPOSES, ImageModel
from nflib.training import TRAININGS, Running, Training, rehearse, training
from tests.helpers.rows import RECIPE, SIDE, images, task_of, use


@pytest.fixture(scope="module", params=list(TRAININGS))
def row(request) -> Training:
    return TRAININGS[request.param]


@pytest.fixture(scope="module")
def model(row) -> ImageModel:
    """One that has made two steps."""
    task, batch = task_of(row)
    task.advance(batch)
    task.advance(batch)
    return task.model.eval()


def test_a_row_says_what_it_is(row) -> None:
    assert row.purpose in PURPOSES
    assert row.title
    assert set(row.usual) == {"small", "full"}
    assert isinstance(row.config("small"), type(row.model(row.config("small")).config))
    parameters = list(inspect.signature(row.train).parameters.values())
    assert {"steps", "batch", "crop", "lr", "seed", "running"} <= {
        p.name for p in parameters if p.kind is p.KEYWORD_ONLY
    }
    assert len([p for p in parameters if p.kind is not p.KEYWORD_ONLY]) <= 3


def test_a_step_moves_the_weights_by_a_finite_loss(row) -> None:
    task, batch = task_of(row)
    before = [parameter.clone() for parameter in task.trained.parameters()]
    task.advance(batch)
    assert torch.isfinite(torch.tensor(task.last["loss"]))
    assert any(not torch.equal(a, b) for a, b in zip(before, task.trained.parameters(), strict=True))
    assert all(torch.isfinite(parameter).all() for parameter in task.trained.parameters())


def test_the_same_step_again_is_the_same(row) -> None:
    steps = []
    for _ in range(2):
        task, batch = task_of(row)
        task.advance(batch)
        steps.append(task.last["loss"])
    assert steps[0] == steps[1]


def test_saved_and_loaded_it_is_the_same_model(model, tmp_path) -> None:
    checkpoints.save(model, tmp_path / "model.safetensors", {"seed": 0})
    again = checkpoints.load(tmp_path / "model.safetensors")
    assert type(again) is type(model)
    assert again.config == model.config
    assert again.notes == {"seed": 0}
    given = images(24, 24)
    assert torch.equal(use(model, given), use(again, given))


@pytest.mark.parametrize("size", [(24, 24), (17, 33), (1, 40), (5, 3)])
def test_images_of_any_size(model, size) -> None:
    given = images(*size)
    result = use(model, given)
    if model.purpose != "generate":
        assert result.shape == (2, 3, model.scale * size[0], model.scale * size[1])
        assert result.min() >= 0
        assert result.max() <= 1
    assert torch.isfinite(result).all()


def test_tiles_are_not_seen(model) -> None:
    """In tiles the result is that of the whole, up to a little of what an unknown surrounding changes."""
    if model.purpose == "generate":
        assert model.sample(2, (SIDE, SIDE)).shape == (2, 3, SIDE, SIDE)
        return
    given = images(64, 176, n=1)
    whole, tiled = use(model, given), use(model, given, tile=128)
    assert (whole - tiled).abs().max() < 0.02
    assert (whole - tiled).abs().mean() < 0.001


def test_strength_nothing_changes_nothing(model) -> None:
    if model.purpose == "degrade":
        given = images(20, 30)
        assert torch.equal(model.degrade(given, 0.0), given)
        assert torch.equal(degraders.Learned(model)(given, 0.0), given)


@pytest.mark.parametrize(
    ("arguments", "message"), [({"tau": -1.0}, "tau"), ({"tile": 0}, "tile must be a multiple")]
)
def test_bad_input_is_refused(model, arguments, message) -> None:
    if model.purpose in ("degrade", "super-resolve"):
        with pytest.raises(ValueError, match=message):
            use(model, images(16, 16), **arguments)


def test_costs_are_counted_and_a_rehearsal_runs(row) -> None:
    config = row.timed_config("small")
    assert training_cost(config, 2, SIDE).parameters == sum(p.numel() for p in row.model(config).parameters())
    assert result_cost(config, SIDE).moved > 0
    task = row.task(row.model(config))
    crops = [
        tuple(part[0] for part in task.example(images(SIDE, SIDE)))
        if row.name != "glow"
        else images(SIDE, SIDE)[0]
    ] * 2
    found = rehearse(task, crops, recipe=RECIPE, running=Running(device="cpu"))
    assert found.step_seconds > 0
    assert found.batch == 2


def test_an_unknown_training() -> None:
    with pytest.raises(ValueError, match="unknown model 'deflo'; there are deflow, "):
        training("deflo")
