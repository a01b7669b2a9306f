"""Low-light enhancers trained on pairs from different degraders: what is a model of the noise worth?

    python -m experiments.quality.low_light --kodak FOLDER --seeds 0 1 2 [--json FILE]

Photos are those of experiments/photos.py. A LowLightFlow is trained on the clean side, with the same crops,
steps and schedule, and tested on photos in low light (nflib.degraders.degrade_low_light) whose bright
originals are known. All training pairs are darkened in the same way; the noise that comes on top differs:

- gamma: none, as LLFlow-GC in table 4 of LUD-VAE;
- white: white noise of the per-channel deviation of the true noise, which nobody would know;
- patches: noise patches collected from photos in low light;
- deflow, ludvae: learned without pairs from photos that were darkened and other photos in low light (eq. 25
  and 26 of LUD-VAE), by nflib.training.train_deflow and train_ludvae as they are;
- true: the true noise, which nobody would have.

"classical" has enhancers that learn nothing and know no degradation: "CLAHE" (contrast-limited adaptive
histogram equalisation, scikit-image's defaults, on the brightest channel of HSV); "illumination map" in the
manner of LIME: the largest channel, smoothed by total variation as in its strategy I, is the light T, and the
photo is divided by T^0.8; and the same with scikit-image's non-local means after it. `--classical` computes
them and nothing else.

Every photo of both folders, clean and degraded, is darkened VERSIONS times, differently. Reported is mean
PSNR (RGB) and SSIM over the test photos, rounded to 8 bits, and the fraction (PSNR - white) / (true - white);
and all of this once more for results that were multiplied to the mean brightness of the truth, as is usual
for LOL: how bright it was, a dark photo does not tell. PSNR is mostly about brightness and colours, and
hardly tells white from true noise here, so that the fraction is of little use; SSIM tells them apart.
"""

from __future__ import annotations

import hashlib
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch

from experiments.judging import noise
from experiments.photos import CROP, PLANS, photos
from experiments.recording import RUNS, SEED, parser, photo_option, seed_options
from experiments.restoring import WhitePerChannel, scored
from nflib import __version__, checkpoints, data, degraders
from nflib.files import write_bytes
from nflib.metrics.comparisons import markdown, table
from nflib.models import LowLightFlow, LowLightFlowConfig
from nflib.provenance import commit
from nflib.training import LowLightTask, Running, fit, train_deflow, train_ludvae

VERSIONS = 3
DARK, LOW_LIGHT = degraders.LowLight(), degraders.degrade_low_light
MATCHED = ", brightness matched"
# Of the illumination map: how smooth, its least value, and the power that is divided by.
LIGHT_WEIGHT, LEAST_LIGHT, LIGHT_GAMMA = 0.15, 0.02, 0.8
# How a degrader is learned, and its file in the run: once learned it stays.
LEARNED = {"deflow": (train_deflow, "best.safetensors"), "ludvae": (train_ludvae, "best.safetensors")}


def test_photos(kodak: Path | None) -> tuple[list, list, list, list]:
    """Bright photos, darkened ones, others in low light; (bright, dark, low light) to test on."""
    bright, others, windows = photos(replace(PLANS["camera"], degrade=lambda photo, generator: photo), kodak)
    generator = torch.Generator().manual_seed(SEED)

    def several(images: list, degrade: degraders.Degrader) -> list:
        return [degrade(image, generator=generator) for image in images for _ in range(VERSIONS)]

    darkened, low_light = several(bright, DARK), several(others, LOW_LIGHT)
    shown = [window for window, _ in windows for _ in range(VERSIONS)]
    dark = several([window for window, _ in windows], DARK)
    return (
        bright,
        darkened,
        low_light,
        [(x, d, LOW_LIGHT.then(d, generator=generator)) for x, d in zip(shown, dark, strict=True)],
    )


def train(bright: list, degrade, seed: int) -> LowLightFlow:
    torch.manual_seed(seed)
    model = LowLightFlow(LowLightFlowConfig.small())
    pairs = data.PairedImages(bright, crop=CROP, seed=seed, degrader=degrade)
    recipe = replace(LowLightTask.recipe, every=LowLightTask.recipe.steps)
    with tempfile.TemporaryDirectory() as folder:
        file = fit(
            LowLightTask(model), pairs, folder, recipe=recipe, seed=seed, running=Running(device="cpu")
        )
        return checkpoints.load(file)


@torch.no_grad()
def test(enhance, tests: list) -> dict[str, list[float]]:
    results = [(bright, enhance(low_light[None])[0].clamp(0, 1)) for bright, _, low_light in tests]
    matched = scored([(bright, result * bright.mean() / result.mean()) for bright, result in results])
    return scored(results) | {name + MATCHED: scores for name, scores in matched.items()}


def by_illumination(photo: np.ndarray) -> np.ndarray:
    """A dark photo (H, W, 3) in [0, 1] over its light (LIME: Guo, Li and Ling, TIP 2017)."""
    from skimage.restoration import denoise_tv_chambolle

    light = denoise_tv_chambolle(photo.max(2), LIGHT_WEIGHT)
    return (photo / light.clip(LEAST_LIGHT, 1)[..., None] ** LIGHT_GAMMA).clip(0, 1)


def classical() -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """Name -> enhancer of photos (H, W, 3) in [0, 1]."""
    from skimage.exposure import equalize_adapthist
    from skimage.restoration import denoise_nl_means

    return {
        "CLAHE": equalize_adapthist,
        "illumination map": by_illumination,
        "illumination map, non-local means": lambda photo: denoise_nl_means(
            by_illumination(photo), channel_axis=-1
        ),
    }


def test_classical(tests: list) -> dict:
    """Scores of the classical enhancers, with the seconds that a photo takes on one thread."""
    found = {}
    for name, enhance in classical().items():

        def on_tensors(batch: torch.Tensor, enhance=enhance) -> torch.Tensor:
            photo = batch[0].permute(1, 2, 0).double().numpy()
            return torch.from_numpy(enhance(photo)).permute(2, 0, 1)[None].to(batch)

        used = time.process_time()
        found[name] = test(on_tensors, tests)
        found[name]["seconds"] = round((time.process_time() - used) / len(tests), 3)
        print(f"{name}: {statistics.fmean(found[name]['psnr']):.2f} dB", flush=True)
    return found


def main() -> None:
    options = parser(__doc__)
    photo_option(options)
    seed_options(options)
    options.add_argument("--classical", action="store_true", help="the classical enhancers and nothing else")
    arguments = options.parse_args()
    torch.set_num_threads(1)
    bright, darkened, low_light, tests = test_photos(arguments.kodak)
    if arguments.classical:
        record = json.loads(arguments.json.read_text())
        record["classical"] = test_classical(tests) | {"commit": commit()}
        write_bytes(arguments.json, (json.dumps(record) + "\n").encode())
        return
    sigmas = torch.cat([(noisy - dark).flatten(1) for _, dark, noisy in tests], 1).std(1)
    models = {}
    for name, (learn, file) in LEARNED.items():
        run = RUNS / f"low_light_{name}"
        models[name] = run / file
        if not (run / "model.safetensors").is_file():  # written at the end
            learn(darkened, low_light, run, seed=SEED, running=Running(device="cpu", resume=True))
    added = {
        "white": WhitePerChannel(sigmas),
        "true": LOW_LIGHT.then,
        "patches": degraders.NoisePatches.collect(low_light),
        **{name: degraders.load(file) for name, file in models.items()},
    }
    sources = {"gamma": DARK, **{name: degraders.Composed(DARK, degrade) for name, degrade in added.items()}}

    earlier = arguments.json is not None and arguments.json.is_file()
    record = (
        json.loads(arguments.json.read_text())
        if earlier
        else {
            "degradation": "low light",
            "photos": "bundled" + ("" if arguments.kodak is None else " and Kodak"),
            "pairs": len(tests),
            "white, grey levels": [round(255 * s, 2) for s in sigmas.tolist()],
            "patches": len(added["patches"].patches),
            "crop": CROP,
            "recipe": asdict(LowLightTask.recipe),
            "input": test(lambda image: image, tests),
            "classical": test_classical(tests) | {"commit": commit()},
            "noise": {},
            "models": {},
            "runs": {},
        }
    )
    generator = torch.Generator().manual_seed(SEED)
    record["noise"] |= {
        name: noise([degrade(dark, generator=generator) - dark for _, dark, _ in tests])
        for name, degrade in added.items()
    }
    for name, file in models.items():
        last, chosen = (checkpoints.load(one).notes for one in (file.with_name("model.safetensors"), file))
        record["models"][name] = {
            "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
            **{key: chosen[key] for key in ("steps", "validation")},
            **{key: last[key] for key in ("seconds", "device", "commit")},
        }
    for seed in arguments.seeds:
        for source, degrade in sources.items():
            if str(seed) in record["runs"].get(source, {}):
                continue
            began, used = time.perf_counter(), time.process_time()
            scores = test(model := train(bright, degrade, seed), tests)
            run = {
                "seconds": round(time.perf_counter() - began),
                "processor_seconds": round(time.process_time() - used),
            }
            run |= {key: model.notes[key] for key in ("device", "commit", "torch")} | {"nflib": __version__}
            record["runs"].setdefault(source, {})[str(seed)] = {**scores, **run}
            said = ", ".join(f"{name} {statistics.fmean(v):.4f}" for name, v in scores.items())
            print(f"seed {seed}, {source}: {said}", flush=True)
            if arguments.json is not None:
                write_bytes(arguments.json, (json.dumps(record) + "\n").encode())
    for suffix in ("", MATCHED):
        psnr, ssim = (statistics.fmean(record["input"][metric + suffix]) for metric in ("psnr", "ssim"))
        print(f"\nlow light{suffix}: input {psnr:.2f} dB, {ssim:.4f}\n")
        kept = {
            name: {seed: {m: run[m + suffix] for m in ("psnr", "ssim")} for seed, run in runs.items()}
            for name, runs in record["runs"].items()
        }
        print(markdown(table(kept)))


if __name__ == "__main__":
    main()
