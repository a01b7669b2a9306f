"""Ablations of LUD-VAE at laptop scale, as tables 5 to 7 of the paper, and noise that it does not model.

    python -m experiments.quality.ludvae_ablations --kodak FOLDER --seeds 0 1
                                                   --json experiments/results/ludvae_ablations.json

Photos and degradation are those of experiments/photos.py, NTIRE-like. Every run trains the small LUD-VAE on
both sides without pairs and changes one thing; all start at the noise that is found in the photos, of one
strength for all colours. It is judged by its noise on the validation pairs, by how alike the contents of both
images of a pair are, and by a denoiser trained on its C2N pairs, as in experiments/quality/restorers.py:

- "base": as it is; a second denoiser learns from its N2C pairs (table 5);
- "sigma A B": pre-noise of A grey levels on clean and B on degraded images (table 6);
- "levels N": layers of the latent (table 7);
- "published form": white pre-noise of 15 and 10 grey levels, three layers, C2N images that are the decoder's
  output.

"noise gaussian", "noise two levels" and "noise salt and pepper" train the small model for other noise, and
compare histograms only.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from experiments import restoring
from experiments.judging import judge
from experiments.photos import PLANS, photos
from experiments.recording import parser, photo_option, seed_options
from nflib import __version__, checkpoints, data, degraders, metrics
from nflib.degraders import AdditiveNoise, Degrader
from nflib.degraders.degrader import as_8_bits
from nflib.files import write_bytes
from nflib.models import LUDVAE, LUDVAEConfig, start_near_identity
from nflib.noise import noise_filter
from nflib.training import LUDVAETask, Running, fit
from nflib.training.ludvae import NOISE_CROPS, NOISE_SIDE
from nflib.training.unpaired import first_crops
from nflib.units import numbered_generator

TRAINING_STEPS, TRAINING_CROP, CONTENT_FIRST = 500, 32, 0.35
DRAWS, MMD_SIDE, TIMED_SIDE = 10, 128, 256
# Grey levels on clean and on degraded images: the rows of table 6.
SIGMAS = ((0, 0), (10, 5), (15, 10), (20, 10), (15, 5), (20, 15))


@dataclass(frozen=True)
class TwoLevels(AdditiveNoise):
    """Noise with two modes: plus or minus 16 grey levels, and white noise of deviation 4 on top."""

    def noise(self, clean: Tensor, generator: torch.Generator | None = None) -> Tensor:
        sign = 2.0 * torch.randint(2, clean.shape, generator=generator) - 1
        return (16 * sign + 4 * torch.randn(clean.shape, generator=generator)) / 255


@dataclass(frozen=True)
class SaltAndPepper(Degrader):
    """A share of all values becomes black or white."""

    share: float = 0.05

    def _degrade(
        self, clean: Tensor, strength: float, n: int, generator: torch.Generator | None
    ) -> Iterator[Tensor]:
        for _ in range(n):
            hit = torch.rand(clean.shape, generator=generator) < strength * self.share
            yield torch.where(hit, torch.randint(2, clean.shape, generator=generator).to(clean), clean)


@dataclass(frozen=True)
class Variant:
    """What differs from the small model: in its configuration before the start, and in the pre-noise."""

    config: dict
    sigmas: tuple[int, int] | None = None


VARIANTS = {
    "base": Variant({}),
    **{f"sigma {a} {b}": Variant({}, (a, b)) for a, b in SIGMAS},
    **{f"levels {n}": Variant({"levels": n}) for n in (1, 3, 4, 5)},
    "published form": Variant({"levels": 3, "shaped": False, "difference": False}, (15, 10)),
}
NOISES = {
    "noise gaussian": degraders.White(),
    "noise two levels": TwoLevels(),
    "noise salt and pepper": SaltAndPepper(),
}
# Of the LUD-VAEs.
RECIPE = replace(LUDVAETask.recipe, steps=TRAINING_STEPS, every=TRAINING_STEPS)


def train(variant: Variant, clean: list, degraded: list, seed: int) -> LUDVAE:
    torch.manual_seed(seed)
    taps, deviation = noise_filter(
        *first_crops(data.UnpairedImages(clean, degraded, NOISE_SIDE, seed=seed), NOISE_CROPS)
    )
    model = LUDVAE(replace(LUDVAEConfig.small(deviation), **variant.config))
    start_near_identity(model, numbered_generator(seed, 2))
    if model.config.shaped:
        model.shape_noise(taps)
    if variant.sigmas is not None:
        model.config = replace(
            model.config, sigma_clean=variant.sigmas[0] / 255, sigma_degraded=variant.sigmas[1] / 255
        )
    crops = data.UnpairedImages(clean, degraded, TRAINING_CROP, seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        task, running = LUDVAETask(model, CONTENT_FIRST), Running(device="cpu")
        return checkpoints.load(fit(task, crops, folder, recipe=RECIPE, seed=seed, running=running))


@torch.no_grad()
def content(model: LUDVAE, pairs: list, seed: int) -> dict[str, float]:
    """Is the content of both images of a pair the same, and how much of the image is in it?

    MMD^2 between draws of the content latent of the clean and of the degraded image, unbiased, Gaussian
    kernel of the median distance, mean over the central squares of all pairs; and PSNR of what the content of
    either image decodes to.
    """
    generator, found = numbered_generator(seed, 3), {"mmd": [], "content_psnr": [], "n2c_psnr": []}
    for clean, degraded in pairs:
        top, left = ((side - MMD_SIDE) // 2 for side in clean.shape[1:])
        latents = []
        for domain, image in (("clean", clean), ("degraded", degraded)):
            square = image[None, :, top : top + MMD_SIDE, left : left + MMD_SIDE].expand(DRAWS, -1, -1, -1)
            features = model.features(model.prenoise(square, domain, generator=generator))
            latents.append(torch.cat([part.flatten(1) for part in features], 1))
        found["mmd"].append(metrics.mmd(*latents).item())
        for name, domain, image in (("content_psnr", "clean", clean), ("n2c_psnr", "degraded", degraded)):
            decoded = model.denoise(
                image[None], prenoised=model.prenoise(image[None], domain, generator=generator)
            )
            found[name].append(metrics.psnr(as_8_bits(decoded), clean[None]).item())
    return {name: round(sum(values) / len(values), 4) for name, values in found.items()}


@torch.no_grad()
def made_noise(model: LUDVAE, pairs: list, seed: int) -> dict[str, float]:
    """What :func:`judge` finds, and AKLD."""
    generator = numbered_generator(seed, 4)
    akld = [
        metrics.akld(model.degrade(x[None], generator=generator), y[None], x[None]).item() for x, y in pairs
    ]
    return {
        **{k: round(v, 4) for k, v in judge(model, pairs).items()},
        "akld": round(sum(akld) / len(akld), 4),
    }


def n2c_pairs(model: LUDVAE, degraded: list, seed: int) -> data.PairedImages:
    generator = numbered_generator(seed, 5)
    restored = [as_8_bits(model.denoise(image[None], generator=generator))[0] for image in degraded]
    return data.PairedImages(restored, degraded, crop=restoring.CROP, seed=seed)


@torch.no_grad()
def seconds(model: LUDVAE) -> float:
    """Median of five, to degrade one image of 256 x 256."""
    image, times = torch.rand(1, 3, TIMED_SIDE, TIMED_SIDE, generator=torch.Generator().manual_seed(0)), []
    for _ in range(5):
        began = time.perf_counter()
        model.degrade(image)
        times.append(time.perf_counter() - began)
    return round(sorted(times)[2], 4)


def ablation(variant: str, kodak: Path | None, seed: int) -> tuple[dict, LUDVAE]:
    clean, degraded, pairs = photos(PLANS["ntire"], kodak)
    model = train(VARIANTS[variant], clean, degraded, seed)
    sigmas = [round(255 * s, 2) for s in (model.config.sigma_clean, model.config.sigma_degraded)]
    found = {
        "parameters": sum(p.numel() for p in model.parameters()),
        "seconds_256": seconds(model),
        "sigmas": sigmas,
    }
    found |= {**content(model, pairs, seed), "noise": made_noise(model, pairs, seed)}
    denoisers = {"c2n": restoring.synthetic(clean, degraders.Learned(model), seed)}
    if variant == "base":
        denoisers["n2c"] = n2c_pairs(model, degraded, seed)
    scores = {name: restoring.test(restoring.train(made, seed), pairs) for name, made in denoisers.items()}
    return found | scores, model


def histograms(name: str, kodak: Path | None, seed: int) -> tuple[dict, LUDVAE]:
    """Noise of the model and true noise on the validation photos: KL(real || model), and both histograms.

    Bins are 5 grey levels wide.
    """
    clean, degraded, pairs = photos(replace(PLANS["ntire"], degrade=NOISES[name]), kodak)
    model = train(VARIANTS["base"], clean, degraded, seed)
    generator = numbered_generator(seed, 6)
    made = [as_8_bits(model.degrade(x[None], generator=generator))[0] - x for x, _ in pairs]
    fake, real = (
        torch.cat([r.flatten() for r in rs]).view(1, 1, 1, -1) for rs in (made, [y - x for x, y in pairs])
    )
    counts = {
        k: torch.histc(255 * v, 103, -257.5, 257.5).long().tolist()
        for k, v in (("model", fake), ("truth", real))
    }
    stds = {k: round(255 * v.std().item(), 3) for k, v in (("model", fake), ("truth", real))}
    return {
        "histogram_kl": round(metrics.histogram_kl(fake, real).item(), 4),
        "std": stds,
        "counts": counts,
    }, model


def main() -> None:
    options = parser(__doc__)
    photo_option(options)
    seed_options(options, required=True)
    options.add_argument("--only", nargs="+", choices=[*VARIANTS, *NOISES], help="these runs, all by default")
    arguments = options.parse_args()
    torch.set_num_threads(1)
    record = (
        json.loads(arguments.json.read_text())
        if arguments.json.is_file()
        else {
            "degradation": "ntire",
            "photos": "bundled" + ("" if arguments.kodak is None else " and Kodak"),
            "recipe": asdict(RECIPE),
            "crop": TRAINING_CROP,
            "content_first": CONTENT_FIRST,
            "denoiser": asdict(restoring.RECIPE),
            "runs": {},
        }
    )
    for seed in arguments.seeds:
        for name in arguments.only or [*VARIANTS, *NOISES]:
            if str(seed) in record["runs"].get(name, {}):
                continue
            began, used = time.perf_counter(), time.process_time()
            run, model = (ablation if name in VARIANTS else histograms)(name, arguments.kodak, seed)
            run |= {
                "seconds": round(time.perf_counter() - began),
                "processor_seconds": round(time.process_time() - used),
            }
            run |= {key: model.notes[key] for key in ("device", "commit", "torch")} | {"nflib": __version__}
            record["runs"].setdefault(name, {})[str(seed)] = run
            write_bytes(arguments.json, (json.dumps(record) + "\n").encode())
            print(f"seed {seed}, {name}: {run['processor_seconds']} s", flush=True)


if __name__ == "__main__":
    main()
