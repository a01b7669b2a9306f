"""What fit leaves behind, and that it learns."""

import csv
import json
import subprocess
import sys
from dataclasses import replace

import pytest
import tiny
import torch

from nflib import checkpoints
from nflib.data.folders import ImageCrops, SuperResolutionImages
from nflib.models import Glow, GlowConfig, RRDBConfig, RRDBNet, SRFlow
from nflib.training import GlowTask, Recipe, RRDBTask, SRFlowTask, fit
from nflib.training.averaging import Average


def smooth(n=3, side=48):
    """Images with something to learn: gradients of colour."""
    generator = torch.Generator().manual_seed(0)
    y, x = torch.meshgrid(torch.linspace(0, 1, side), torch.linspace(0, 1, side), indexing="ij")
    weights = torch.rand(n, 3, 2, generator=generator)
    return [(0.5 * (w[:, :1, None] * x + w[:, 1:, None] * y)).clamp(0, 1) for w in weights]


def rows(folder):
    with (folder / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("make", ["srflow", "rrdb", "glow"])
def test_the_loss_falls_and_the_model_can_be_loaded(tmp_path, make):
    torch.manual_seed(0)
    pairs = SuperResolutionImages(smooth(), scale=4, crop=16)
    task, data = {
        "srflow": lambda: (SRFlowTask(SRFlow(tiny.CONFIG)), pairs),
        "rrdb": lambda: (RRDBTask(RRDBNet(RRDBConfig(4, 8, 4, 1))), pairs),
        "glow": lambda: (GlowTask(Glow(GlowConfig(levels=2, steps=1, hidden=8))), ImageCrops(smooth(), crop=16)),
    }[make]()
    file = fit(task, data, tmp_path / "run", Recipe(steps=60, batch=4, lr=5e-3, average=0.9, every=20), data, device="cpu")
    table = rows(tmp_path / "run")
    validation = [float(row["validation"]) for row in table if row["validation"]]
    # the start is validated too
    assert len(validation) == 4 and validation[-1] < validation[0] and float(table[-1]["loss"]) < float(table[1]["loss"])
    model = checkpoints.load(file)
    assert type(model) is type(task.model) and model.config == task.model.config and not model.training
    assert model.notes["validation"] == pytest.approx(validation[-1]) and model.notes["steps"] == 60 and model.notes["device"].startswith("cpu")
    assert json.loads((tmp_path / "run" / "model.json").read_text()) == model.notes
    assert {"seed", "seconds", "torch", "lightning", "nflib", "commit", "recipe", "unit"} <= set(model.notes)
    assert list((tmp_path / "run" / "tensorboard").glob("events*"))
    assert checkpoints.load(tmp_path / "run" / "best.safetensors").notes["validation"] == pytest.approx(min(validation))


def test_the_loss_of_srflow_is_bits_per_dimension():
    """By hand: log2 of the density of the 8-bit levels, per value."""
    torch.manual_seed(0)
    model = SRFlow(tiny.CONFIG).double().eval()
    hr, lr = torch.randint(256, (2, 3, 16, 16)).double() / 255, torch.rand(2, 3, 4, 4).double()
    task = SRFlowTask(model)
    loss = task.loss(model, (hr, lr), torch.Generator().manual_seed(1))
    noise = torch.rand(hr.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    nll = model.nll(((255 * hr).round() + noise) / 256, lr)
    per_value = nll / torch.log(torch.tensor(2.0, dtype=torch.float64)) / (3 * 16 * 16) + 8
    torch.testing.assert_close(loss, per_value.mean(), rtol=1e-12, atol=0)


def test_average():
    model = torch.nn.Linear(1, 1, bias=False)
    average = Average(model, 0.5)
    values, expected = [2.0, 3.0, 5.0, 7.0], model.weight.item()
    for n, value in enumerate(values):
        torch.nn.init.constant_(model.weight, value)
        average.update(model)
        decay = min(0.5, (1 + n) / (10 + n))
        expected = decay * expected + (1 - decay) * value
    assert average.model.weight.item() == pytest.approx(expected) and not average.model.weight.requires_grad


def test_learning_rate():
    recipe = Recipe(steps=100, lr=1.0)
    assert [recipe.lr_at(step) for step in (0, 49, 50, 74, 75, 89, 90, 94, 95, 99)] == [1, 1, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125, 0.0625, 0.0625]


@pytest.mark.parametrize("changes", [{"steps": 0}, {"batch": 0}, {"lr": -1.0}, {"clip": 0.0}, {"average": 1.0}])
def test_recipes_that_cannot_be(changes):
    with pytest.raises(ValueError, match=next(iter(changes))):
        replace(Recipe(), **changes)


def test_nothing_is_printed_where_nobody_watches(tmp_path):
    """No advertising, no hints, no bar; and warnings are errors."""
    run = subprocess.run([sys.executable, "-W", "error", tiny.__file__, str(tmp_path / "run"), "1"], capture_output=True, text=True)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
