"""Record the training of the full models.

    python -m experiments.gpu.full_training --minutes 60 --kodak FOLDER

DeFlow and LUD-VAE at full width (nflib.training.train_deflow and train_ludvae, size "full"), and with
--models the degraders against critics (c2n, fssr, dasr, cyclegan, cincgan; all at once or alone), learn the
NTIRE-like degradation from the photos of experiments/photos.py, without pairs. How many steps fit into the
minutes, which both models share, a rehearsal tells. Killed and started again with the same arguments it goes
on. Runs are in _build/runs/full/, with pictures of the samples (clean, made, true).

Writes experiments/results/gpu_training.json: where and by what (experiments/recording.py), "degradation",
"minutes", "precision", "channels_last", "compile", "data", "licences", and "parts": "deflow" and "ludvae",
and for comparison "deflow_ntire_small" and "ludvae_ntire_small", which come with nflib, judged on the same
photos. Of each:

- "metrics" and "noise": how far the noise of its samples is from the true one, and both, as in the notes of
  the small models (deviations in grey levels); of the weights that the training returns.
- of the full ones also "config", "parameters", "recipe", "steps", "chosen" (the step of these weights),
  "crop", "step_seconds" of the rehearsal, "training_seconds", "images_per_second", "unit" and
  "validation_unit", and "curve": "step", "loss" (means since the row before) and "validation" (null between
  validations), at most 200 rows.
"""

from __future__ import annotations

import json
import math
import sys
import time
from pathlib import Path

import torch

from experiments.judging import On, judge, judged, noise_notes
from experiments.photos import PLANS, photo_notes, photos
from experiments.recording import RUNS, SEED, Record, curve, parser, photo_option, show, thinned
from nflib import checkpoints, images, units
from nflib.files import write_bytes
from nflib.training import Rehearsal, Running, training

# How each is trained by name, and which of its models is the one to use.
MODELS = {
    "deflow": "best.safetensors",
    "ludvae": "model.safetensors",
    **dict.fromkeys(("c2n", "fssr", "dasr", "cyclegan", "cincgan"), "best.safetensors"),
}
USUAL = ("deflow", "ludvae")
SMALL = ("deflow_ntire_small", "ludvae_ntire_small")
# Of the time: the rest is for validation, and for states that are written.
TRAINED = 0.75


def planned(run: Path, train, minutes: float) -> dict:
    """How many steps fit into the minutes, as a rehearsal tells.

    It is kept in the folder of the run: a resumed one may not change it.
    """
    file = run / "plan.json"
    if not file.is_file():
        began = time.perf_counter()
        rehearsal = train(dry_run=True)
        start = (
            time.perf_counter() - began
        )  # its start is as long as that of the training, which is in the minutes too
        steps = max(math.floor((60 * minutes - 2 * start) * TRAINED / rehearsal.step_seconds), 1)
        run.mkdir(parents=True, exist_ok=True)
        plan = {
            "steps": steps,
            "step_seconds": rehearsal.step_seconds,
            "parameters": rehearsal.parameters,
            "crop": rehearsal.crop[-1],
        }
        print(f"{rehearsal}\nplanned: {steps} steps", flush=True)
        write_bytes(file, (json.dumps(plan) + "\n").encode())
    return json.loads(file.read_text(encoding="utf-8"))


def write_pictures(model: On, pairs: list, folder: Path) -> None:
    """Each validation photo, as the model degrades it, as it truly is degraded: side by side."""
    folder.mkdir(parents=True, exist_ok=True)
    for i, (clean, true) in enumerate(pairs):
        made = model.degrade(clean[None], units.generator(SEED + 1))[0]
        images.write(folder / f"{i}.png", torch.cat((clean, made, true), 2))


def main(words: list[str] | None = None) -> None:
    options = parser(__doc__, "gpu_training.json")
    options.add_argument("--minutes", type=float, required=True, help="for all models together")
    photo_option(options)
    options.add_argument(
        "--models", nargs="+", choices=MODELS, default=list(USUAL), help="which; deflow and ludvae by default"
    )
    options.add_argument("--degradation", choices=PLANS, default="ntire")
    options.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    options.add_argument("--channels-last", action="store_true")
    options.add_argument("--compile", action="store_true")
    options.add_argument("--workers", type=int, default=4, help="processes that prepare crops")
    options.add_argument("--runs", type=Path, help="folder of the runs")
    arguments = options.parse_args(words)
    device = units.device(arguments.device)
    plan = PLANS[arguments.degradation]
    clean, degraded, pairs = photos(plan, arguments.kodak)
    how = {name: getattr(arguments, name) for name in ("precision", "channels_last", "compile")}
    record = Record(
        arguments,
        "gpu_training.json",
        device,
        degradation=arguments.degradation,
        minutes=arguments.minutes,
        **how,
        **photo_notes(
            arguments.kodak, f"{arguments.degradation}-like degradation of {{}}; no pair was seen in training"
        ),
    )
    size = {"size": "small", "crop": 32, "batch": 2} if arguments.tiny else {"size": "full"}
    pairs = judged(pairs, arguments.tiny)
    runs = arguments.runs or RUNS / ("tiny" if arguments.tiny else "full")
    for name in arguments.models:
        if name in record.parts:
            continue
        minutes = arguments.minutes / len(arguments.models)
        run = runs / f"{name}_{arguments.degradation}_{minutes:g}_minutes_{arguments.precision}"

        def train(name: str = name, run: Path = run, steps: int | None = None, **more) -> Path | Rehearsal:
            condition = {"h": plan.config.h} if name == "deflow" else {}
            running = Running(device=device, workers=arguments.workers, **how, **more)
            return training(name).train(
                clean, degraded, run, seed=SEED, steps=steps, running=running, **condition, **size
            )

        budget = planned(run, train, minutes)
        finished = run / "model.json"
        if not finished.is_file():
            train(steps=1 if arguments.tiny else budget["steps"], resume=True)
        model = checkpoints.load(run / MODELS[name])
        on_device = On(model, device)
        write_pictures(on_device, pairs, run / "samples")
        notes = json.loads(finished.read_text(encoding="utf-8"))
        record.add(
            name,
            {
                **noise_notes(judge(on_device, pairs)),
                "config": notes["model"],
                "parameters": budget["parameters"],
                "recipe": notes["recipe"],
                "steps": notes["steps"],
                "chosen": model.notes["steps"],
                "crop": budget["crop"],
                "step_seconds": budget["step_seconds"],
                "training_seconds": notes["seconds"],
                "images_per_second": notes["steps"] * notes["recipe"]["batch"] / max(notes["seconds"], 1),
                "unit": notes["unit"],
                "validation_unit": notes["validation_unit"],
                "curve": thinned(curve(run)),
            },
        )
    for name in SMALL if arguments.degradation == "ntire" and not arguments.tiny else ():
        if name not in record.parts:
            record.add(name, noise_notes(judge(On(checkpoints.load(name), device), pairs)))
    columns = ("model", "steps", "spectrum error, dB", "largest error", "deviation, green", "true")
    rows = [
        (
            name,
            part.get("steps"),
            *part["metrics"].values(),
            *(part["noise"][side]["std_g"] for side in ("model", "truth")),
        )
        for name, part in record.parts.items()
    ]
    show(f"On {record.content['device']}", columns, rows)


if __name__ == "__main__":
    main(sys.argv[1:])
