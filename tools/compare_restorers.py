"""Denoisers trained on pairs from different degraders, tested on true pairs: how much of the way from white noise to the truth is made?

    python tools/compare_restorers.py ntire --kodak FOLDER --seeds 0 1 2 [--learned MODEL ...] [--json FILE]

Photos are those of train_deflow_small.py: every denoiser is trained on its clean side, with the same crops, steps and schedule, and
tested on its validation pairs. What the degraded side is for differs:

- white: white noise of the per-channel deviation of the true residual of the validation pairs, which nobody would know;
- patches: noise patches collected from the degraded photos;
- each model of --learned, by default the bundled small DeFlow, which learned from both sides without pairs;
- true: the true degradation of the clean photos, which nobody would have.

Reported is mean PSNR (RGB) and SSIM over the validation pairs, rounded to 8 bits, and the fraction (PSNR - white) / (true - white).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path

import torch
from train_deflow_small import PLANS, photos

from nflib import __version__, checkpoints, data, degraders, metrics
from nflib.checkpoints.files import find
from nflib.data.degrader import AdditiveNoise, as_8_bits
from nflib.images.files import write_bytes
from nflib.models import DnCNN, DnCNNConfig
from nflib.training import RestorerTask, fit

CROP, STEPS = 40, 600


class WhitePerChannel(AdditiveNoise):
    """White noise, of another deviation in each channel."""

    def __init__(self, sigmas: torch.Tensor):
        self.sigmas = sigmas.view(3, 1, 1)

    def noise(self, clean, generator=None):
        return self.sigmas * torch.randn(clean.shape, generator=generator)


def train(pairs: data.PairedImages, seed: int) -> DnCNN:
    torch.manual_seed(seed)
    model = DnCNN(DnCNNConfig.small())
    with tempfile.TemporaryDirectory() as folder:
        file = fit(RestorerTask(model), pairs, folder, replace(RestorerTask.recipe, steps=STEPS, every=STEPS), seed=seed, device="cpu")
        return checkpoints.load(file)


@torch.no_grad()
def test(model: DnCNN, pairs: list) -> dict:
    scores = {"psnr": [], "ssim": []}
    for clean, degraded in pairs:
        restored = as_8_bits(model(degraded[None]))
        for name in scores:
            scores[name].append(round(getattr(metrics, name)(restored, clean[None]).item(), 4))
    return scores


def spread(values: list[float]) -> float | None:
    return statistics.stdev(values) if len(values) > 1 else None


def table(results: dict) -> list[dict]:
    """One row for each training degradation: mean over seeds and photos, deviation over seeds, and the fraction, seed by seed."""
    means = {name: {m: [statistics.fmean(run[m]) for run in runs.values()] for m in ("psnr", "ssim")} for name, runs in results.items()}
    rows = []
    for name, found in means.items():
        row = {"trained on": name}
        for metric, values in found.items():
            row |= {metric: statistics.fmean(values), f"{metric} spread": spread(values)}
        if {"white", "true"} <= set(means):
            triples = zip(found["psnr"], means["white"]["psnr"], means["true"]["psnr"])
            fractions = [(own - white) / (true - white) for own, white, true in triples]
            row |= {"fraction": statistics.fmean(fractions), "fraction of each seed": fractions}
        rows.append(row)
    return rows


def show(rows: list[dict]) -> None:
    print("| trained on | PSNR | over seeds | SSIM | over seeds | fraction | of each seed |\n| --- | --- | --- | --- | --- | --- | --- |")
    for row in rows:
        psnr, ssim = (["-" if row[k] is None else f"{row[k]:.{d}f}" for k in (m, f"{m} spread")] for m, d in (("psnr", 2), ("ssim", 4)))
        each = " ".join(f"{f:.2f}" for f in row["fraction of each seed"])
        print("| " + " | ".join([row["trained on"], *psnr, *ssim, f"{row['fraction']:.2f}", each]) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("degradation", choices=PLANS)
    parser.add_argument("--kodak", type=Path, help="folder of Kodak's kodim01.png to kodim24.png; without it, bundled photos only")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--learned", nargs="*", help="models that degrade, bundled or files")
    parser.add_argument("--json", type=Path, help="write the result here; runs that are there already are kept")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    plan, name = PLANS[arguments.degradation], arguments.degradation
    clean, degraded, pairs = photos(plan, arguments.kodak)
    sigmas = torch.cat([(noisy - image).flatten(1) for image, noisy in pairs], 1).std(1)
    sources = {"white": WhitePerChannel(sigmas), "true": plan.degrade, "patches": degraders.NoisePatches.collect(degraded)}
    learned = [f"deflow_{name}_small"] if arguments.learned is None else arguments.learned
    sources |= {Path(model).stem: degraders.load(model) for model in learned}

    earlier = arguments.json is not None and arguments.json.is_file()
    record = json.loads(arguments.json.read_text()) if earlier else {
        "degradation": name, "photos": "bundled" + ("" if arguments.kodak is None else " and Kodak"), "pairs": len(pairs),
        "white, grey levels": [round(255 * s, 2) for s in sigmas.tolist()], "patches": len(sources["patches"].patches), "crop": CROP,
        "recipe": asdict(replace(RestorerTask.recipe, steps=STEPS, every=STEPS)),
        "input": {m: [round(getattr(metrics, m)(noisy[None], image[None]).item(), 4) for image, noisy in pairs] for m in ("psnr", "ssim")},
        "models": {}, "runs": {},
    }
    record["models"] |= {Path(model).stem: {"sha256": hashlib.sha256(find(model).read_bytes()).hexdigest()} for model in learned}
    for seed in arguments.seeds:
        for source, degrade in sources.items():
            if str(seed) in record["runs"].get(source, {}):
                continue
            began, used = time.perf_counter(), time.process_time()
            scores = test(model := train(data.PairedImages(clean, crop=CROP, seed=seed, degrader=degrade), seed), pairs)
            run = {"seconds": round(time.perf_counter() - began), "processor_seconds": round(time.process_time() - used)}
            run |= {key: model.notes[key] for key in ("device", "commit", "torch")} | {"nflib": __version__}
            record["runs"].setdefault(source, {})[str(seed)] = {**scores, **run}
            psnr, ssim = (statistics.fmean(scores[metric]) for metric in ("psnr", "ssim"))
            print(f"seed {seed}, {source}: {psnr:.3f} dB, {ssim:.4f}, {run['seconds']} s", flush=True)
            if arguments.json is not None:
                write_bytes(arguments.json, (json.dumps(record) + "\n").encode())
    print(f"\n{name}: input {statistics.fmean(record['input']['psnr']):.2f} dB, {statistics.fmean(record['input']['ssim']):.4f}\n")
    show(table(record["runs"]))


if __name__ == "__main__":
    main()
