"""Noise of real cameras and of a microscope, learned without pairs: is it like the true one, and what is it
worth?

    python -m experiments.quality.cameras --renoir FOLDER --polyu FOLDER --w2s FOLDER --seeds 0 1 2
                                          --json FILE [--published FILE ...]

Each folder has photos in train_clean and train_noisy, of scenes that have nothing in common, and pairs of
other scenes in val: NAME_reference and NAME_noisy of RENOIR (low light, never compressed), NAME_mean and
NAME_real of PolyU (weak noise, JPEG), NAME_clean and NAME_noisy of W2S (fluorescence microscopy, grey, few
photons). Degraders are:

- white: white noise whose deviation in each channel is found without pairs, by nflib.noise.noise_filter in
  the flattest windows of train_noisy and train_clean;
- oracle: white noise of the per-channel deviation of the true residual, which nobody would know;
- patches: noise patches collected from train_noisy;
- law, deflow, ludvae: learned from train_clean and train_noisy by nflib.training.train_law, train_deflow and
  train_ludvae; the last two anew with every seed. The scale of DeFlow's condition is the one whose
  validation, which needs no pairs, is best.

A denoiser is trained on train_clean with each of them, with the same crops, steps and schedule, and tested on
the central SIDE x SIDE pixels of the pairs. Two folds is trained on the true pairs of one half of val and
tested on the other half, and the other way round: these are few photos of few scenes, so it is no upper
bound. --published are official DnCNN checkpoints, tested as they are.

All scores are there once more for results that were moved to the mean colour of the truth ("psnr, colour
matched"): what a denoiser does to colours that its few training photos do not have says little about the
noise that it was trained with.

The file has one entry for each set of photos, "renoir" and "polyu":

- "check": what nflib.pipeline.inspect says of the folders: "verdict", "gap, grey levels" of the means of
  R, G, B, and "auc" by which h still gives the folder away;
- "train_clean", "train_noisy": names of the photos; "pairs": names, in the order of all lists of scores;
  "side"; "patches": their number; "white, grey levels", "oracle, grey levels": deviations of R, G, B;
  "folds": names of the pairs each half is tested on;
- "models": for "law", "ludvae", "deflow scale 4" and "deflow scale 8", for each seed, what their training
  noted: "sha256", "seconds" of the whole, "steps", "validation", "commit", "device", "torch"; "deflow": which
  of the two the first seed chose;
- "noise": for "truth" and each degrader, both DeFlows too (of the first seed), what noise() of
  experiments/judging.py finds in the residuals of the pairs, with deviations of the darkest and brightest
  third, "std_dark", "std_bright", in grey levels; for degraders also "spectrum_db", "akld" and "histogram_kl"
  against the truth;
- "input" and, in "published", each checkpoint: "psnr", "ssim", "psnr, colour matched", "ssim, colour
  matched", each with one value a pair;
- "runs": degrader -> seed -> the same, and "seconds", "processor_seconds", "device", "commit", "torch",
  "nflib".

What is in the file already is kept.
"""

from __future__ import annotations

import hashlib
import json
import statistics
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path

import torch

from experiments.judging import noise, thirds
from experiments.recording import RUNS, SEED, parser, seed_options
from experiments.restoring import CROP, RECIPE, WhitePerChannel, scored, train
from nflib import __version__, checkpoints, data, degraders, images, metrics
from nflib.degraders import Degrader
from nflib.files import write_bytes
from nflib.metrics.comparisons import markdown, table
from nflib.noise import noise_filter
from nflib.pipeline import inspect
from nflib.training import Running, train_deflow, train_law, train_ludvae
from nflib.training.ludvae import NOISE_CROPS, NOISE_SIDE
from nflib.training.unpaired import first_crops
from nflib.units import grey_levels

SIDE = 320
# Ends of the names of a pair, clean and noisy.
ENDS = {"renoir": ("_reference", "_noisy"), "polyu": ("_mean", "_real"), "w2s": ("_clean", "_noisy")}
SCALES = (4, 8)
DEFLOWS = {
    f"deflow scale {scale}": partial(train_deflow, h=f"downsample:{scale}+noise:0.03") for scale in SCALES
}
LEARNED = {"law": train_law, **DEFLOWS, "ludvae": train_ludvae}
MATCHED = ", colour matched"
SOURCES = ("white", "oracle", "patches", "law", "deflow", "ludvae", "two folds")
NOTES = ("seconds", "steps", "validation", "commit", "device", "torch")


def pair_files(folder: Path, ends: tuple[str, str]) -> dict[str, tuple[Path, Path]]:
    """Name -> clean and noisy file."""
    files = {file.stem: file for file in images.list_images(folder)}
    names = [stem.removesuffix(ends[0]) for stem in files if stem.endswith(ends[0])]
    return {name: tuple(files[name + end] for end in ends) for name in names}


def centre(image: torch.Tensor) -> torch.Tensor:
    top, left = (max(0, side - SIDE) // 2 for side in image.shape[1:])
    return image[:, top : top + SIDE, left : left + SIDE]


def white_unpaired(folder: Path) -> torch.Tensor:
    """Deviation of the noise in each channel, found in the flattest windows."""
    crops = data.UnpairedImages(folder / "train_clean", folder / "train_noisy", NOISE_SIDE, seed=SEED)
    taps, deviation = noise_filter(*first_crops(crops, NOISE_CROPS))
    return (deviation * taps.square().sum((1, 2, 3)).sqrt()).float()


def learned(name: str, which: str, folder: Path, seed: int) -> Path:
    """The file of the model that a training hands back; what was learned once stays."""
    sides = folder / "train_clean", folder / "train_noisy"
    run = RUNS / f"cameras_{name}_{which.replace(' ', '_')}"
    if which == "law":  # in closed form: it has no seed
        return train_law(*sides, run)
    return LEARNED[which](
        *sides, run.with_name(f"{run.name}_{seed}"), seed=seed, running=Running(device="cpu", resume=True)
    )


def described(file: Path) -> dict:
    """What the training noted in its model."""
    notes = checkpoints.load(file).notes
    return {
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        **{key: notes[key] for key in NOTES if key in notes},
    }


def noise_of(residuals: list, clean: list) -> dict[str, float]:
    dark, bright = thirds(residuals, [x.mean(0) for x in clean])
    return rounded({**noise(residuals), "std_dark": dark, "std_bright": bright})


def rounded(found: dict[str, float]) -> dict[str, float]:
    return {key: round(value, 4) for key, value in found.items()}


@torch.no_grad()
def made_noise(degrade: Degrader, pairs: list) -> dict[str, float]:
    generator = torch.Generator().manual_seed(SEED)
    clean, real = (torch.stack(side) for side in zip(*pairs, strict=True))
    fake = torch.stack([degrade(image, generator=generator) for image in clean])
    return {
        **noise_of(list(fake - clean), list(clean)),
        **rounded(
            {
                "spectrum_db": metrics.spectrum_error(fake - clean, real - clean).item(),
                "akld": metrics.akld(fake, real, clean).mean().item(),
                "histogram_kl": metrics.histogram_kl(fake - clean, real - clean).item(),
            }
        ),
    }


@torch.no_grad()
def test(restore, pairs: list) -> dict[str, list[float]]:
    results = [(clean, restore(noisy[None])[0].clamp(0, 1)) for clean, noisy in pairs]
    matched = scored(
        [(clean, result + (clean - result).mean((1, 2), keepdim=True)) for clean, result in results]
    )
    return scored(results) | {metric + MATCHED: values for metric, values in matched.items()}


def two_folds(files: dict, pairs: list, seed: int) -> tuple[dict, torch.nn.Module]:
    """Scores of all pairs, each half by a denoiser trained on the other; and one of the denoisers."""
    half, found = len(pairs) // 2, []
    paths = list(files.values())
    for seen, held_out in ((paths[half:], pairs[:half]), (paths[:half], pairs[half:])):
        model = train(data.PairedImages(*map(list, zip(*seen, strict=True)), crop=CROP, seed=seed), seed)
        found.append(test(model, held_out))
    return {metric: found[0][metric] + found[1][metric] for metric in found[0]}, model


def checked(folder: Path) -> dict:
    """What a user is told of the folders before a training."""
    found = inspect(folder / "train_clean", folder / "train_noisy", seed=SEED)
    gaps = (grey_levels(gap.difference) for gap in found.gaps.values())
    return {
        "verdict": found.verdict,
        "gap, grey levels": [round(gap, 1) for gap in gaps],
        "auc": {name: round(leak.auc, 3) for name, leak in found.leaks.items()},
    }


def compare(name: str, folder: Path, record: dict, save, seeds: list[int], published: list[Path]) -> None:
    files = pair_files(folder / "val", ENDS[name])
    pairs = [tuple(centre(images.read(file)) for file in two) for two in files.values()]
    clean = [x for x, _ in pairs]
    residuals = [noisy - x for x, noisy in pairs]
    half = len(pairs) // 2
    sigmas = {
        "white": white_unpaired(folder),
        "oracle": torch.cat([r.flatten(1) for r in residuals], 1).std(1),
    }
    sources = {source: WhitePerChannel(sigma) for source, sigma in sigmas.items()}
    sources["patches"] = degraders.NoisePatches.collect(folder / "train_noisy")
    record |= {
        **{
            side: [file.name for file in images.list_images(folder / side)]
            for side in ("train_clean", "train_noisy")
        },
        "pairs": list(files),
        "side": SIDE,
        "patches": len(sources["patches"].patches),
        "folds": [list(files)[:half], list(files)[half:]],
        **{
            f"{source}, grey levels": [round(255 * s, 2) for s in sigma.tolist()]
            for source, sigma in sigmas.items()
        },
        "input": test(lambda noisy: noisy, pairs),
    }
    if "check" not in record:
        record["check"] = checked(folder)
    for part in ("models", "noise", "published", "runs"):
        record.setdefault(part, {})
    record["noise"]["truth"] = noise_of(residuals, clean)
    for file in published:
        if file.stem not in record["published"]:
            record["published"][file.stem] = test(checkpoints.load_official(file, "dncnn").float(), pairs)
            save()
    for seed in seeds:
        for which in LEARNED:
            file = learned(name, which, folder, seed)
            record["models"].setdefault(which, {})[str(seed)] = described(file)
            sources[which, seed] = degraders.load(file)
            save()
        scales = {which: record["models"][which][str(seed)]["validation"] for which in DEFLOWS}
        best = min(scales, key=lambda which: scales[which])
        sources["deflow", seed] = sources[best, seed]
        if seed == seeds[0]:
            record["deflow"] = best
    for source in ("white", "oracle", "patches", *LEARNED):
        record["noise"][source] = made_noise(source_of(sources, source, seeds[0]), pairs)
    save()
    for seed in seeds:
        for source in SOURCES:
            if str(seed) in record["runs"].get(source, {}):
                continue
            began, used = time.perf_counter(), time.process_time()
            if source == "two folds":
                scores, model = two_folds(files, pairs, seed)
            else:
                degrade = source_of(sources, source, seed)
                model = train(
                    data.PairedImages(folder / "train_clean", crop=CROP, seed=seed, degrader=degrade),
                    seed,
                )
                scores = test(model, pairs)
            run = {
                "seconds": round(time.perf_counter() - began),
                "processor_seconds": round(time.process_time() - used),
            }
            run |= {key: model.notes[key] for key in ("device", "commit", "torch")} | {"nflib": __version__}
            record["runs"].setdefault(source, {})[str(seed)] = {**scores, **run}
            save()
            psnr, ssim, matched = (
                statistics.fmean(scores[metric]) for metric in ("psnr", "ssim", "psnr" + MATCHED)
            )
            said = f"{psnr:.3f} dB, {ssim:.4f}, matched {matched:.3f} dB, {run['processor_seconds']} s"
            print(f"{name}, seed {seed}, {source}: {said}", flush=True)


def source_of(sources: dict, source: str, seed: int) -> Degrader:
    """The degrader of a seed, if it has one of its own."""
    return sources[source] if source in sources else sources[source, seed]


def show(name: str, record: dict) -> None:
    """Print both tables."""
    keys = [*record["noise"]["truth"], "spectrum_db", "akld", "histogram_kl"]
    print(f"\n{name}, noise\n\n| | {' | '.join(keys)} |\n|{' --- |' * (len(keys) + 1)}")
    for source, found in record["noise"].items():
        print(
            f"| {source} | " + " | ".join(f"{found[key]:.2f}" if key in found else "-" for key in keys) + " |"
        )
    untrained = {
        source: {"": scores}
        for source, scores in {"nothing (the input)": record["input"], **record["published"]}.items()
    }
    for suffix in ("", MATCHED):
        kept = {
            source: {seed: {m: run[m + suffix] for m in ("psnr", "ssim")} for seed, run in runs.items()}
            for source, runs in (untrained | record["runs"]).items()
        }
        print(f"\n{name}{suffix}, {len(record['pairs'])} pairs\n\n" + markdown(table(kept)))


def main() -> None:
    options = parser(__doc__)
    for name in ENDS:
        options.add_argument(f"--{name}", type=Path, help="folder with train_clean, train_noisy and val")
    seed_options(options, required=True)
    options.add_argument("--published", type=Path, nargs="*", default=[], help="official DnCNN checkpoints")
    arguments = options.parse_args()
    torch.set_num_threads(1)
    record = json.loads(arguments.json.read_text()) if arguments.json.is_file() else {}
    record |= {"crop": CROP, "recipe": asdict(RECIPE)}

    def save() -> None:
        write_bytes(arguments.json, (json.dumps(record) + "\n").encode())

    for name in ENDS:
        if folder := getattr(arguments, name):
            compare(name, folder, record.setdefault(name, {}), save, arguments.seeds, arguments.published)
            show(name, record[name])


if __name__ == "__main__":
    main()
