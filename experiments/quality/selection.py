"""Which step does validation pick, and which would the truth have picked? DeFlow and LUD-VAE.

    python -m experiments.quality.selection --kodak FOLDER [--seeds 0]

Both are trained on the photos of experiments/photos.py as `nflib train deflow` and `nflib train ludvae` do,
and at every validation judged three times: by strata of brightness and texture without pairs, which chooses
the model (`nflib.noise.strata_error`), by the spectrum of the flattest windows, which chose it before, and by
the truth on the validation pairs (experiments/judging.py). What is known of the last stage is told:
JPEG 30 for AIM-like photos, nothing else.

Writes experiments/results/selection.json: where and by what (experiments/recording.py), "steps" and "parts":
"deflow ntire 0" and so on with "candidates" (of each validation "step", "strata" and "flat" in dB,
"distance", and the true and own deviations in flat and textured thirds), "picked" (step by strata, by flat
windows, by the truth), "distance" (of the model that is handed back) and "cpu_seconds".
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from experiments.judging import judge, judged
from experiments.photos import CROP, PLANS, chosen, photos
from experiments.recording import Record, parser, photo_option, show
from nflib import metrics, units
from nflib.images.jpeg import parse_stage
from nflib.models import DeFlow
from nflib.training import DeFlowTask, LUDVAETask, Running, fit
from nflib.training.deflow import start_linear
from nflib.training.ludvae import JPEG_BLOCK, NOISE_SIDE, USUAL, started
from nflib.training.unpaired import limit_noise, unpaired_folders

STEPS = {"deflow": 100, "ludvae": 400}
VALIDATIONS = 4
FLATTEST = 1 / 3
STAGES = {"aim": "jpeg:30"}


def watched(kind: type, pairs: list, candidates: list) -> type:
    """A task that notes at every validation what the others would have said."""

    class Watched(kind):
        def score(self, batches: list) -> float:
            images, domains, *_ = (torch.cat(parts) for parts in zip(*batches))
            generator = units.numbered_generator(self.seed, 0)
            fake = torch.cat([self.degraded(part, generator) for part in images[domains == 0].split(16)])
            found = judge(self.averaged, pairs)
            candidates.append(
                {
                    "step": self.step,
                    "strata": super().score(batches),
                    "flat": metrics.spectrum_error(fake, images[domains == 1], FLATTEST).item(),
                    "distance": found["distance"],
                    **{
                        f"{place}_{side}": found[f"std_{place}_{side}"]
                        for place in ("flat", "textured")
                        for side in ("model", "truth")
                    },
                }
            )
            return candidates[-1]["strata"]

    Watched.__name__ = kind.__name__
    return Watched


def watch(method: str, name: str, kodak: Path | None, seed: int, tiny: bool) -> dict:
    began = time.process_time()
    plan, stage = PLANS[name], STAGES.get(name, "")
    clean, _, pairs = photos(plan, kodak)
    generator = units.generator(seed)
    degraded = [plan.degrade(photo, generator=generator) for photo in chosen("degraded", kodak)]
    pairs, candidates = judged(pairs, tiny), []
    common: dict[str, Any] = {"seed": seed, "stage": parse_stage(stage)}
    if method == "deflow":
        align = plan.config.multiple
        data, held_out = unpaired_folders(
            clean, degraded, None, None, crop=CROP, validation_crop=CROP, batch=8, align=align, **common
        )
        torch.manual_seed(seed)
        model: Any = DeFlow(replace(plan.config, last_stage=stage))
        start_linear(model, data, seed=seed)
        limit_noise(model, data, seed=seed)
        task = watched(DeFlowTask, pairs, candidates)(model)
        recipe = DeFlowTask.recipe
    else:
        usual, align = USUAL["small"], JPEG_BLOCK if stage else 1
        data, held_out = unpaired_folders(
            clean,
            degraded,
            None,
            None,
            crop=usual.crop,
            validation_crop=NOISE_SIDE,
            batch=usual.recipe.batch,
            align=align,
            **common,
        )
        model = started("small", clean, degraded, seed=seed, stage=parse_stage(stage))
        task = watched(LUDVAETask, pairs, candidates)(model, content_first=0.35)
        recipe = usual.recipe
    steps = 2 if tiny else STEPS[method]
    recipe = replace(recipe, steps=steps, every=max(steps // VALIDATIONS, 1))
    with tempfile.TemporaryDirectory() as folder:
        running = Running(device="cpu")
        fit(task, data, folder, recipe=recipe, validation=held_out, seed=seed, running=running)
    best = {rule: min(candidates, key=lambda one: one[rule]) for rule in ("strata", "flat", "distance")}
    return {
        "candidates": candidates,
        "picked": {rule.replace("distance", "truth"): one["step"] for rule, one in best.items()},
        "distance": best["strata"]["distance"],
        "cpu_seconds": round(time.process_time() - began, 1),
    }


def main(words: Sequence[str] | None = None) -> None:
    options = parser(__doc__, "selection.json")
    photo_option(options)
    options.add_argument("--seeds", type=int, nargs="+", default=[0], help="of photos and training")
    options.add_argument(
        "--methods", nargs="+", choices=list(STEPS), default=list(STEPS), help="all by default"
    )
    arguments = options.parse_args(words)
    torch.set_num_threads(1)
    record = Record(arguments, "selection.json", torch.device("cpu"), steps=STEPS)
    for seed in arguments.seeds:
        for method in arguments.methods:
            for name in ("ntire",) if arguments.tiny else PLANS:
                if (part := f"{method} {name} {seed}") not in record.parts:
                    record.add(part, watch(method, name, arguments.kodak, seed, arguments.tiny))
                    print(part, record.parts[part]["picked"], record.parts[part]["distance"], flush=True)
    show(
        "Which step is picked",
        (
            "training",
            "by strata",
            "by flat windows",
            "by the truth",
            "distance",
            "at best",
            "at the start",
            "CPU s",
        ),
        [
            (
                name,
                *part["picked"].values(),
                part["distance"],
                min(one["distance"] for one in part["candidates"]),
                part["candidates"][0]["distance"],
                part["cpu_seconds"],
            )
            for name, part in record.parts.items()
        ],
    )


if __name__ == "__main__":
    main(sys.argv[1:])
