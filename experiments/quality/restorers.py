"""Restorers trained on pairs from different degraders: how far do they get from white noise to the truth?

    python -m experiments.quality.restorers ntire --kodak FOLDER --seeds 0 1 2 [--scale 2] [--few]
                                            [--json FILE]

Photos are those of experiments/photos.py: every restorer is trained on its clean side, with the same crops,
steps and schedule, and tested on its validation pairs. It is a denoiser, or, with --scale, a super-resolver:
then the photos are made smaller before they are degraded. What the degraded side is for differs:

- clean: super-resolution only, nothing: trained on small photos as they are;
- white: white noise of the per-channel deviation of the true residual of the validation pairs, which nobody
  would know;
- patches: noise patches collected from the degraded photos;
- each model of --learned, by default the bundled small DeFlow and LUD-VAE, which learned from both sides
  without pairs;
- true: the true degradation of the clean photos, which nobody would have.

With --few there are no degraded photos but two textured ones, Kodak 5 and 8: patches are collected from them,
and a DeFlow and a LUD-VAE are trained with them and the clean side. Runs of white noise and of the truth
would be those without --few.

Reported is mean PSNR (RGB) and SSIM over the validation pairs, rounded to 8 bits, and the fraction (PSNR -
white) / (true - white).
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
from experiments.photos import PLANS
from experiments.recording import RUNS, SEED, parser, photo_option, seed_options
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
from nflib import __version__, checkpoints, data, degraders
from nflib.checkpoints.files import find
from nflib.degraders import Degrader
from nflib.files import write_bytes
from nflib.metrics.comparisons import markdown, table
from nflib.models import DeFlow
from nflib.training import Running, train_ludvae
from nflib.training.deflow import start_linear

TEXTURED = (5, 8)


def textured_photos(degrade: Degrader, kodak: Path) -> list[torch.Tensor]:
    """The degraded photos of --few."""
    generator = torch.Generator().manual_seed(SEED)
    return [degrade(photo, generator=generator) for photo in photos.kodak_photos(kodak, TEXTURED)]


def learned_from(clean: list, degraded: list, name: str) -> dict[str, Path]:
    """A DeFlow and a LUD-VAE trained on these photos, as a user would train them.

    DeFlow has the configuration of the bundled one.
    """
    config = PLANS[name].config
    crops = data.UnpairedImages(clean, degraded, photos.CROP, seed=SEED, align=config.multiple)
    torch.manual_seed(SEED)
    model = DeFlow(config)
    start_linear(model, crops, seed=SEED)
    files = {"deflow": RUNS / f"deflow_{name}_few.safetensors"}
    RUNS.mkdir(parents=True, exist_ok=True)
    checkpoints.save(model, files["deflow"], {"data": f"{name}-like, --few"})
    running = Running(device="cpu", resume=True)
    files["ludvae"] = train_ludvae(clean, degraded, RUNS / f"ludvae_{name}_few", seed=SEED, running=running)
    return files


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
    options.add_argument("--learned", nargs="*", help="models that degrade, bundled or files")
    seed_options(options)
    arguments = options.parse_args()
    torch.set_num_threads(1)
    plan, name, scale = PLANS[arguments.degradation], arguments.degradation, arguments.scale
    clean, degraded, pairs = photos.photos(plan, arguments.kodak)
    learned = (
        [f"deflow_{name}_small", f"ludvae_{name}_small"] if arguments.learned is None else arguments.learned
    )
    files = {Path(model).stem: find(model) for model in learned}
    if arguments.few:
        degraded = textured_photos(plan.degrade, arguments.kodak)
        files = learned_from(clean, degraded, name)
    if scale > 1:
        generator = torch.Generator().manual_seed(SEED)
        pairs = [
            (large, plan.degrade(small, generator=generator))
            for large, small in (smaller(one, scale) for one, _ in pairs)
        ]
    residuals = [noisy - (one if scale == 1 else smaller(one, scale)[1]) for one, noisy in pairs]
    sigmas = torch.cat([residual.flatten(1) for residual in residuals], 1).std(1)
    sources = {"clean": Clean()} if scale > 1 else {}
    if not arguments.few:
        sources |= {"white": WhitePerChannel(sigmas), "true": plan.degrade}
    sources["patches"] = degraders.NoisePatches.collect(degraded)
    sources |= {source: degraders.load(file) for source, file in files.items()}

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
            "patches": len(sources["patches"].patches),
            "crop": CROP if scale == 1 else SMALL_CROP[scale],
            "recipe": asdict(RECIPE),
            "input": unrestored(pairs, scale),
            "models": {},
            "runs": {},
        }
    )
    record["models"] |= {
        source: {"sha256": hashlib.sha256(file.read_bytes()).hexdigest()} for source, file in files.items()
    }
    for seed in arguments.seeds:
        for source, degrade in sources.items():
            if str(seed) in record["runs"].get(source, {}):
                continue
            began, used = time.perf_counter(), time.process_time()
            scores = test(model := train(synthetic(clean, degrade, seed, scale), seed, scale), pairs)
            run = {
                "seconds": round(time.perf_counter() - began),
                "processor_seconds": round(time.process_time() - used),
            }
            run |= {key: model.notes[key] for key in ("device", "commit", "torch")} | {"nflib": __version__}
            record["runs"].setdefault(source, {})[str(seed)] = {**scores, **run}
            psnr, ssim = (statistics.fmean(scores[metric]) for metric in ("psnr", "ssim"))
            print(f"seed {seed}, {source}: {psnr:.3f} dB, {ssim:.4f}, {run['seconds']} s", flush=True)
            if arguments.json is not None:
                write_bytes(arguments.json, (json.dumps(record) + "\n").encode())
    psnr, ssim = (statistics.fmean(record["input"][metric]) for metric in ("psnr", "ssim"))
    print(f"\n{name}: input {psnr:.2f} dB, {ssim:.4f}\n")
    print(markdown(table(record["runs"])))


if __name__ == "__main__":
    main()
