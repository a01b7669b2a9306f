"""Train the bundled small models longer, and say which get better.

    python -m experiments.gpu.longer_small --kodak FOLDER [NAME ...]

DeFlows go on from the linear solution, SRFlow from its weights, LUD-VAEs begin anew; each takes ``--times``
as many steps as the one that comes with nflib did. Both are then validated alike: DeFlow and LUD-VAE by their
noise on validation photos against the true noise, where the largest error and the error of the spectrum must
both get smaller; SRFlow by bits per dimension of photos it was not trained on, by which the best step was
chosen too. Killed and started again it goes on. Runs are in _build/runs/longer/. With ``--replace`` a model
that is better takes the place of the old one in nflib/weights/, with its notes; without it nothing there
changes.

Writes experiments/results/gpu_longer.json: where and by what (experiments/recording.py), "times", "data",
"licences", and "parts" by name of the model: "bundled" and "longer", the validation of each (name -> number,
less is better), "better", "steps", "chosen" (the step of the new weights), "training_seconds", "unit",
"curve" as in gpu_training.json.
"""

from __future__ import annotations

import json
import math
import sys
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import Subset

from experiments.bundled import deflow, srflow
from experiments.judging import On, judge, judged, noise_notes
from experiments.photos import CROP, PLANS, photo_notes, photos
from experiments.recording import RUNS, SEED, WEIGHTS, Record, curve, parser, photo_option, show, thinned
from nflib import checkpoints, units
from nflib.data import UnpairedImages
from nflib.files import write_bytes
from nflib.training import DeFlowTask, Running, SRFlowTask, fit, train_ludvae
from nflib.training.ludvae import SMALL as LUDVAE
from nflib.training.unpaired import VALIDATION_CROPS
from nflib.units import numbered_generator

NAMES = (*(f"{kind}_{plan}_small" for kind in ("deflow", "ludvae") for plan in PLANS), "srflow_x4_small")


class Noise:
    """DeFlow or LUD-VAE of one degradation."""

    def __init__(self, name: str, kodak: Path | None, tiny: bool):
        self.kind, degradation, _ = name.split("_")
        self.name, self.plan, self.tiny = name, PLANS[degradation], tiny
        self.clean, self.degraded, pairs = photos(self.plan, kodak)
        self.pairs = judged(pairs, tiny)
        self.steps = deflow.STEPS if self.kind == "deflow" else LUDVAE.steps

    def train(self, run: Path, steps: int, device: torch.device) -> Path:
        running = Running(device=device, resume=True)
        if self.kind == "ludvae":
            return train_ludvae(self.clean, self.degraded, run, steps=steps, seed=SEED, running=running)
        align = self.plan.config.multiple
        crops, held_out = (
            UnpairedImages(self.clean, self.degraded, CROP, seed=seed, align=align)
            for seed in (SEED, SEED + 1)
        )
        held_out = Subset(held_out, range(2 if self.tiny else VALIDATION_CROPS))
        recipe = replace(DeFlowTask.recipe, steps=steps, batch=2 if self.tiny else DeFlowTask.recipe.batch)
        task = DeFlowTask(checkpoints.load(self.name).float())
        done = fit(task, crops, run, recipe=recipe, validation=held_out, seed=SEED, running=running)
        return done.with_name("best.safetensors")

    def validate(self, model: nn.Module, device: torch.device) -> tuple[dict[str, float], dict]:
        notes = noise_notes(judge(On(model, device), self.pairs))
        return notes["metrics"], notes


class SuperResolution:
    """SRFlow; trained and validated on the photos of experiments/bundled/srflow.py."""

    steps = srflow.FLOW.steps

    def __init__(self, name: str, kodak: Path | None, tiny: bool):
        self.name, self.recipe = name, replace(srflow.FLOW, batch=2) if tiny else srflow.FLOW
        self.crops = srflow.training_crops()
        self.held_out = srflow.held_out_crops(32, 1) if tiny else srflow.held_out_crops()

    def train(self, run: Path, steps: int, device: torch.device) -> Path:
        task = SRFlowTask(checkpoints.load(self.name).float())
        recipe, running = replace(self.recipe, steps=steps), Running(device=device, resume=True)
        done = fit(task, self.crops, run, recipe=recipe, validation=self.held_out, seed=SEED, running=running)
        return done.with_name("best.safetensors")

    @torch.no_grad()
    def validate(self, model: nn.Module, device: torch.device) -> tuple[dict[str, float], dict]:
        model = model.float().eval().to(device)
        task = SRFlowTask(model)

        def loss(i: int) -> Tensor:
            crop = tuple(part[None].to(device) for part in self.held_out[i])
            return task.loss(model, crop, numbered_generator(SEED, 0, i))

        bits = torch.stack([loss(i) for i in range(len(self.held_out))]).mean().item()
        return {"bits/dim": round(bits, 4)}, {"validation": bits}


def longer(name: str, arguments, device: torch.device, record: Record) -> None:
    """Train one model longer, compare, and replace it if that is wanted and it is better."""
    kind = (SuperResolution if name.startswith("srflow") else Noise)(name, arguments.kodak, arguments.tiny)
    run = (arguments.runs or RUNS / ("tiny" if arguments.tiny else "longer")) / f"{name}_{arguments.times:g}"
    steps = 1 if arguments.tiny else math.ceil(arguments.times * kind.steps)
    file = kind.train(run, steps, device)
    model = checkpoints.load(file)
    chosen = model.notes["steps"]
    model = model.half()  # as it would be shipped
    before, _ = kind.validate(checkpoints.load(name), device)
    after, notes = kind.validate(in_full_precision(model), device)
    better = all(after[key] < before[key] for key in before)
    last = json.loads((run / "model.json").read_text(encoding="utf-8"))
    record.add(
        name,
        {
            "bundled": before,
            "longer": after,
            "better": better,
            "steps": last["steps"],
            "chosen": chosen,
            "training_seconds": last["seconds"],
            "unit": last["unit"],
            "curve": thinned(curve(run)),
        },
    )
    if better and arguments.replace:
        words = f"{'--kodak FOLDER ' if arguments.kodak else ''}--times {arguments.times:g} --replace {name}"
        keys = (
            "task",
            "recipe",
            "seed",
            "seconds",
            "device",
            "unit",
            "validation",
            "validation_unit",
            "nflib",
            "torch",
        )
        notes = {
            **{key: last[key] for key in keys},
            "commit": arguments.commit,
            "steps": chosen,
            **notes,
            "command": f"python -m experiments.gpu.longer_small {words}",
            "chosen": "better than the model before by all numbers of its validation",
            "stored": "float16",
        }
        put(name, model, notes, arguments.weights)


def in_full_precision(model: nn.Module) -> nn.Module:
    """The same model in full precision, the halves rounded."""
    copy = type(model)(model.config)
    copy.load_state_dict(model.state_dict())
    return copy


def put(name: str, model: nn.Module, notes: dict, weights: Path) -> None:
    """Ship a model in place of the one of this name.

    What its JSON says of the data stays, and what it has besides notes.
    """
    described = weights / f"{name}.json"
    content = json.loads(described.read_text(encoding="utf-8"))
    notes = {**{key: content["notes"][key] for key in ("data", "licences")}, **notes}
    checkpoints.save(model.cpu(), weights / f"{name}.safetensors", notes)
    write_bytes(described, (json.dumps({**content, "notes": notes}) + "\n").encode())


def main(words: list[str] | None = None) -> None:
    options = parser(__doc__, "gpu_longer.json")
    options.add_argument("names", nargs="*", choices=[*NAMES, []], help="which; all by default")
    photo_option(options)
    options.add_argument("--times", type=float, default=10, help="as many steps as the bundled model")
    options.add_argument(
        "--replace", action="store_true", help="put models that are better into nflib/weights/"
    )
    options.add_argument("--weights", type=Path, default=WEIGHTS, help="where --replace puts them")
    options.add_argument("--runs", type=Path, help="folder of the runs")
    arguments = options.parse_args(words)
    device = units.device(arguments.device)
    described = photo_notes(arguments.kodak, "of noise: {}; of srflow: the bundled photos")
    record = Record(arguments, "gpu_longer.json", device, times=arguments.times, **described)
    for name in arguments.names or NAMES:
        longer(name, arguments, device, record)

    def row(name: str, part: dict) -> tuple:
        numbers = [
            ", ".join(f"{value:.4g}" for value in part[which].values()) for which in ("bundled", "longer")
        ]
        return (
            name,
            part["chosen"],
            ", ".join(part["bundled"]),
            *numbers,
            "better" if part["better"] else "not better",
        )

    rows = [row(name, part) for name, part in record.parts.items()]
    show(f"On {record.content['device']}", ("model", "step", "validation", "bundled", "longer", ""), rows)


if __name__ == "__main__":
    main(sys.argv[1:])
