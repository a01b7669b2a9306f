"""Train the small restorers that come with nflib: python tools/train_restorers_small.py --kodak FOLDER [NAME ...]

Each is trained on clean photos and what a bundled DeFlow, which has seen no pair, makes of them: as in compare_restorers.py, seed 0.
The notes say how it does on true pairs of the validation photos, beside the input. One thread of the CPU.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from pathlib import Path

import torch
from compare_restorers import CROP, SMALL_CROP, smaller, test, train, unrestored
from train_deflow_small import PLANS, SEED, WEIGHTS, photo_notes, photos, train_all

from nflib import checkpoints, degraders
from nflib.training.restorer import restoration_pairs


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


def make(name: str, kodak: Path | None) -> None:
    plan = RESTORERS[name]
    degrade, scale = PLANS[plan.degradation].degrade, plan.scale
    clean, _, pairs = photos(PLANS[plan.degradation], kodak)
    if scale > 1:
        generator = torch.Generator().manual_seed(SEED)
        pairs = [(large, degrade(small, generator=generator)) for large, small in (smaller(one, scale) for one, _ in pairs)]
    task, crop = ("denoise", CROP) if scale == 1 else ("sr", scale * SMALL_CROP[scale])
    model = train(restoration_pairs(task, clean, degraders.load(plan.degrader), scale, crop, SEED), SEED, scale)
    trained = model.notes
    results = {"input": unrestored(pairs, scale), "restored": test(model.half().float(), pairs)}
    notes = {
        **{key: trained[key] for key in ("task", "recipe", "steps", "seed", "seconds", "device", "nflib", "torch", "commit")},
        "metrics": {
            f"{metric}, {which}": round(statistics.fmean(scores[key]), 4)
            for which, scores in results.items() for metric, key in (("PSNR (RGB), dB", "psnr"), ("SSIM", "ssim"))
        },
        **photo_notes(kodak, f"pairs that {plan.degrader} made of {{}}; scored on true pairs of the validation photos"),
        "command": f"python tools/train_restorers_small.py {'' if kodak is None else '--kodak FOLDER '}{name}", "stored": "float16",
    }
    checkpoints.save(model.half(), WEIGHTS / f"{name}.safetensors", notes)
    print(name, notes["metrics"], flush=True)


if __name__ == "__main__":
    train_all(__doc__.splitlines()[0], RESTORERS, make)
