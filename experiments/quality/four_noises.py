"""Four noises that are not all Gaussian, learned without pairs: is the histogram of the noise the true one?

    python -m experiments.quality.four_noises --kodak FOLDER --seeds 0 1 2
                                              --json experiments/results/four_noises.json

The noises are those of table 1 of LUD-DIF (arXiv 2609.01370): Gaussian, a mixture, Poisson, salt and pepper.
Its numbers of them are not known to us, ours are below. Clean and degraded photos are other scenes
(experiments/photos.py), the seed draws the noise of the degraded ones and is that of the training. Every
learner has its usual small training.

KL(true || model) in nats is that of the histograms of degraded minus clean, all pixels of the validation
photos, bins of one grey level, half a count in every bin (:func:`nflib.metrics.histogram_kl`). "kl" takes all
values together, "kl_by_value" is the mean over eight ranges of the clean value, which sees whether the noise
depends on it as it should.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from experiments.photos import PLANS, photos
from experiments.quality.ludvae_ablations import SaltAndPepper, TwoLevels
from experiments.recording import parser, photo_option, seed_options, show
from nflib import __version__, checkpoints, images, metrics, provenance, training
from nflib.degraders import AdditiveNoise, Degrader, White
from nflib.degraders.degrader import as_8_bits
from nflib.files import write_bytes
from nflib.training import Running
from nflib.units import generator, numbered_generator

RANGES = 8


@dataclass(frozen=True)
class Poisson(AdditiveNoise):
    """Counts of photons: Poisson with mean ``photons * clean``, over photons.

    Attributes:
        photons: how many are counted at white.
    """

    photons: float = 60.0

    def noise(self, clean: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return torch.poisson(self.photons * clean, generator) / self.photons - clean


NOISES: dict[str, Degrader] = {
    "gaussian": White(12 / 255),
    "mixture": TwoLevels(),
    "poisson": Poisson(),
    "salt and pepper": SaltAndPepper(0.05),
}
LEARNERS: dict[str, Callable[..., Any]] = {
    "law": lambda clean, degraded, out, seed: training.train_law(clean, degraded, out),
    **{
        name: lambda clean, degraded, out, seed, name=name: training.training(name).train(
            clean, degraded, out, seed=seed, running=Running(device="cpu")
        )
        for name in ("noise-flow", "deflow", "ludvae")
    },
}


def learned(learner: str, clean: list, degraded: list, seed: int) -> Any:
    """The model that a learner makes of photos, by files as its users have them."""
    with tempfile.TemporaryDirectory() as folder:
        for name, side in (("clean", clean), ("degraded", degraded)):
            (Path(folder) / name).mkdir()
            for number, photo in enumerate(side):
                images.write(Path(folder) / name / f"{number:02}.png", photo)
        where = Path(folder)
        return checkpoints.load(
            LEARNERS[learner](where / "clean", where / "degraded", where / "run", seed=seed)
        )


@torch.no_grad()
def kl(model: Any, degrade: Degrader, pairs: list, seed: int) -> dict[str, float]:
    """Between true noise and that of a model, and their deviations in grey levels."""
    drawn = numbered_generator(seed, 4)
    clean = [x.flatten() for x, _ in pairs]
    fake = [(as_8_bits(model.degrade(x[None], generator=drawn))[0] - x).flatten() for x, _ in pairs]
    real = [(degrade(x, generator=drawn) - x).flatten() for x, _ in pairs]
    values, fake, real = (torch.cat(side) for side in (clean, fake, real))
    ranges = (values * RANGES).long().clamp(max=RANGES - 1)

    def between(chosen: Tensor) -> float:
        return metrics.histogram_kl(*(side[chosen].view(1, 1, 1, -1) for side in (fake, real))).item()

    shares = [(ranges == i) for i in range(RANGES) if (ranges == i).any()]
    by_value = sum(chosen.float().mean().item() * between(chosen) for chosen in shares)
    deviations = {f"std_{k}": 255 * side.std().item() for k, side in (("model", fake), ("truth", real))}
    found = {"kl": between(values >= 0), "kl_by_value": by_value, **deviations}
    return {name: round(value, 5) for name, value in found.items()}


def run(learner: str, noise: str, kodak: Path | None, seed: int) -> dict:
    clean, _, pairs = photos(PLANS["ntire"], kodak)
    degraded = degraded_photos(NOISES[noise], kodak, seed)
    began, used = time.perf_counter(), time.process_time()
    model = learned(learner, clean, degraded, seed)
    seconds = {
        "seconds": round(time.perf_counter() - began, 1),
        "processor_seconds": round(time.process_time() - used, 1),
    }
    parameters = sum(p.numel() for p in model.parameters())
    return {**kl(model, NOISES[noise], pairs, seed), "parameters": parameters, **seconds}


def degraded_photos(degrade: Degrader, kodak: Path | None, seed: int) -> list[Tensor]:
    """The photos of the degraded side, with noise of this seed."""

    class Untouched(Degrader):
        def _degrade(self, clean: Tensor, strength: float, n: int, generator: Any) -> Any:
            return (clean for _ in range(n))

    drawn = generator(seed)
    plan = type(PLANS["ntire"])(Untouched(), PLANS["ntire"].config)
    return [degrade(photo, generator=drawn) for photo in photos(plan, kodak)[1]]


def main() -> None:
    options = parser(__doc__)
    photo_option(options)
    seed_options(options, required=True)
    options.add_argument("--only", nargs="+", choices=[*LEARNERS], help="these learners, all by default")
    options.add_argument("--noises", nargs="+", choices=[*NOISES], help="these noises, all by default")
    arguments = options.parse_args()
    torch.set_num_threads(1)
    record = (
        json.loads(arguments.json.read_text())
        if arguments.json.is_file()
        else {
            "noises": {name: str(noise) for name, noise in NOISES.items()},
            "photos": "bundled" + ("" if arguments.kodak is None else " and Kodak"),
            "ranges": RANGES,
            "runs": {name: {noise: {} for noise in NOISES} for name in LEARNERS},
        }
    )
    for seed in arguments.seeds:
        for noise in arguments.noises or NOISES:
            for learner in arguments.only or LEARNERS:
                if str(seed) in record["runs"][learner][noise]:
                    continue
                found = run(learner, noise, arguments.kodak, seed) | {
                    "device": provenance.device_name(torch.device("cpu")),
                    "commit": provenance.commit(),
                    "torch": torch.__version__,
                    "nflib": __version__,
                }
                record["runs"][learner][noise][str(seed)] = found
                write_bytes(arguments.json, (json.dumps(record, indent=1) + "\n").encode())
                print(f"seed {seed}, {noise}, {learner}: KL {found['kl']}", flush=True)
    table(record)


def table(record: dict) -> None:
    """Print KL of each learner and noise, the mean over the seeds."""

    def mean(runs: dict, key: str) -> float | None:
        return sum(r[key] for r in runs.values()) / len(runs) if runs else None

    for key in ("kl", "kl_by_value"):
        rows = (
            [learner, *(mean(runs, key) for runs in found.values())]
            for learner, found in record["runs"].items()
        )
        show(f"{key}, nats", ["", *NOISES], rows)


if __name__ == "__main__":
    main()
