"""Three ways to pairs by one LUD-VAE: what is a denoiser worth that learns from each?

    python -m experiments.quality.ludvae_pairs --kodak FOLDER --seeds 0 1 2
                                               --json experiments/results/ludvae_pairs.json

Photos and degradation are those of experiments/photos.py, NTIRE-like; the model is the bundled
ludvae_ntire_small, which never saw a pair. Denoisers are trained and tested as in
experiments/quality/restorers.py, and differ in their pairs and seed only:

- "c2n": clean photos, and what the model makes of them;
- "n2c": degraded photos, and what their content decodes to;
- "l2cn": content drawn from a prior that was fitted to that of clean photos (nflib.models.ContentPrior),
  decoded without and with the latent of the degradation: nobody's photo on either side;
- "true": the true noise, which nobody would have.

Each has "psnr" and "ssim" of every validation pair; "kurtosis" is that of the differences between
neighbouring values of the clean sides: 3 for anything Gaussian, far more for photos, which have flat places
and edges. "input" has the scores of the degraded photos.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import torch
from torch import Tensor

from experiments import restoring
from experiments.photos import PLANS, photos
from experiments.quality.ludvae_ablations import n2c_pairs
from experiments.recording import parser, photo_option, seed_options, show
from nflib import __version__, checkpoints, data, degraders, provenance
from nflib.degraders.degrader import as_8_bits
from nflib.files import write_bytes
from nflib.models import ContentPrior
from nflib.units import numbered_generator

MODEL = "ludvae_ntire_small"
# Crops that the prior is fitted to and pairs that are drawn, and their side.
FITTED, DRAWN, SIDE = 256, 256, 64


def l2cn_pairs(model, clean: list, seed: int) -> tuple[list, list]:
    """Images (3, SIDE, SIDE), the clean sides and the degraded ones, of 8 bits."""
    crops = data.ImageCrops(clean, SIDE, seed=seed)
    prior = ContentPrior(model, torch.stack([crops[i] for i in range(FITTED)]), numbered_generator(seed, 7))
    generator = numbered_generator(seed, 8)
    drawn = [prior.pairs(16, generator=generator) for _ in range(DRAWN // 16)]
    one, other = (list(as_8_bits(torch.cat(side))) for side in zip(*drawn, strict=True))
    return one, other


def kurtosis(images: list[Tensor]) -> float:
    """Of the differences between horizontal neighbours, all images together."""
    steps = torch.cat([image.diff(dim=2).flatten() for image in images]).double()
    steps = steps - steps.mean()
    return round((steps**4).mean().item() / steps.square().mean().item() ** 2, 2)


def ways(model, clean: list, degraded: list, seed: int) -> dict:
    """Way -> its pairs and the kurtosis of their clean sides."""
    drawn = l2cn_pairs(model, clean, seed)
    n2c = n2c_pairs(model, degraded, seed)
    return {
        "l2cn": (data.PairedImages(*drawn, crop=restoring.CROP, seed=seed), kurtosis(drawn[0])),
        "c2n": (restoring.synthetic(clean, degraders.Learned(model), seed), kurtosis(clean)),
        "n2c": (n2c, kurtosis([n2c[i][0] for i in range(DRAWN)])),
        "true": (restoring.synthetic(clean, PLANS["ntire"].degrade, seed), kurtosis(clean)),
    }


def main() -> None:
    options = parser(__doc__)
    photo_option(options)
    seed_options(options, required=True)
    arguments = options.parse_args()
    torch.set_num_threads(1)
    clean, degraded, pairs = photos(PLANS["ntire"], arguments.kodak)
    model = checkpoints.load(MODEL)
    file: Path = arguments.json
    record = (
        json.loads(file.read_text())
        if file.is_file()
        else {
            "degradation": "ntire",
            "photos": "bundled" + ("" if arguments.kodak is None else " and Kodak"),
            "model": MODEL,
            "input": restoring.unrestored(pairs, 1),
            "runs": {},
        }
    )
    for seed in arguments.seeds:
        for name, (made, tails) in ways(model, clean, degraded, seed).items():
            if str(seed) in record["runs"].get(name, {}):
                continue
            used = time.process_time()
            scores = restoring.test(restoring.train(made, seed), pairs)
            run = {
                **scores,
                "kurtosis": tails,
                "processor_seconds": round(time.process_time() - used),
                "device": provenance.device_name(torch.device("cpu")),
                "commit": provenance.commit(),
                "torch": torch.__version__,
                "nflib": __version__,
            }
            record["runs"].setdefault(name, {})[str(seed)] = run
            write_bytes(file, (json.dumps(record) + "\n").encode())
    rows = [
        (name, seed, *(sum(run[score]) / len(run[score]) for score in ("psnr", "ssim")), run["kurtosis"])
        for name, runs in record["runs"].items()
        for seed, run in runs.items()
    ]
    show("denoisers by the way to pairs", ("pairs", "seed", "PSNR, dB", "SSIM", "kurtosis"), rows)


if __name__ == "__main__":
    main()
