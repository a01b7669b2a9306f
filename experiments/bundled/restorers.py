"""Train the small restorers that come with nflib.

    python -m experiments.bundled.restorers --kodak FOLDER [NAME ...]

Each is trained on clean photos and what a bundled DeFlow, which has seen no pair, makes of them: as in
experiments/quality/restorers.py, seed 0. The notes say how it does on true pairs of the validation photos,
beside the input. One thread of the CPU.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from pathlib import Path

import torch

from experiments.photos import PLANS, photo_notes, photos
from experiments.recording import SEED, WEIGHTS, train_all
from experiments.restoring import smaller, synthetic, test, train, unrestored
from nflib import checkpoints, degraders


@dataclass(frozen=True)
class Plan:
    """A degradation, the model that knows it, and by how much results are larger."""

    degradation: str
    degrader: str
    scale: int = 1


RESTORERS = {
    "denoiser_ntire_small": Plan("ntire", "deflow_ntire_small"),
    "denoiser_camera_small": Plan("camera", "deflow_camera_small"),
    "refiner_x2_ntire_small": Plan("ntire", "deflow_ntire_small", 2),
}
METRICS = {"PSNR (RGB), dB": "psnr", "SSIM": "ssim"}


def make(name: str, kodak: Path | None) -> None:
    plan = RESTORERS[name]
    degrade, scale = PLANS[plan.degradation].degrade, plan.scale
    clean, _, pairs = photos(PLANS[plan.degradation], kodak)
    if scale > 1:
        generator = torch.Generator().manual_seed(SEED)
        small = (smaller(one, scale) for one, _ in pairs)
        pairs = [(large, degrade(little, generator=generator)) for large, little in small]
    model = train(synthetic(clean, degraders.load(plan.degrader), SEED, scale), SEED, scale)
    trained = model.notes
    results = {"input": unrestored(pairs, scale), "restored": test(model.half().float(), pairs)}
    folder = "" if kodak is None else "--kodak FOLDER "
    kept = ("task", "recipe", "steps", "seed", "seconds", "device", "nflib", "torch", "commit")
    notes = {
        **{key: trained[key] for key in kept},
        "metrics": {
            f"{metric}, {which}": round(statistics.fmean(scores[key]), 4)
            for which, scores in results.items()
            for metric, key in METRICS.items()
        },
        **photo_notes(
            kodak, f"pairs that {plan.degrader} made of {{}}; scored on true pairs of the validation photos"
        ),
        "command": f"python -m experiments.bundled.restorers {folder}{name}",
        "stored": "float16",
    }
    checkpoints.save(model.half(), WEIGHTS / f"{name}.safetensors", notes)
    print(name, notes["metrics"], flush=True)


if __name__ == "__main__":
    train_all(__doc__, RESTORERS, make)
