"""What fit leaves behind, and that it learns."""

import csv
import json
import subprocess

import pytest
import torch

from nflib import checkpoints
from nflib.data.folders import ImageCrops, SuperResolutionImages
from nflib.files import digest
from nflib.models import Glow, GlowConfig, RRDBConfig, RRDBNet, SRFlow
from nflib.training import GlowTask, Recipe, RRDBTask, Running, SRFlowTask, fit
from tests.helpers import tiny


def smooth(n=3, side=48) -> list[torch.Tensor]:
    """Images with something to learn: gradients of colour."""
    generator = torch.Generator().manual_seed(0)
    y, x = torch.meshgrid(torch.linspace(0, 1, side), torch.linspace(0, 1, side), indexing="ij")
    weights = torch.rand(n, 3, 2, generator=generator)
    return [(0.5 * (w[:, :1, None] * x + w[:, 1:, None] * y)).clamp(0, 1) for w in weights]


def rows(folder) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("make", ["srflow", "rrdb", "glow"])
def test_the_loss_falls_and_the_model_can_be_loaded(tmp_path, make) -> None:
    torch.manual_seed(0)
    pairs = SuperResolutionImages(smooth(), scale=4, crop=16)
    task, data = {
        "srflow": lambda: (SRFlowTask(SRFlow(tiny.CONFIG)), pairs),
        "rrdb": lambda: (RRDBTask(RRDBNet(RRDBConfig(4, 8, 4, 1))), pairs),
        "glow": lambda: (
            GlowTask(Glow(GlowConfig(levels=2, steps=1, hidden=8))),
            ImageCrops(smooth(), crop=16),
        ),
    }[make]()
    recipe = Recipe(steps=60, batch=4, lr=5e-3, average=0.9, every=20)
    file = fit(task, data, tmp_path / "run", recipe=recipe, validation=data, running=Running(device="cpu"))
    table = rows(tmp_path / "run")
    validation = [float(row["validation"]) for row in table if row["validation"]]
    # the start is validated too
    assert len(validation) == 4
    assert validation[-1] < validation[0]
    assert float(table[-1]["loss"]) < float(table[1]["loss"])
    model = checkpoints.load(file)
    assert type(model) is type(task.model)
    assert model.config == task.model.config
    assert not model.training
    assert model.notes["validation"] == pytest.approx(validation[-1])
    assert model.notes["steps"] == 60
    assert model.notes["device"].startswith("cpu")
    beside = json.loads((tmp_path / "run" / "model.json").read_text())
    assert beside.pop("sha256") == digest(file)
    assert beside == model.notes
    assert {"seed", "seconds", "torch", "lightning", "nflib", "commit", "recipe", "unit"} <= set(model.notes)
    assert list((tmp_path / "run" / "tensorboard").glob("events*"))
    assert checkpoints.load(tmp_path / "run" / "best.safetensors").notes["validation"] == pytest.approx(
        min(validation)
    )


def test_nothing_is_printed_where_nobody_watches(tmp_path) -> None:
    """No advertising, no hints, no bar; and warnings are errors."""
    run = tiny.program(
        tmp_path / "run", options=("-W", "error"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert run.communicate() == ("", "")
    assert run.returncode == 0


def test_only_what_a_killed_run_left_half_written_is_removed(tmp_path) -> None:
    torch.manual_seed(0)
    left, own = tmp_path / ".model.safetensors.123.part", tmp_path / ".notes.backup.part"
    for file in (left, own):
        file.write_text("half")
    task = GlowTask(Glow(GlowConfig(levels=2, steps=1, hidden=8)))
    recipe = Recipe(steps=1, batch=2, every=1)
    fit(task, ImageCrops(smooth(), crop=16), tmp_path, recipe=recipe, running=Running(device="cpu"))
    assert not left.exists()
    assert own.read_text() == "half"


@pytest.mark.parametrize("name", ["model.safetensors", "best.safetensors", "metrics.csv"])
def test_a_new_run_writes_over_nothing_that_is_not_its_own(tmp_path, name) -> None:
    file = tmp_path / name
    file.write_text("mine")
    with pytest.raises(ValueError, match=f"{name}: is there already and was not written by this run"):
        fit(
            GlowTask(Glow(GlowConfig(levels=2, steps=1, hidden=8))),
            ImageCrops(smooth(), crop=16),
            tmp_path,
            recipe=Recipe(steps=1, batch=2, every=1),
            running=Running(device="cpu"),
        )
    assert [one.read_text() for one in tmp_path.iterdir()] == ["mine"]
