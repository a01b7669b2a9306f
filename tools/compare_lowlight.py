"""Low-light enhancers trained on pairs from different degraders, tested on true pairs: what is a model of the noise worth?

    python tools/compare_lowlight.py --kodak FOLDER --seeds 0 1 2 [--json FILE]

Photos are those of train_deflow_small.py. A LowLightFlow is trained on the clean side, with the same crops, steps and schedule, and
tested on photos in low light (nflib.data.degrade_low_light) whose bright originals are known. All training pairs are darkened in the
same way; the noise that comes on top differs:

- gamma: none, as LLFlow-GC in table 4 of LUD-VAE;
- white: white noise of the per-channel deviation of the true noise, which nobody would know;
- patches: noise patches collected from photos in low light;
- deflow, ludvae: learned without pairs from photos that were darkened and other photos in low light (eq. 25 and 26 of LUD-VAE), by
  nflib.training.train_deflow and train_ludvae as they are;
- true: the true noise, which nobody would have.

Every photo of both folders, clean and degraded, is darkened VERSIONS times, differently. Reported is mean PSNR (RGB) and SSIM over the
test photos, rounded to 8 bits, and the fraction (PSNR - white) / (true - white); and all of this once more for results that were
multiplied to the mean brightness of the truth, as is usual for LOL: how bright it was, a dark photo does not tell. PSNR is mostly
about brightness and colours, and hardly tells white from true noise here, so that the fraction is of little use; SSIM tells them apart.
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
from compare_restorers import WhitePerChannel, scored
from train_deflow_small import PLANS, RUNS, SEED, noise, photos

from nflib import __version__, checkpoints, data, degraders
from nflib.images.files import write_bytes
from nflib.models import LowLightFlow, LowLightFlowConfig
from nflib.restoration_tables import markdown, table
from nflib.training import LowLightTask, fit, train_deflow, train_ludvae

CROP, VERSIONS = 64, 3
DARK, LOW_LIGHT = data.LowLight(), data.degrade_low_light
MATCHED = ", brightness matched"
# How a degrader is learned, and its file in the run: once learned it stays.
LEARNED = {"deflow": (train_deflow, "best.safetensors"), "ludvae": (train_ludvae, "model.safetensors")}


def test_photos(kodak: Path | None) -> tuple[list, list, list, list]:
    """Bright training photos, darkened ones, others in low light, and (bright, dark, in low light) to test on."""
    bright, others, windows = photos(replace(PLANS["camera"], degrade=lambda photo, generator: photo), kodak)
    generator = torch.Generator().manual_seed(SEED)

    def several(images, degrade):
        return [degrade(image, generator=generator) for image in images for _ in range(VERSIONS)]

    darkened, low_light = several(bright, DARK), several(others, LOW_LIGHT)
    shown = [window for window, _ in windows for _ in range(VERSIONS)]
    dark = several([window for window, _ in windows], DARK)
    return bright, darkened, low_light, [(x, d, LOW_LIGHT.then(d, generator=generator)) for x, d in zip(shown, dark)]


def train(bright: list, degrade, seed: int) -> LowLightFlow:
    torch.manual_seed(seed)
    model = LowLightFlow(LowLightFlowConfig.small())
    pairs = data.PairedImages(bright, crop=CROP, seed=seed, degrader=degrade)
    recipe = replace(LowLightTask.recipe, every=LowLightTask.recipe.steps)
    with tempfile.TemporaryDirectory() as folder:
        return checkpoints.load(fit(LowLightTask(model), pairs, folder, recipe, seed=seed, device="cpu"))


@torch.no_grad()
def test(enhance, tests: list) -> dict[str, list[float]]:
    results = [(bright, enhance(low_light[None])[0].clamp(0, 1)) for bright, _, low_light in tests]
    matched = scored([(bright, result * bright.mean() / result.mean()) for bright, result in results])
    return scored(results) | {name + MATCHED: scores for name, scores in matched.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kodak", type=Path, help="folder of Kodak's kodim01.png to kodim24.png; without it, bundled photos only")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--json", type=Path, help="write the result here; runs that are there already are kept")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    bright, darkened, low_light, tests = test_photos(arguments.kodak)
    sigmas = torch.cat([(noisy - dark).flatten(1) for _, dark, noisy in tests], 1).std(1)
    models = {}
    for name, (learn, file) in LEARNED.items():
        run = RUNS / f"low_light_{name}"
        models[name] = run / file
        if not (run / "model.safetensors").is_file():  # written at the end
            learn(darkened, low_light, run, seed=SEED, device="cpu", resume=True)
    added = {
        "white": WhitePerChannel(sigmas), "true": LOW_LIGHT.then, "patches": degraders.NoisePatches.collect(low_light),
        **{name: degraders.load(file) for name, file in models.items()},
    }
    sources = {"gamma": DARK, **{name: data.Composed(DARK, degrade) for name, degrade in added.items()}}

    earlier = arguments.json is not None and arguments.json.is_file()
    record = json.loads(arguments.json.read_text()) if earlier else {
        "degradation": "low light", "photos": "bundled" + ("" if arguments.kodak is None else " and Kodak"), "pairs": len(tests),
        "white, grey levels": [round(255 * s, 2) for s in sigmas.tolist()], "patches": len(added["patches"].patches), "crop": CROP,
        "recipe": asdict(LowLightTask.recipe), "input": test(lambda image: image, tests),
        "noise": {}, "models": {}, "runs": {},
    }
    generator = torch.Generator().manual_seed(SEED)
    record["noise"] |= {name: noise([degrade(dark, generator=generator) - dark for _, dark, _ in tests]) for name, degrade in added.items()}
    for name, file in models.items():
        last, chosen = (checkpoints.load(one).notes for one in (file.with_name("model.safetensors"), file))
        record["models"][name] = {
            "sha256": hashlib.sha256(file.read_bytes()).hexdigest(), **{key: chosen[key] for key in ("steps", "validation")},
            **{key: last[key] for key in ("seconds", "device", "commit")},
        }
    for seed in arguments.seeds:
        for source, degrade in sources.items():
            if str(seed) in record["runs"].get(source, {}):
                continue
            began, used = time.perf_counter(), time.process_time()
            scores = test(model := train(bright, degrade, seed), tests)
            run = {"seconds": round(time.perf_counter() - began), "processor_seconds": round(time.process_time() - used)}
            run |= {key: model.notes[key] for key in ("device", "commit", "torch")} | {"nflib": __version__}
            record["runs"].setdefault(source, {})[str(seed)] = {**scores, **run}
            print(f"seed {seed}, {source}: {', '.join(f'{name} {statistics.fmean(v):.4f}' for name, v in scores.items())}", flush=True)
            if arguments.json is not None:
                write_bytes(arguments.json, (json.dumps(record) + "\n").encode())
    for suffix in ("", MATCHED):
        psnr, ssim = (statistics.fmean(record["input"][metric + suffix]) for metric in ("psnr", "ssim"))
        print(f"\nlow light{suffix}: input {psnr:.2f} dB, {ssim:.4f}\n")
        kept = {name: {seed: {m: run[m + suffix] for m in ("psnr", "ssim")} for seed, run in runs.items()} for name, runs in record["runs"].items()}
        print(markdown(table(kept)))


if __name__ == "__main__":
    main()
