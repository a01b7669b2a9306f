"""Precision, layout and compilation: what changes how a training is computed, not what."""

import functools
import json
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from nflib import processes
from nflib.models import LUDVAE, Glow, GlowConfig, LUDVAEConfig, RRDBConfig, RRDBNet, SRFlow, SRFlowConfig
from nflib.training import LUDVAETask, Recipe, RRDBTask, Running, SRFlowTask, fit, running
from tests.helpers import tiny

pytestmark = pytest.mark.usefixtures("one_thread")
CONFIG = SRFlowConfig(RRDBConfig(4, 4, 2, 1), taps=(0,), levels=3, steps=1, transitions=1, hidden=8)


def train(out, steps=6, **how) -> Any:
    torch.manual_seed(3)
    recipe = Recipe(steps=steps, batch=4, lr=1e-3, every=1)
    return fit(
        SRFlowTask(SRFlow(CONFIG)),
        tiny.crops(),
        out,
        recipe=recipe,
        seed=5,
        running=Running(device="cpu", **how),
    )


def losses(file) -> torch.Tensor:
    rows = [row.split(",") for row in (file.parent / "metrics.csv").read_text().splitlines()[1:]]
    return torch.tensor([float(row[1]) for row in rows])


@pytest.fixture(scope="module")
def plain(one_thread, tmp_path_factory) -> Any:
    return train(tmp_path_factory.mktemp("plain") / "run")


@pytest.mark.parametrize(
    ("how", "tolerance"),
    [
        # bfloat16 has 8 bits: networks are off by 0.4 %, and the loss is a sum of many of their outputs.
        # Seen: 1e-4.
        ({"precision": "bfloat16"}, 1e-3),
        ({"channels_last": True}, 1e-5),
        ({"precision": "bfloat16", "channels_last": True}, 1e-3),
    ],
)
def test_the_same_training_otherwise_computed(plain, tmp_path, how, tolerance) -> None:
    file = train(tmp_path / "run", **how)
    torch.testing.assert_close(losses(file), losses(plain), rtol=tolerance, atol=0)
    assert all(value.is_contiguous() for value in load_file(file).values())
    assert json.loads((tmp_path / "run" / "model.json").read_text())["precision"] == how.get(
        "precision", "float32"
    )
    if "precision" in how:
        assert not torch.equal(losses(file), losses(plain))  # it was another precision


def test_channels_last_reaches_images_and_weights() -> None:
    seen = {}

    class Watching(RRDBTask):
        def loss(self, model, batch, generator) -> torch.Tensor:
            seen["batch"] = [part.is_contiguous(memory_format=torch.channels_last) for part in batch]
            seen["weight"] = model.conv_first.weight.is_contiguous(memory_format=torch.channels_last)
            return super().loss(model, batch, generator)

    task = Watching(RRDBNet(RRDBConfig(4, 4, 2, 1)))
    task.begin(
        Recipe(steps=1, batch=2),
        0,
        (torch.rand(2, 3, 16, 16), torch.rand(2, 3, 4, 4)),
        Running(channels_last=True),
    )
    assert seen == {"batch": [True, True], "weight": True}


@pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning"
)  # of the compiler's own code
def test_compiled_blocks_compute_the_same(monkeypatch) -> None:
    """Traced and differentiated as for every backend; without the minutes that code for the CPU takes
    (experiments/speed/options.py has them).
    """
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="aot_eager"))
    torch.manual_seed(0)
    batch = torch.rand(2, 3, 8, 8), torch.tensor([0, 1])
    found = []
    for compile in (False, True):
        torch.manual_seed(1)
        task = LUDVAETask(LUDVAE(LUDVAEConfig(levels=1, width=6)))
        task.begin(Recipe(steps=2, batch=2), 0, batch, Running(compile=compile))
        task.keep()
        task.advance(batch)
        found.append((task.last["loss"], task.last["gradient_norm"]))
    assert found[1] == pytest.approx(found[0], rel=1e-4)
    compiled = [module for module in task.model.modules() if module._compiled_call_impl is not None]
    assert len(compiled) == len(running.repeated_blocks(task.model)) == 3
    assert not any(module._compiled_call_impl for module in task.averaged.modules())


@pytest.mark.parametrize(
    "model", [Glow(GlowConfig(2, 1, 4)), SRFlow(CONFIG), LUDVAE(LUDVAEConfig(levels=1, width=6))]
)
def test_every_model_has_blocks_to_compile(model) -> None:
    assert running.repeated_blocks(model)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"strategy": "fsdp"}, "strategy must be one of ddp, ddp_fork, got 'fsdp'"),
        ({"nodes": 0}, "nodes must be at least 1, got 0"),
        ({"precision": "float16"}, "precision must be one of"),
    ],
)
def test_bad_arguments(tmp_path, how, said) -> None:
    with pytest.raises(ValueError, match=said):
        train(tmp_path / "run", **how)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((2, 1, "ddp_fork", "cuda"), "strategy ddp_fork is for the cpu"),
        ((2, 1, "ddp", "mps"), "if they are cuda or cpu, got mps"),
        ((2, 1, "ddp", "cuda:1"), "none can be chosen, got cuda:1"),
        ((99, 1, "ddp", "cuda"), r"devices must be at most \d+, as many as there are here"),
    ],
)
def test_devices_that_cannot_work_together(monkeypatch, arguments, said) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    devices, nodes, strategy, device = arguments
    with pytest.raises(ValueError, match=said):
        running.check_running(Running(devices=devices, nodes=nodes, strategy=strategy), torch.device(device))


BATCH = {"SLURM_JOB_ID": "81", "SLURM_JOB_NAME": "train", "SLURM_NTASKS": "4", "SLURM_NTASKS_PER_NODE": "2"}


@pytest.mark.parametrize("more", [{}, {"SLURM_NNODES": "2", "SLURM_PROCID": "0", "SLURM_LOCALID": "0"}])
def test_a_batch_script_trains_alone(plain, tmp_path, monkeypatch, more) -> None:
    """Whatever its job has: without srun it is no part of it."""
    for name, value in {**BATCH, **more}.items():
        monkeypatch.setenv(name, value)
    assert torch.equal(losses(train(tmp_path / "run")), losses(plain))


@pytest.mark.parametrize("names", processes.LAUNCHERS)
def test_as_many_processes_as_devices(tmp_path, monkeypatch, names) -> None:
    for name, value in zip((*names, "SLURM_STEP_ID"), "120"):
        monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match="devices times nodes must be 2, as many .* promise, got 1 times 1"):
        train(tmp_path / "run")
    assert not (tmp_path / "run").exists()
