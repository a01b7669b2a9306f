"""Train denoiser_universal, which knows no camera: what `nflib restore` uses if no model is named.

    python -m experiments.bundled.universal --kodak FOLDER [--stages N]

Clean photos are the bundled ones but for those of the role "validation", and Kodak's first eighteen: as they
are, in other sizes, since photos of today's cameras are smoother from pixel to pixel, and darkened; later
also in strong colours, since what has stronger ones than any photo seen is taken for noise.
Pairs are made by nflib.degraders.RandomLaws, whose law of the noise is drawn anew for each crop. No photo of
a camera whose noise is known was seen. The notes say how it does on Kodak's last six with noise that is
known, and untouched; experiments/quality/denoisers.py says how on real ones. One thread of the CPU, in
stages: each goes on with the model of the one before and leaves one that can be used. Killed and started
again it goes on.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from experiments.photos import KODAK_VALIDATION, PLANS, kodak_photos
from experiments.recording import RUNS, SEED, WEIGHTS, parser, photo_option
from experiments.restoring import scored
from nflib import checkpoints, data, images
from nflib.degraders import RandomLaws
from nflib.models import RestorationNet, RestorationNetConfig
from nflib.training import Recipe, RestorationTask, Running, fit

NAME = "denoiser_universal"
CONFIG = RestorationNetConfig(width=16, levels=4, blocks=1)
CROP, KODAK = 64, tuple(range(1, 19))
DARKER = 0.4
# An error that need not become smaller, 60 dB.
LEAST = 1e-6


class EveryLevelTask(RestorationTask):
    """Mean logarithm of the root mean square error of each crop: a tenth less error is worth the same where
    the noise is weak and where it is strong. The mean error itself is that of the strongest noise, and what
    is hardly noisy is smoothed.
    """

    unit = "mean log of the root mean square error"

    def loss(self, model, batch, generator) -> torch.Tensor:
        clean, degraded = batch
        error = (model(degraded) - clean).square().mean((1, 2, 3))
        return (error + LEAST).log().mean() / 2


@dataclass(frozen=True)
class Stage:
    """How long, by which loss, with photos of which sizes beside those as they are, and whether with colours
    that photos seldom have.
    """

    steps: int
    lr: float
    task: type[RestorationTask]
    enlarged: tuple[float, ...]
    colourful: bool = False

    @property
    def recipe(self) -> Recipe:
        return replace(RestorationTask.recipe, steps=self.steps, lr=self.lr, average=0.999, every=250)


STAGES = (
    Stage(7_000, 2e-3, RestorationTask, (1.6, 2.5)),
    Stage(10_000, 1e-3, EveryLevelTask, (1.6, 2.5)),
    Stage(6_000, 1e-3, EveryLevelTask, (1.6, 4.0, 2.5), colourful=True),
    Stage(20_000, 1e-3, EveryLevelTask, (1.0, 0.6, 1.6, 4.0, 2.5), colourful=True),
)


def clean_photos(kodak: Path | None, stage: Stage) -> list[torch.Tensor]:
    """Each photo as it is, its central parts enlarged, and the last of them darkened."""
    photos = [photo.load() for photo in data.PHOTOS if photo.role != "validation"]
    photos += [] if kodak is None else kodak_photos(kodak, KODAK)
    found = []
    for photo in photos:
        large = [images.resize(central(photo, factor), factor).clamp(0, 1) for factor in stage.enlarged]
        found += [photo, *large, DARKER * large[-1]]
        found += [saturated(photo)] if stage.colourful else []
    return found + (colours() if stage.colourful else [])


def saturated(photo: torch.Tensor) -> torch.Tensor:
    """The photo with its channels in another order, and colours that are twice as strong."""
    grey = photo.mean(0, keepdim=True)
    return (grey + 2 * (photo.roll(1, 0) - grey)).clamp(0, 1)


def colours() -> list[torch.Tensor]:
    """Colours at random, in cells of 8 to 64 pixels that fade into each other or have edges: without them
    patches of strong colour are taken for noise.
    """
    generator = torch.Generator().manual_seed(SEED)
    found = []
    for cells in (6, 12, 24, 48):
        for mode in ("bicubic", "nearest"):
            coarse = torch.rand(2, 3, cells, cells, generator=generator)
            found += list(torch.nn.functional.interpolate(coarse, 384, mode=mode).clamp(0, 1))
    return found


def central(photo: torch.Tensor, factor: float) -> torch.Tensor:
    """The middle of a photo, so that enlarged it has at most 2.5 times its sides."""
    height, width = (round(side * min(2.5 / factor, 1)) for side in photo.shape[1:])
    top, left = (photo.shape[1] - height) // 2, (photo.shape[2] - width) // 2
    return photo[:, top : top + height, left : left + width]


def validation_pairs(kodak: Path | None) -> dict[str, list]:
    """Photos it has not seen, with each degradation whose truth is known, and as they are."""
    photos = list(data.photos("validation").values())
    photos += [] if kodak is None else kodak_photos(kodak, KODAK_VALIDATION)
    generator = torch.Generator().manual_seed(SEED)
    made = {
        f"{name}-like": [(photo, plan.degrade(photo, generator=generator)) for photo in photos]
        for name, plan in PLANS.items()
    }
    return made | {"clean": [(photo, photo) for photo in photos]}


@torch.no_grad()
def scores(model: RestorationNet, kodak: Path | None) -> dict[str, float]:
    """Mean PSNR of each kind of pairs, restored and as it was; what is clean is compared with itself."""
    found = {}
    for name, pairs in validation_pairs(kodak).items():
        restored = scored([(clean, model(degraded[None])[0].clamp(0, 1)) for clean, degraded in pairs])
        found[f"PSNR {name}, restored"] = statistics.fmean(restored["psnr"])
        if name != "clean":
            found[f"PSNR {name}, input"] = statistics.fmean(scored(pairs)["psnr"])
    return {key: round(value, 3) for key, value in found.items()}


def trained(kodak: Path | None, stages: int) -> list[RestorationNet]:
    """The model of each stage."""
    torch.manual_seed(SEED)
    model, found = RestorationNet(CONFIG), []
    running = Running(device="cpu", precision="bfloat16", channels_last=True, resume=True)
    for number, stage in enumerate(STAGES[:stages]):
        run = RUNS / f"{NAME}_{number + 1}"
        if not (run / "model.safetensors").is_file():
            clean = clean_photos(kodak, stage)
            pairs = data.PairedImages(clean, crop=CROP, seed=SEED + number, degrader=RandomLaws())
            fit(stage.task(model), pairs, run, recipe=stage.recipe, seed=SEED, running=running)
        found.append(model := checkpoints.load(run / "model.safetensors"))
    return found


def main() -> None:
    options = parser(__doc__)
    photo_option(options)
    options.add_argument("--stages", type=int, default=len(STAGES))
    arguments = options.parse_args()
    torch.set_num_threads(1)
    models = trained(arguments.kodak, arguments.stages)
    model = models[-1]
    folder = "" if arguments.kodak is None else " --kodak FOLDER"
    fewer = "" if arguments.stages >= len(STAGES) else f" --stages {arguments.stages}"
    kept = ("task", "seed", "device", "precision", "nflib", "torch", "commit")
    notes = {
        **{key: model.notes[key] for key in kept},
        **{key: sum(one.notes[key] for one in models) for key in ("steps", "seconds")},
        "recipes": [one.notes["recipe"] for one in models],
        "metrics": scores(model.half().float(), arguments.kodak),
        "data": "the bundled photos that are not for validation"
        + ("" if arguments.kodak is None else f" and Kodak {KODAK}")
        + ", with noise whose law was drawn at random",
        "licences": sorted({photo.licence for photo in data.PHOTOS if photo.role != "validation"})
        + ([] if arguments.kodak is None else ["Kodak: released for unrestricted usage"]),
        "command": f"python -m experiments.bundled.universal{folder}{fewer}",
        "stored": "float16",
    }
    checkpoints.save(model.half(), WEIGHTS / f"{NAME}.safetensors", notes)
    print(NAME, notes["metrics"], flush=True)


if __name__ == "__main__":
    main()
