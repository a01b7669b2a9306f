from dataclasses import replace

import pytest
import torch

from nflib.costs import Counter, result_cost, training_cost, training_memory
from nflib.costs.memory import forward_pass
from nflib.costs.workloads import model_class
from nflib.models import (
    DeFlowConfig,
    ESRGANDiscriminatorConfig,
    GlowConfig,
    LUDVAEConfig,
    RRDBConfig,
    SRFlowConfig,
)

RRDB = RRDBConfig(4, channels=8, growth=4, blocks=2)
TINY = [
    DeFlowConfig(RRDB, taps=(1,), levels=3, steps=2, transitions=1, hidden=8),
    DeFlowConfig.small(),
    SRFlowConfig(RRDB, taps=(1,), steps=1, transitions=1, hidden=8, affine="multiply", lu=False),
    GlowConfig(steps=2, hidden=8),
    LUDVAEConfig(width=8),
]


@pytest.mark.parametrize("config", TINY, ids=lambda config: type(config).__name__)
def test_without_data_as_with_data(config) -> None:
    model = model_class(config)(config)
    for _ in range(2):  # in the first pass ActNorm initialises, and a reversible model tries its inverses
        with Counter() as step:
            loss = model.example_loss(torch.rand(4, 3, 32, 32))
    with step:
        loss.backward()
    model.eval()
    with Counter() as use, torch.no_grad():
        model.example_result(torch.rand(4, 3, 32, 32))
    found, used = training_cost(config, 4, 32), result_cost(config, 32, 4)
    assert found.multiply_adds == step.multiply_adds
    assert used.multiply_adds == use.multiply_adds
    # a device may also copy from one order of memory to another
    assert (found.moved, used.moved) == pytest.approx((step.moved, use.moved), rel=0.1)
    weights = 4 * found.parameters
    assert found.parameters == sum(p.numel() for p in model.parameters())
    assert found.peak == pytest.approx(step.peak + 4 * weights, rel=0.02)
    assert used.peak == pytest.approx(use.peak + weights, rel=0.02)
    assert (used.kept, used.updated, found.updated) == (0, 0, 13 * weights)


@pytest.mark.parametrize("config", TINY, ids=lambda config: type(config).__name__)
def test_a_training_step_is_about_three_forward_passes(config) -> None:
    forward = forward_pass(config, 2, 64)[1].multiply_adds
    assert 2.8 < training_cost(config, 2, 64).multiply_adds / forward <= 3


@pytest.mark.parametrize("config", [TINY[0], TINY[3]], ids=lambda config: type(config).__name__)
def test_a_reversible_step_is_one_more_forward_pass_and_keeps_less(config) -> None:
    plain, reversible = (
        training_cost(replace(config, steps=4, reversible=way), 2, 32) for way in (False, True)
    )
    assert 1.2 < reversible.multiply_adds / plain.multiply_adds < 1.36
    assert reversible.moved > plain.moved
    assert reversible.kept < 0.6 * plain.kept
    assert reversible.peak < 0.9 * plain.peak


def test_memory_is_between_its_bounds() -> None:
    for config in TINY:
        memory, cost = training_memory(config, 4, 32), training_cost(config, 4, 32)
        assert memory.activations == cost.kept
        assert memory.low <= cost.peak <= memory.high


def test_precision_halves_what_moves_but_not_the_update() -> None:
    cost = training_cost(TINY[0], 4, 32)
    assert cost.operations == 2 * cost.multiply_adds
    assert cost.bytes() == cost.bytes("tf32") == cost.moved + cost.updated
    assert cost.bytes("bfloat16") == cost.moved // 2 + cost.updated


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="crop a multiple of 8, got 2 and 12"):
        training_cost(TINY[0], 2, 12)
    with pytest.raises(ValueError, match="batch must be at least 1"):
        result_cost(LUDVAEConfig(width=8), 16, 0)
    with pytest.raises(
        ValueError, match="config must be that of an image model, got ESRGANDiscriminatorConfig"
    ):
        training_cost(ESRGANDiscriminatorConfig(), 1, 16)
