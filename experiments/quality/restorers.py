"""Restorers trained on pairs from different degraders: how far do they get from white noise to the truth?

    python -m experiments.quality.restorers ntire --kodak FOLDER --seeds 0 1 2 [--scale 2] [--few]
                                            [--only law ...] [--json FILE]

Photos are those of experiments/photos.py: every restorer is trained on its clean side, with the same crops,
steps and schedule, and tested on its validation pairs. It is a denoiser, or, with --scale, a super-resolver:
then the photos are made smaller before they are degraded. What the degraded side is for differs:

- clean: super-resolution only, nothing: trained on small photos as they are;
- white: white noise of the per-channel deviation of the true residual of the validation pairs, which nobody
  would know;
- patches: noise patches collected from the degraded photos;
- law, deflow, affine-deflow, ludvae: learned from both sides without pairs, by the commands `nflib train law`
  and so on with nothing but their defaults (and, of DeFlow, the map h of experiments/photos.py). Each seed
  learns anew, from photos that were degraded anew: its spread is of the degrader and of the restorer;
- c2n, fssr, dasr, cyclegan, cincgan: trained against critics, from both sides without pairs, in the same way;
- true: the true degradation of the clean photos, which nobody would have.

With --few there are no degraded photos but two textured ones, Kodak 5 and 8: patches are collected from them,
and models learn from them and the clean side. Runs of white noise and of the truth would be those without
--few.

Reported is mean PSNR (RGB) and SSIM over the validation pairs, rounded to 8 bits, and the fraction (PSNR -
white) / (true - white). Of degraders against critics the record also has "validation", [step, dB] of the
whole training, and of denoising "handed back" and "last", the noise of both models as experiments/judging.py
finds it on the pairs.
"""

from __future__ import annotations

import hashlib
import json
import statistics
import time
from dataclasses import asdict
from pathlib import Path

import torch

from experiments import photos
from experiments.judging import judge, noise_notes
from experiments.photos import PLANS, Plan
from experiments.recording import RUNS, SEED, curve, parser, photo_option, seed_options
from experiments.restoring import (
    CROP,
    RECIPE,
    SMALL_CROP,
    Clean,
    WhitePerChannel,
    smaller,
    synthetic,
    test,
    train,
    unrestored,
)
from nflib import __version__, checkpoints, degraders, images
from nflib.files import write_bytes
from nflib.metrics.comparisons import markdown, table
from nflib.training import Running, train_law, training

TEXTURED = (5, 8)
# Trained against critics.
GANS = ("c2n", "fssr", "dasr", "cyclegan", "cincgan")
SOURCES = ("clean", "white", "true", "patches", "law", "deflow", "affine-deflow", "ludvae", *GANS)


def degraded_photos(plan: Plan, kodak: Path | None, *, few: bool, seed: int) -> list[torch.Tensor]:
    """The photos that are learned from, degraded with a seed of their own."""
    generator = torch.Generator().manual_seed(seed)
    others = photos.kodak_photos(kodak, TEXTURED) if few else photos.chosen("degraded", kodak)
    return [plan.degrade(photo, generator=generator) for photo in others]


def learned(source: str, name: str, clean: list, degraded: list, out: Path, *, seed: int) -> Path:
    """The file of a degrader, learned from these photos as a user would; what was learned once stays."""
    folders = out / "clean", out / "degraded", out / source
    if not folders[0].is_dir():
        for folder, pictures in zip(folders, (clean, degraded)):
            folder.mkdir(parents=True)
            for number, picture in enumerate(pictures):
                images.write(folder / f"{number:02}.png", picture)
    if source == "law":
        return train_law(*folders)
    more = {"h": PLANS[name].config.h} if source.endswith("deflow") else {}
    return training(source).train(*folders, seed=seed, running=Running(device="cpu", resume=True), **more)


def contest_notes(file: Path, pairs: list) -> dict:
    """How a training against critics went: its validations, and the noise of the model that it handed back
    and of the last one; of no pairs the validations only.
    """
    rows = curve(file.parent)
    models = {"handed back": file, "last": file.with_name("model.safetensors")} if pairs else {}
    return {
        "validation": [
            [int(step), score] for step, score in zip(rows["step"], rows["validation"]) if score is not None
        ],
        **{name: noise_notes(judge(checkpoints.load(one), pairs)) for name, one in models.items()},
    }


def main() -> None:
    options = parser(__doc__)
    options.add_argument("degradation", choices=PLANS)
    photo_option(options)
    options.add_argument(
        "--scale",
        type=int,
        choices=[1, *SMALL_CROP],
        default=1,
        help="super-resolution by so much; 1, the default, is denoising",
    )
    options.add_argument(
        "--few", action="store_true", help="two textured degraded photos only; needs --kodak"
    )
    options.add_argument("--only", nargs="+", choices=SOURCES, default=SOURCES, help="some of the sources")
    seed_options(options)
    arguments = options.parse_args()
    torch.set_num_threads(1)
    plan, name, scale, few = (
        PLANS[arguments.degradation],
        arguments.degradation,
        arguments.scale,
        arguments.few,
    )
    clean, degraded, pairs = photos.photos(plan, arguments.kodak)
    if few:
        degraded = degraded_photos(plan, arguments.kodak, few=True, seed=SEED)
    if scale > 1:
        generator = torch.Generator().manual_seed(SEED)
        pairs = [
            (large, plan.degrade(small, generator=generator))
            for large, small in (smaller(one, scale) for one, _ in pairs)
        ]
    residuals = [noisy - (one if scale == 1 else smaller(one, scale)[1]) for one, noisy in pairs]
    sigmas = torch.cat([residual.flatten(1) for residual in residuals], 1).std(1)
    patches = degraders.NoisePatches.collect(degraded)
    given = {"clean": Clean(), "white": WhitePerChannel(sigmas), "true": plan.degrade, "patches": patches}

    earlier = arguments.json is not None and arguments.json.is_file()
    record = (
        json.loads(arguments.json.read_text())
        if earlier
        else {
            "degradation": name,
            "scale": scale,
            "photos": "bundled" + ("" if arguments.kodak is None else " and Kodak"),
            "pairs": len(pairs),
            "degraded photos": len(degraded),
            "white, grey levels": [round(255 * s, 2) for s in sigmas.tolist()],
            "patches": len(patches.patches),
            "crop": CROP if scale == 1 else SMALL_CROP[scale],
            "recipe": asdict(RECIPE),
            "input": unrestored(pairs, scale),
            "runs": {},
        }
    )
    for seed in arguments.seeds:
        for source in arguments.only:
            if str(seed) in record["runs"].get(source, {}) or unused(source, scale, few):
                continue
            degrade, taught = given.get(source), {}
            if degrade is None:
                out = RUNS / f"restoration_{name}{'_few' if few else ''}_{seed}"
                began = time.process_time()
                learned_from = degraded_photos(plan, arguments.kodak, few=few, seed=seed)
                file = learned(source, name, clean, learned_from, out, seed=seed)
                degrade = degraders.load(file)
                taught = {
                    "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
                    "step": checkpoints.load(file).notes.get("steps"),
                    "learning, processor_seconds": round(time.process_time() - began),
                }
                if source in GANS:
                    taught |= contest_notes(file, pairs if scale == 1 else [])
            began, used = time.perf_counter(), time.process_time()
            scores = test(model := train(synthetic(clean, degrade, seed, scale), seed, scale), pairs)
            run = {
                "seconds": round(time.perf_counter() - began),
                "processor_seconds": round(time.process_time() - used),
            }
            run |= {key: model.notes[key] for key in ("device", "commit", "torch")} | {"nflib": __version__}
            record["runs"].setdefault(source, {})[str(seed)] = {**scores, **run, **taught}
            psnr, ssim = (statistics.fmean(scores[metric]) for metric in ("psnr", "ssim"))
            print(f"seed {seed}, {source}: {psnr:.3f} dB, {ssim:.4f}, {run['seconds']} s", flush=True)
            if arguments.json is not None:
                write_bytes(arguments.json, (json.dumps(record) + "\n").encode())
    psnr, ssim = (statistics.fmean(record["input"][metric]) for metric in ("psnr", "ssim"))
    print(f"\n{name}: input {psnr:.2f} dB, {ssim:.4f}\n")
    print(markdown(table(record["runs"])))


def unused(source: str, scale: int, few: bool) -> bool:
    """Clean photos teach super-resolution only; white noise and the truth do not see which photos are few."""
    return (source == "clean" and scale == 1) or (few and source in ("white", "true"))


if __name__ == "__main__":
    main()
