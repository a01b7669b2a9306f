"""Values that are not finite: the layer is named, the weights are those of the last good state, and training
goes on.
"""

import logging
import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from nflib.models import RRDBConfig, RRDBNet
from nflib.training import Recipe, RRDBTask, Running, fit
from nflib.training.guard import blame
from tests.helpers import tiny


class BadGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient * float("nan")


class Poisoned(RRDBTask):
    """Some steps go wrong inside the trunk: its output, or only the gradient there, is made NaN."""

    bad, kind = (), "output"

    def loss(self, model, batch, generator) -> torch.Tensor:
        if self.step not in self.bad or not model.training:
            return super().loss(model, batch, generator)
        change = BadGradient.apply if self.kind == "gradient" else lambda x: x * float("nan")
        handle = (
            model.trunk[0]
            .dense[1]
            .register_forward_hook(lambda module, inputs, output: change(output), prepend=True)
        )
        try:
            return super().loss(model, batch, generator)
        finally:
            handle.remove()


def train(out, bad, kind="output", **recipe) -> tuple[Poisoned, Callable[..., Any]]:
    torch.manual_seed(0)
    task = Poisoned(RRDBNet(RRDBConfig(4, 4, 2, 1)))
    task.bad, task.kind = bad, kind
    return task, lambda: fit(
        task, tiny.crops(), out, recipe=Recipe(batch=2, **recipe), running=Running(device="cpu")
    )


@pytest.mark.parametrize(
    ("kind", "named"),
    [
        ("output", r"the output of trunk\.0\.dense\.1 \(DenseBlock\) is not finite"),
        (
            "gradient",
            r"the gradient is first not finite, going backwards, at trunk\.0\.dense\.1\.convs\.4\.bias",
        ),
    ],
)
def test_a_bad_step_is_named_and_undone(tmp_path, caplog, kind, named) -> None:
    task, run = train(tmp_path / "run", (5,), kind, steps=12, every=4)
    with caplog.at_level(logging.WARNING):
        file = run()
    messages = [record.getMessage() for record in caplog.records if record.name.startswith("nflib")]
    assert len(messages) == 1
    assert re.fullmatch(rf"step 5: {named}; back to the weights of step 4", messages[0])
    assert task.step == 12
    assert all(torch.isfinite(tensor).all() for tensor in load_file(file).values())


def test_the_weights_are_those_of_the_last_good_state(tmp_path) -> None:
    task, run = train(tmp_path / "run", (5,), steps=6, every=4, milestones=())
    run()
    shorter, run = train(tmp_path / "shorter", (), steps=4, every=4, milestones=())
    run()
    for mine, other in ((task.model, shorter.model), (task.averaged, shorter.averaged)):
        assert all(torch.equal(a, b) for a, b in zip(mine.parameters(), other.parameters(), strict=True))


def test_bad_again_and_again_is_one_clear_error(tmp_path) -> None:
    _, run = train(tmp_path / "run", range(4, 100), steps=40, every=4)
    with pytest.raises(
        ValueError, match=r"stopped at step 9: .* 6 times.*trunk\.0\.dense\.1 .*smaller than 0\.00025"
    ):
        run()
    assert torch.load(tmp_path / "run" / "last.state", weights_only=True)["step"] == 8
    assert not (tmp_path / "run" / "model.safetensors").exists()


def test_blame_batch_parameter_and_overflow() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1))
    x = torch.ones(1, 2)
    assert blame(model, (x * float("inf"),), lambda: model(x).sum()) == "the batch itself is not finite"
    assert (
        blame(model, (x,), lambda: model(x).sum() / 0)
        == "the outputs of all layers are finite, the loss is not"
    )
    with torch.no_grad():
        model[2].weight[0, 0] = float("nan")
    assert blame(model, (x,), lambda: model(x).sum()) == "parameter 2.weight is not finite"
