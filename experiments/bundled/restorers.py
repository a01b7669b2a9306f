"""Train the small restorers that come with nflib.

    python -m experiments.bundled.restorers --kodak FOLDER [NAME ...]

Each is trained on clean photos and what a bundled DeFlow, which has seen no pair, makes of them: as in
experiments/quality/restorers.py, seed 0. esrgan_x2_ntire_small goes on from refiner_x2_ntire_small against a
discriminator (nflib.training.train_esrgan, with the distance in features of EfficientNet-Lite0 for the
perceptual part: it needs the extra [perceptual]). The notes say how each does on true pairs of the validation
photos, beside the input. One thread of the CPU.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from pathlib import Path

import torch

from experiments.photos import PLANS, photo_notes, photos
from experiments.recording import RUNS, SEED, WEIGHTS, train_all
from experiments.restoring import smaller, synthetic, test, train, unrestored
from nflib import checkpoints, degraders
from nflib.models import ImageModel
from nflib.training import Running, train_esrgan


@dataclass(frozen=True)
class Plan:
    """A degradation, the model that knows it, by how much results are larger, and what a GAN begins from."""

    degradation: str
    degrader: str
    scale: int = 1
    gan: str = ""


RESTORERS = {
    "denoiser_ntire_small": Plan("ntire", "deflow_ntire_small"),
    "denoiser_camera_small": Plan("camera", "deflow_camera_small"),
    "refiner_x2_ntire_small": Plan("ntire", "deflow_ntire_small", 2),
    "esrgan_x2_ntire_small": Plan("ntire", "deflow_ntire_small", 2, "refiner_x2_ntire_small"),
}
# Of the GAN; its rate is halved as published.
GAN_STEPS, GAN_RATE = 700, 4e-4
METRICS = {"PSNR (RGB), dB": "psnr", "SSIM": "ssim"}


def against_a_discriminator(plan: Plan, clean: list) -> ImageModel:
    """A super-resolver that goes on from one trained by mean absolute error."""
    run = RUNS / "esrgan"
    file = train_esrgan(
        clean,
        plan.degrader,
        run,
        scale=plan.scale,
        start=plan.gan,
        features="efficientnet",
        steps=GAN_STEPS,
        lr=GAN_RATE,
        seed=SEED,
        running=Running(device="cpu", resume=True),
    )
    assert isinstance(file, Path)
    return checkpoints.load(file)


def make(name: str, kodak: Path | None) -> None:
    plan = RESTORERS[name]
    degrade, scale = PLANS[plan.degradation].degrade, plan.scale
    clean, _, pairs = photos(PLANS[plan.degradation], kodak)
    if scale > 1:
        generator = torch.Generator().manual_seed(SEED)
        small = (smaller(one, scale) for one, _ in pairs)
        pairs = [(large, degrade(little, generator=generator)) for large, little in small]
    model = (
        against_a_discriminator(plan, clean)
        if plan.gan
        else train(synthetic(clean, degraders.load(plan.degrader), SEED, scale), SEED, scale)
    )
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
        **({key: trained[key] for key in ("perceptual", "discriminator", "start") if key in trained}),
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
