"""Training DeFlow on two domains: the loss by hand, what moves, what validates."""

import math
from dataclasses import replace

import pytest
import torch
from torch.utils.data import Subset, default_collate

from nflib import checkpoints
from nflib.data import UnpairedImages
from nflib.models import DeFlow, DeFlowConfig, RRDBConfig
from nflib.training import DeFlowTask, Recipe, Running, fit
from nflib.training.deflow import LEVELS, dequantised, start_linear
from tests.helpers.folders import smooth_photos

TINY = DeFlowConfig(RRDBConfig(2, 4, 2, 1), taps=(), levels=2, steps=1, transitions=0, hidden=4)


def data(seed=0) -> UnpairedImages:
    return UnpairedImages(smooth_photos(0), smooth_photos(1, 0.05), crop=16, seed=seed, align=4)


def test_the_loss_is_bits_per_dimension_of_both_domains() -> None:
    torch.manual_seed(0)
    model = DeFlow(TINY).eval()
    images, domains = default_collate([data()[i] for i in range(4)])
    value = DeFlowTask(model).loss(model, (images, domains), torch.Generator().manual_seed(1))
    g = torch.Generator().manual_seed(1)
    noisy = dequantised(images, g)
    nll = model.nll(noisy, model.condition(noisy, g), ["clean", "degraded"] * 2)
    torch.testing.assert_close(value, (nll / (3 * 16 * 16 * math.log(2)) + math.log2(LEVELS)).mean())
    assert (noisy - images).abs().max() <= 0.5 / LEVELS
    assert abs(float((noisy - images).mean())) < 0.1 / LEVELS


def test_the_noise_moves_at_a_rate_of_its_own_and_its_growth_is_logged(tmp_path) -> None:
    torch.manual_seed(0)
    model = DeFlow(replace(TINY, noise=0.05))
    task = DeFlowTask(model)
    groups = task.parameter_groups()
    assert sorted(id(p) for group, _ in groups for p in group) == sorted(id(p) for p in model.parameters())
    start_linear(model, data(), seed=0, closed_form=False)
    before = task.figures()["noise_power"]
    recipe = Recipe(steps=40, batch=8, lr=2e-3, average=0.5, every=20)
    fit(
        task,
        data(),
        tmp_path / "run",
        recipe=recipe,
        validation=Subset(data(1), range(16)),
        running=Running(device="cpu"),
    )
    lines = (tmp_path / "run" / "metrics.csv").read_text().splitlines()
    column = lines[0].split(",").index("noise_power")
    logged = [float(line.split(",")[column]) for line in lines[1:]]
    assert logged[0] == pytest.approx(before)
    assert logged[-1] > 1.5 * before
    notes = checkpoints.load(tmp_path / "run" / "model.safetensors").notes
    assert notes["validation_unit"] == DeFlowTask.validation_unit


def test_a_factor_of_zero_never_leaves(tmp_path) -> None:
    """A saddle: why the noise starts small and not at zero."""
    torch.manual_seed(0)
    task = DeFlowTask(DeFlow(replace(TINY, noise=0.0)))
    fit(
        task,
        data(),
        tmp_path / "run",
        recipe=Recipe(steps=5, batch=4, lr=1e-2, every=5),
        running=Running(device="cpu"),
    )
    assert task.figures()["noise_power"] == 0.0


def test_validation_sees_the_noise_and_not_the_likelihood() -> None:
    torch.manual_seed(0)
    model = DeFlow(TINY)
    start_linear(model, data(), seed=0)
    task = DeFlowTask(model)
    task.begin(Recipe(batch=8), 0, default_collate([data()[i] for i in range(8)]))
    batches = [default_collate([data(1)[i] for i in range(k, k + 8)]) for k in range(0, 32, 8)]
    right = task.score(batches)
    for factor in task.averaged.flow.base.factor:
        factor.mul_(3)
    assert task.score(batches) > 2 * right
