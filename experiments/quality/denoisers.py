"""Denoisers that a user would pick, on photos of real cameras: classical ones, ours, what law pairs teach.

    python -m experiments.quality.denoisers --renoir FOLDER --polyu FOLDER --w2s FOLDER --kodak FOLDER
                                            [--seeds 0 1 2] [--only NAME ...] [--json FILE]

Each folder has photos in train_clean and train_noisy, of scenes that have nothing in common, and pairs of
other scenes in val: NAME_reference and NAME_noisy of RENOIR, NAME_mean and NAME_real of PolyU (JPEG),
NAME_clean and NAME_noisy of W2S (grey, microscopy). Whole photos are scored. Methods are

- "input": nothing;
- "OpenCV non-local means", "scikit-image non-local means", "total variation" (Chambolle's, of scikit-image),
  "wavelets" (BayesShrink of scikit-image), "BM3D": with their defaults; where they ask for the level of the
  noise they get what scikit-image's estimate_sigma finds in the photo. OpenCV, PyWavelets and BM3D are the
  extra "compare"; what is not installed is left out.
  BM3D's licence allows research only;
- the same, ", tuned": the setting of a short list with the highest mean PSNR on these very pairs, which
  nobody could choose: "chosen" says which;
- the bundled denoisers;
- "law": a RestorationNet trained by nflib.training.train_denoiser with pairs of the law that
  nflib.training.train_law finds in train_clean and train_noisy, on train_clean, Kodak and the bundled photos,
  as `nflib train all` does it;
- "universal and law": the same, beginning as the bundled universal denoiser at half of the usual rate;
- "true pairs": the same network, trained on the pairs of one half of val and tested on the other, and the
  other way round: few photos of few scenes, so that it is no upper bound.

The file has under "parts", for every set and method, "SET/METHOD" or "SET/METHOD/SEED": "psnr", "ssim" (RGB,
results rounded to 8 bits, one value a pair), the same "colour matched" (each result moved to the mean colour
of the truth), "seconds" of one thread for a photo, and where something is trained "training seconds".
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import importlib.util
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from experiments.quality.cameras import ENDS, pair_files, test
from experiments.recording import RUNS, SEED, Record, parser, photo_option, show
from nflib import checkpoints, images
from nflib.data import PairedImages
from nflib.models import RestorationNet, RestorationNetConfig
from nflib.pipeline import UNIVERSAL
from nflib.pipeline.restoration import restored
from nflib.training import RestorationTask, Running, fit, train_denoiser, train_law
from nflib.training.folders import BUNDLED

RESULT = "denoisers.json"
BUNDLED_DENOISERS = ("denoiser_ntire_small", "denoiser_camera_small", UNIVERSAL)
OPENCV_LEVELS = (2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 40, 60)
# Of the estimated level of the noise.
SHARES = (0.5, 0.8, 1.0, 1.2, 1.5, 1.8, 2.2, 2.7, 3.5, 5.0, 7.0)
BM3D_SHARES = (1, 2, 3, 5, 8)
# Of total variation, for values in [0, 1]; its default is 0.1.
WEIGHTS = (0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.13, 0.16, 0.2, 0.25, 0.3, 0.4, 0.6, 0.8)

# From a photo (H, W, 3), uint8, to the like.
Denoise = Callable[[np.ndarray], np.ndarray]


def classical() -> Iterator[tuple[str, dict[str, Denoise]]]:
    """Name -> settings, by name; what is not installed is left out."""
    with contextlib.suppress(ImportError):
        import cv2

        cv2.setNumThreads(1)

        # blue, green, red is its order of colours
        def means(photo: np.ndarray, h: float = 3) -> np.ndarray:
            return cv2.fastNlMeansDenoisingColored(photo[..., ::-1].copy(), None, h, h)[..., ::-1].copy()

        yield "OpenCV non-local means", {"h 3, 3": means}
        yield (
            "OpenCV non-local means, tuned",
            {f"h {h}, {h}": functools.partial(means, h=h) for h in OPENCV_LEVELS},
        )
    from skimage.restoration import denoise_nl_means, denoise_tv_chambolle, denoise_wavelet

    variation = {
        f"weight {weight}": as_floats(
            lambda x, weight=weight: denoise_tv_chambolle(x, weight, channel_axis=-1)
        )
        for weight in WEIGHTS
    }
    yield "total variation", {"weight 0.1": variation["weight 0.1"]}
    yield "total variation, tuned", variation

    usual = {"defaults": as_floats(lambda x: denoise_nl_means(x, channel_axis=-1))}
    yield "scikit-image non-local means", usual
    if importlib.util.find_spec("pywt") is None:  # by which scikit-image estimates levels
        return
    yield (
        "scikit-image non-local means, tuned",
        usual
        | {
            f"h and sigma {share} of the estimate": as_floats(
                lambda x, share=share: denoise_nl_means(
                    x,
                    patch_size=5,
                    patch_distance=6,
                    h=share * level(x),
                    sigma=share * level(x),
                    channel_axis=-1,
                )
            )
            for share in SHARES
        },
    )
    usual = {"defaults": as_floats(lambda x: denoise_wavelet(x, channel_axis=-1, convert2ycbcr=True))}
    yield "wavelets", usual
    yield (
        "wavelets, tuned",
        usual
        | {
            f"sigma {share} of the estimate": as_floats(
                lambda x, share=share: denoise_wavelet(
                    x, sigma=share * level(x), channel_axis=-1, convert2ycbcr=True
                )
            )
            for share in SHARES
        },
    )
    with contextlib.suppress(ImportError):
        from bm3d import bm3d_rgb

        settings = {
            f"sigma {share} of the estimate": as_floats(lambda x, share=share: bm3d_rgb(x, share * level(x)))
            for share in BM3D_SHARES
        }
        yield "BM3D", {key: settings[key] for key in list(settings)[:1]}
        yield "BM3D, tuned", settings


def level(photo: np.ndarray) -> float:
    """Deviation of the noise as scikit-image estimates it, of a photo in [0, 1]; a tenth of a grey level at
    least.
    """
    from skimage.restoration import estimate_sigma

    return max(estimate_sigma(photo, channel_axis=-1, average_sigmas=True), 0.1 / 255)


def as_floats(denoise: Denoise) -> Denoise:
    return lambda photo: (denoise(photo / 255.0).clip(0, 1) * 255).round().astype(np.uint8)


def on_tensors(denoise: Denoise) -> Callable[[Tensor], Tensor]:
    """The same on (1, 3, H, W) in [0, 1]."""

    def call(batch: Tensor) -> Tensor:
        photo = (batch[0] * 255).round().byte().permute(1, 2, 0).contiguous().numpy()
        return torch.from_numpy(denoise(photo)).permute(2, 0, 1)[None] / 255

    return call


def by_model(model: torch.nn.Module) -> Callable[[Tensor], Tensor]:
    return lambda batch: restored(model, batch[0], tile=512)[None]


def timed(restore: Callable[[Tensor], Tensor], pairs: Sequence) -> dict:
    began = time.process_time()
    scores = test(restore, pairs)
    return {**scores, "seconds": round((time.process_time() - began) / len(pairs), 3)}


def best_of(settings: dict[str, Denoise], pairs: Sequence) -> dict:
    """Scores of the setting with the highest mean PSNR."""
    found = {name: timed(on_tensors(denoise), pairs) for name, denoise in settings.items()}
    name = max(found, key=lambda one: statistics.fmean(found[one]["psnr"]))
    return found[name] | {"chosen": name}


def on_law_pairs(name: str, folder: Path, kodak: Path, seed: int, pairs: Sequence, begun: dict) -> dict:
    """A denoiser trained with the law of the noise of a folder; ``begun`` says from where."""
    began, run = time.process_time(), RUNS / f"denoisers_{name}_{seed}"
    law = run / "law" / "model.safetensors"
    if not law.is_file():
        train_law(folder / "train_clean", folder / "train_noisy", law.parent)
    done = train_denoiser(
        [folder / "train_clean", kodak, BUNDLED],
        str(law),
        run / ("restorer_begun" if begun else "restorer"),
        seed=seed,
        running=Running(device="cpu", resume=True),
        **begun,
    )
    spent = round(time.process_time() - began)
    model = checkpoints.load(done)
    return timed(by_model(model), pairs) | {
        "training seconds": spent,
        "strength": model.notes["strength"],
        "noise, grey levels": checkpoints.load(law).notes.get("noise, grey levels"),
    }


def on_true_pairs(name: str, files: dict, pairs: Sequence, seed: int) -> dict:
    """Scores of all pairs, each half by a denoiser trained on the other."""
    began, half, found = time.process_time(), len(pairs) // 2, []
    paths = list(files.values())
    for fold, (seen, held_out) in enumerate(((paths[half:], pairs[:half]), (paths[:half], pairs[half:]))):
        torch.manual_seed(seed)
        task = RestorationTask(RestorationNet(RestorationNetConfig.small()))
        data = PairedImages(*map(list, zip(*seen, strict=True)), crop=64, seed=seed)
        run = RUNS / f"denoisers_{name}_pairs_{fold}_{seed}"
        done = fit(task, data, run, seed=seed, running=Running(device="cpu", resume=True))
        found.append(timed(by_model(checkpoints.load(done)), held_out))
    joined = {key: found[0][key] + found[1][key] for key in found[0] if key != "seconds"}
    return joined | {"seconds": found[0]["seconds"], "training seconds": round(time.process_time() - began)}


def compare(name: str, folder: Path, arguments: argparse.Namespace, record: Record) -> None:
    files = pair_files(folder / "val", ENDS[name])
    files = dict(list(files.items())[: 2 if arguments.tiny else None])
    pairs = [tuple(images.read(file) for file in two) for two in files.values()]

    def part(method: str, make: Callable[[], dict]) -> None:
        wanted = not arguments.only or method.startswith(tuple(arguments.only))
        if wanted and f"{name}/{method}" not in record.parts:
            found = make()
            record.add(f"{name}/{method}", found)
            print(f"{name}/{method}: {statistics.fmean(found['psnr']):.2f} dB", flush=True)

    part("input", lambda: timed(lambda noisy: noisy, pairs))
    for method, settings in classical():
        part(method, lambda settings=settings: best_of(settings, pairs))
    for model in BUNDLED_DENOISERS:
        part(model, lambda model=model: timed(by_model(checkpoints.load(model)), pairs))
    for seed in () if arguments.tiny else arguments.seeds:
        for method, begun in (("law", {}), ("universal and law", {"start": UNIVERSAL, "lr": 1e-3})):
            part(
                f"{method}/{seed}",
                lambda seed=seed, begun=begun: on_law_pairs(
                    name, folder, arguments.kodak, seed, pairs, begun
                ),
            )
        part(f"true pairs/{seed}", lambda seed=seed: on_true_pairs(name, files, pairs, seed))
    rows = {key: found for key, found in record.parts.items() if key.startswith(f"{name}/")}
    show(
        f"{name}, {len(pairs)} pairs",
        ("method", "PSNR, dB", "SSIM", "colour matched, dB", "s a photo", "chosen"),
        [
            (
                key.partition("/")[2],
                *(
                    round(statistics.fmean(found[score]), 3)
                    for score in ("psnr", "ssim", "psnr, colour matched")
                ),
                found["seconds"],
                found.get("chosen"),
            )
            for key, found in rows.items()
        ],
    )


def main(words: Sequence[str] | None = None) -> None:
    options = parser(__doc__, RESULT)
    photo_option(options)
    for name in ENDS:
        options.add_argument(f"--{name}", type=Path, help="folder with train_clean, train_noisy and val")
    options.add_argument("--seeds", type=int, nargs="+", default=[SEED])
    options.add_argument("--only", nargs="+", help="methods whose name begins with one of these")
    arguments = options.parse_args(words)
    torch.set_num_threads(1)
    record = Record(arguments, RESULT, torch.device("cpu"))
    for name in ENDS:
        if folder := getattr(arguments, name):
            compare(name, folder, arguments, record)


if __name__ == "__main__":
    main()
