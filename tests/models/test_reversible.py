"""Reversible training of whole models: the gradients of plain training, in memory that does not grow with the
steps.
"""

import copy
from dataclasses import replace
from typing import Any

import pytest
import torch

from nflib import checkpoints
from nflib.data import photos
from nflib.flow import Dequantize
from nflib.models import Glow, SRFlow
from nflib.models.conditional.condition import StepContext
from nflib.transforms.base import Transform
from tests.helpers import tiny_flows
from tests.helpers.tiny_flows import FLOWS, bytes_kept, gradients, nll

# largest difference of two gradients, relative to the largest value of their tensor (measured: 4e-6 and
# 2e-14)
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-9}


def difference(found, expected) -> float:
    assert found.keys() == expected.keys()
    differences = {name: float((found[name] - expected[name]).abs().max()) for name in expected}
    return max(value / float(expected[name].abs().max()) for name, value in differences.items() if value)


def reversible_twin(model) -> Any:
    twin = type(model)(replace(model.config, reversible=True)).to(next(model.parameters()).dtype)
    twin.load_state_dict(model.state_dict())
    return twin.train()


@pytest.mark.parametrize(
    ("name", "dtype"),
    [*((name, torch.float64) for name in FLOWS), ("glow", torch.float32), ("deflow", torch.float32)],
)
def test_gradients_of_all_parameters(name, dtype) -> None:
    model = tiny_flows.flow(name, dtype)
    twin = reversible_twin(model)
    torch.testing.assert_close(nll(twin), nll(model))
    assert difference(gradients(twin), gradients(model)) < TOLERANCE[dtype]


@pytest.mark.parametrize("name", ["glow_patches", "srflow_x4_small"])
def test_gradients_of_trained_models(name) -> None:
    model = checkpoints.load(name).train()
    twin = reversible_twin(model)
    crops = torch.stack([photo[..., :32, 32:64] for photo in list(photos().values())[:4]])

    values = Dequantize()(crops, torch.Generator().manual_seed(0))

    def of_crops(model) -> torch.Tensor:
        return nll(model, values.to(next(model.parameters())))

    # in float32 gradients of a trained model have errors of their own, which depend on the processor: the
    # twin's are like them
    exact = gradients(copy.deepcopy(model).double(), of_crops)
    assert difference(gradients(copy.deepcopy(twin).double(), of_crops), exact) < TOLERANCE[torch.float64]
    own = difference({name: g.double() for name, g in gradients(model, of_crops).items()}, exact)
    assert difference({name: g.double() for name, g in gradients(twin, of_crops).items()}, exact) < 3 * own
    assert twin.state_dict().keys() == model.state_dict().keys()
    assert torch.equal(of_crops(twin.eval()), of_crops(model.eval()))


@pytest.mark.parametrize("name", ["glow", "srflow", "deflow published"])
def test_the_first_pass_initialises_and_training_goes_the_same_way(name) -> None:
    losses = []
    for reversible in (False, True):
        model = tiny_flows.new(name, torch.float64, reversible=reversible)
        optimiser = torch.optim.Adam(model.parameters(), 1e-3)
        losses.append([])
        for _ in range(3):
            optimiser.zero_grad()
            loss = nll(model).mean()
            loss.backward()
            optimiser.step()
            losses[-1].append(loss.item())
    # Adam makes a step of full length of a gradient that is zero but for rounding
    assert losses[1] == pytest.approx(losses[0], rel=1e-6)
    assert losses[0][-1] < losses[0][0]


@pytest.mark.parametrize("name", ["glow", "srflow", "deflow published"])
def test_what_is_kept_does_not_grow_with_the_steps(name) -> None:
    models = [[tiny_flows.flow(name, steps=k, reversible=r) for k in (1, 3)] for r in (False, True)]
    plain, reversible = (
        [bytes_kept(model, lambda model=model: nll(model)) for model in pair] for pair in models
    )
    # allocations of tensors that are gone may be counted once more or less
    assert reversible[1] <= 1.01 * reversible[0]
    assert reversible[1] < 0.4 * plain[1]
    assert plain[1] > 1.5 * plain[0]


@pytest.mark.parametrize("name", FLOWS)
def test_nothing_else_recomputes(name) -> None:
    """Evaluation, passes without gradients, and passes with a prepared condition."""
    model = tiny_flows.flow(name, reversible=True)
    with torch.no_grad():
        assert not nll(model).requires_grad
    images, *rest = tiny_flows.arguments(model)
    if not isinstance(model, Glow):
        prepared = model.prepare(rest[0])
        torch.testing.assert_close(model.nll(images, prepared, *rest[1:]), nll(model))
        conditioning = prepared if isinstance(model, SRFlow) else prepared.conditioning
        assert not conditioning.recomputed
        assert all(isinstance(step, StepContext) for level in conditioning.levels for step in level)
    calls = []
    for module in model.modules():
        if getattr(module, "recomputation", None) is not None:
            module.recomputation = lambda *a: calls.append(a)
    nll(model.eval())
    assert not calls
    assert any(
        isinstance(module, Transform) and callable(getattr(module, "recomputation", None))
        for module in model.modules()
    )
