"""Restorers trained on pairs from different degraders, tested on true pairs: how much of the way from white noise to the truth is made?

    python tools/compare_restorers.py ntire --kodak FOLDER --seeds 0 1 2 [--scale 2] [--few] [--json FILE]

Photos are those of train_deflow_small.py: every restorer is trained on its clean side, with the same crops, steps and schedule, and
tested on its validation pairs. It is a denoiser, or, with --scale, a super-resolver: then the photos are made smaller before they
are degraded. What the degraded side is for differs:

- clean: super-resolution only, nothing: trained on small photos as they are;
- white: white noise of the per-channel deviation of the true residual of the validation pairs, which nobody would know;
- patches: noise patches collected from the degraded photos;
- each model of --learned, by default the bundled small DeFlow and LUD-VAE, which learned from both sides without pairs;
- true: the true degradation of the clean photos, which nobody would have.

With --few there are no degraded photos but two textured ones, Kodak 5 and 8: patches are collected from them, and a DeFlow and a
LUD-VAE are trained with them and the clean side. Runs of white noise and of the truth would be those without --few.

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
from torch import nn
from torch.utils.data import Dataset
from train_deflow_small import BORDER, PLANS, RUNS, SEED, photos

from nflib import __version__, checkpoints, data, degraders, images, metrics
from nflib.checkpoints.files import find
from nflib.data.degrader import AdditiveNoise, Degrader, as_8_bits
from nflib.images.files import write_bytes
from nflib.models import DeFlow, DnCNN, DnCNNConfig, RefinementConfig, RefinementNet
from nflib.restoration_tables import markdown, table
from nflib.training import RestorerTask, RRDBTask, fit, train_ludvae
from nflib.training.jobs import start_linear
from nflib.training.restorer import restoration_pairs

CROP, STEPS = 40, 600
# Side of the low-resolution crops of super-resolution by 2 and by 4.
SMALL_CROP = {2: 32, 4: 24}
TEXTURED = (5, 8)


class WhitePerChannel(AdditiveNoise):
    """White noise, of another deviation in each channel."""

    def __init__(self, sigmas: torch.Tensor):
        self.sigmas = sigmas.view(3, 1, 1)

    def noise(self, clean, generator=None):
        return self.sigmas * torch.randn(clean.shape, generator=generator)


class Clean(Degrader):
    """No degradation."""

    def _degrade(self, clean, strength, n, generator):
        yield clean


def train(pairs: Dataset, seed: int, scale: int = 1) -> nn.Module:
    torch.manual_seed(seed)
    task = RestorerTask(DnCNN(DnCNNConfig.small())) if scale == 1 else RRDBTask(RefinementNet(RefinementConfig(scale)))
    with tempfile.TemporaryDirectory() as folder:
        file = fit(task, pairs, folder, replace(RestorerTask.recipe, steps=STEPS, every=STEPS), seed=seed, device="cpu")
        return checkpoints.load(file)


def smaller(clean: torch.Tensor, scale: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A photo (3, H, W) cut to multiples of the scale, and the small one of 8 bits."""
    height, width = (n // scale * scale for n in clean.shape[1:])
    clean = clean[:, :height, :width]
    return clean, as_8_bits(images.resize(clean, 1 / scale))


def textured_photos(degrade: Degrader, kodak: Path) -> list[torch.Tensor]:
    """The degraded photos of --few."""
    generator = torch.Generator().manual_seed(SEED)
    photos = [images.read(kodak / f"kodim{n:02}.png")[:, BORDER:-BORDER, BORDER:-BORDER] for n in TEXTURED]
    return [degrade(photo, generator=generator) for photo in photos]


def learned_from(clean: list, degraded: list, name: str) -> dict[str, Path]:
    """A DeFlow and a LUD-VAE trained on these photos, as a user would train them; DeFlow with the configuration of the bundled one."""
    crops = data.UnpairedImages(clean, degraded, 64, SEED, align=2 ** PLANS[name].config.levels)
    torch.manual_seed(SEED)
    model = DeFlow(PLANS[name].config)
    start_linear(model, crops, SEED)
    files = {"deflow": RUNS / f"deflow_{name}_few.safetensors"}
    RUNS.mkdir(parents=True, exist_ok=True)
    checkpoints.save(model, files["deflow"], {"data": f"{name}-like, --few"})
    files["ludvae"] = train_ludvae(clean, degraded, RUNS / f"ludvae_{name}_few", seed=SEED, device="cpu", resume=True)
    return files


@torch.no_grad()
def test(model: nn.Module, pairs: list) -> dict:
    return scored([(clean, model(degraded[None])[0]) for clean, degraded in pairs])


def scored(pairs: list) -> dict:
    """PSNR and SSIM of each (truth, result), results as 8 bits."""
    return {
        name: [round(getattr(metrics, name)(as_8_bits(result)[None], clean[None]).item(), 4) for clean, result in pairs]
        for name in ("psnr", "ssim")
    }


def unrestored(pairs: list, scale: int) -> dict:
    """Scores of the degraded images as they are, or enlarged bicubically."""
    return scored([(clean, degraded if scale == 1 else images.resize(degraded, scale)) for clean, degraded in pairs])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("degradation", choices=PLANS)
    parser.add_argument("--kodak", type=Path, help="folder of Kodak's kodim01.png to kodim24.png; without it, bundled photos only")
    parser.add_argument("--scale", type=int, choices=[1, *SMALL_CROP], default=1, help="super-resolution by so much; 1, the default, is denoising")
    parser.add_argument("--few", action="store_true", help="two textured degraded photos only; needs --kodak")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--learned", nargs="*", help="models that degrade, bundled or files")
    parser.add_argument("--json", type=Path, help="write the result here; runs that are there already are kept")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    plan, name, scale = PLANS[arguments.degradation], arguments.degradation, arguments.scale
    clean, degraded, pairs = photos(plan, arguments.kodak)
    learned = [f"deflow_{name}_small", f"ludvae_{name}_small"] if arguments.learned is None else arguments.learned
    files = {Path(model).stem: find(model) for model in learned}
    if arguments.few:
        degraded = textured_photos(plan.degrade, arguments.kodak)
        files = learned_from(clean, degraded, name)
    if scale > 1:
        generator = torch.Generator().manual_seed(SEED)
        pairs = [(large, plan.degrade(small, generator=generator)) for large, small in (smaller(one, scale) for one, _ in pairs)]
    residuals = [noisy - (one if scale == 1 else smaller(one, scale)[1]) for one, noisy in pairs]
    sigmas = torch.cat([residual.flatten(1) for residual in residuals], 1).std(1)
    sources = {"clean": Clean()} if scale > 1 else {}
    if not arguments.few:
        sources |= {"white": WhitePerChannel(sigmas), "true": plan.degrade}
    sources["patches"] = degraders.NoisePatches.collect(degraded)
    sources |= {source: degraders.load(file) for source, file in files.items()}

    earlier = arguments.json is not None and arguments.json.is_file()
    record = json.loads(arguments.json.read_text()) if earlier else {
        "degradation": name, "scale": scale, "photos": "bundled" + ("" if arguments.kodak is None else " and Kodak"), "pairs": len(pairs),
        "degraded photos": len(degraded), "white, grey levels": [round(255 * s, 2) for s in sigmas.tolist()],
        "patches": len(sources["patches"].patches), "crop": CROP if scale == 1 else SMALL_CROP[scale],
        "recipe": asdict(replace(RestorerTask.recipe, steps=STEPS, every=STEPS)),
        "input": unrestored(pairs, scale),
        "models": {}, "runs": {},
    }
    record["models"] |= {source: {"sha256": hashlib.sha256(file.read_bytes()).hexdigest()} for source, file in files.items()}
    for seed in arguments.seeds:
        for source, degrade in sources.items():
            if str(seed) in record["runs"].get(source, {}):
                continue
            began, used = time.perf_counter(), time.process_time()
            task, crop = ("denoise", CROP) if scale == 1 else ("sr", scale * SMALL_CROP[scale])
            scores = test(model := train(restoration_pairs(task, clean, degrade, scale, crop, seed), seed, scale), pairs)
            run = {"seconds": round(time.perf_counter() - began), "processor_seconds": round(time.process_time() - used)}
            run |= {key: model.notes[key] for key in ("device", "commit", "torch")} | {"nflib": __version__}
            record["runs"].setdefault(source, {})[str(seed)] = {**scores, **run}
            psnr, ssim = (statistics.fmean(scores[metric]) for metric in ("psnr", "ssim"))
            print(f"seed {seed}, {source}: {psnr:.3f} dB, {ssim:.4f}, {run['seconds']} s", flush=True)
            if arguments.json is not None:
                write_bytes(arguments.json, (json.dumps(record) + "\n").encode())
    print(f"\n{name}: input {statistics.fmean(record['input']['psnr']):.2f} dB, {statistics.fmean(record['input']['ssim']):.4f}\n")
    print(markdown(table(record["runs"])))


if __name__ == "__main__":
    main()
