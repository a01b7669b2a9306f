"""Train the small DeFlows that come with nflib.

    python -m experiments.bundled.deflow --kodak FOLDER [ntire] [camera] [aim]

On the photos of experiments/photos.py, and judged on its pairs. One thread of the CPU; killed and started
again it goes on. Runs are in _build/runs/, what is shipped in nflib/weights/.

What is shipped is the linear solution, which no pair has chosen. Training from there raises the likelihood,
and the noise gets better in some respects and worse in others, for of equal likelihood are many: NAME.json
beside the model has a record of that.
"""

from __future__ import annotations

import copy
import json
import time
from dataclasses import replace
from pathlib import Path

import torch
from torch.utils.data import Subset

from experiments.judging import judge, noise_notes
from experiments.photos import CROP, PLANS, photo_notes, photos
from experiments.recording import RUNS, SEED, WEIGHTS, train_all
from nflib import checkpoints
from nflib.data import UnpairedImages
from nflib.files import write_bytes
from nflib.models import DeFlow
from nflib.training import DeFlowTask, Running, fit
from nflib.training.deflow import start_linear
from nflib.training.last_stage import known_stage
from nflib.training.unpaired import limit_noise

STEPS, EVERY = 100, 20


class Judged(DeFlowTask):
    """Validated by the truth, which is known for simulated degradations."""

    validation_unit = "largest error of the noise, 1 is still good"

    def __init__(self, model, pairs):
        super().__init__(model)
        self.pairs, self.candidates = pairs, []

    def score(self, batches: list) -> float:
        found = judge(self.averaged, self.pairs)
        self.candidates.append({"step": self.step, "noise_power": self.figures()["noise_power"], **found})
        return found["distance"]


def train(name: str, kodak: Path | None) -> None:
    plan = PLANS[name]
    clean, degraded, pairs = photos(plan, kodak)
    stage = known_stage("auto", clean, degraded)
    config = replace(plan.config, last_stage="" if stage is None else str(stage))
    crops = UnpairedImages(clean, degraded, CROP, seed=SEED, align=config.multiple, stage=stage)
    torch.manual_seed(SEED)
    model, began = DeFlow(config), time.perf_counter()
    start_linear(model, crops, seed=SEED)
    limit_noise(model, crops, seed=SEED)
    seconds = round(time.perf_counter() - began)
    shipped = copy.deepcopy(model).half()
    recipe = replace(DeFlowTask.recipe, steps=STEPS, every=EVERY)
    task, run = Judged(model, pairs), RUNS / f"deflow_{name}_small"
    print(f"{name}: {recipe}", flush=True)
    running = Running(device="cpu", resume=True)
    last = checkpoints.load(
        fit(task, crops, run, recipe=recipe, validation=Subset(crops, range(2)), seed=SEED, running=running)
    )
    found = judge(copy.deepcopy(shipped).float(), pairs)
    notes = {
        **{key: last.notes[key] for key in ("task", "seed", "device", "nflib", "torch", "commit")},
        "steps": 0,
        "seconds": seconds,
        **noise_notes(found),
        **photo_notes(kodak, f"{name}-like degradation of {{}}; no pair was seen in training"),
        "start": f"the linear solution; {STEPS} steps of training from there are recorded, not shipped",
        "command": f"python -m experiments.bundled.deflow {'' if kodak is None else '--kodak FOLDER '}{name}",
        "stored": "float16",
    }
    checkpoints.save(shipped, WEIGHTS / f"deflow_{name}_small.safetensors", notes)
    content = json.dumps({"notes": notes, "candidates": task.candidates}) + "\n"
    write_bytes(WEIGHTS / f"deflow_{name}_small.json", content.encode())
    print(json.dumps(found, indent=1), flush=True)


if __name__ == "__main__":
    train_all(__doc__, PLANS, train)
