"""Pictures of super-resolution by source of pairs: one photo, enlarged by restorers that differ in nothing
else.

    python -m experiments.quality.enlarged --kodak FOLDER [x2_ntire] [x4_aim] [--only law ...]
                                           [--also NAME=FILE ...]

As in experiments/quality/restorers.py, seed 0: the same photos, crops, steps and network; what differs is who
made the low-resolution side of the pairs. "clean", "white" (an oracle's strength), "patches" and "true" are
those of that script; "law", "deflow" and "ludvae" are the bundled models, learned from the same photos
without pairs. --also adds a row for pairs of any other degrader, a file or a name that
nflib.degraders.load takes. Trained super-resolvers that come with nflib stand beside them (those of BUNDLED
that are there).

It writes experiments/results/enlarged/TASK.json and, for each row, a picture TASK_ROW.png: two crops of
SIDE x SIDE pixels side by side, of the bundled validation photos; "input" (not enlarged), "bicubic" and
"truth" as well. The file has "scores", row -> metric -> one value for each validation pair, the bundled
photos first: PSNR (RGB), SSIM, NIQE, the distance in features of EfficientNet-Lite0 (it needs the extra
[perceptual]), and "detail", the deviation in grey levels of what halving would remove. Restorers that are
trained already, in _build/runs/, are kept; "trained" says by which commit and in how many seconds, "commit"
by which they were scored. One thread of the CPU.
"""

from __future__ import annotations

import datetime
import json
import statistics

import torch
from torch import Tensor

from experiments.photos import PLANS, photos
from experiments.recording import RESULTS, RUNS, SEED, WEIGHTS, parser, photo_option, show
from experiments.restoring import Clean, WhitePerChannel, smaller, synthetic, train
from nflib import __version__, checkpoints, data, degraders, images, metrics
from nflib.degraders import Degrader
from nflib.degraders.degrader import as_8_bits
from nflib.files import write_bytes
from nflib.models import ImageModel
from nflib.provenance import commit, device_name

FOLDER = RESULTS / "enlarged"
# Task -> degradation and scale.
TASKS = {"x2_ntire": ("ntire", 2), "x4_aim": ("aim", 4)}
SOURCES = ("clean", "white", "patches", "law", "deflow", "ludvae", "true")
BUNDLED: dict[str, dict[str, str]] = {
    "x2_ntire": {"pixel": "refiner_x2_ntire_small", "gan": "esrgan_x2_ntire_small"},
    "x4_aim": {},
}
SIDE = 96
# Upper left corners of the crops, multiples of all scales: an eye of the cat, petals.
CORNERS = {"chelsea": (64, 168), "flower": (152, 208)}
KEPT = ("steps", "seconds", "device", "torch", "commit")


def low_resolution_pairs(name: str, scale: int, pairs: list) -> list[tuple[Tensor, Tensor]]:
    """(photo, small degraded one), degraded as in experiments/quality/restorers.py."""
    generator = torch.Generator().manual_seed(SEED)
    small = (smaller(photo, scale) for photo, _ in pairs)
    return [(large, PLANS[name].degrade(little, generator=generator)) for large, little in small]


def degraders_of(name: str, degraded: list, pairs: list, scale: int) -> dict[str, Degrader]:
    """Source -> who makes the low-resolution side of its pairs."""
    residuals = [low - smaller(photo, scale)[1] for photo, low in pairs]
    sigmas = torch.cat([residual.flatten(1) for residual in residuals], 1).std(1)
    return {
        "clean": Clean(),
        "white": WhitePerChannel(sigmas),
        "patches": degraders.NoisePatches.collect(degraded),
        "law": degraders.load(f"law_{name}"),
        "deflow": degraders.load(f"deflow_{name}_small"),
        "ludvae": degraders.load(f"ludvae_{name}_small"),
        "true": PLANS[name].degrade,
    }


def restorer(task: str, row: str, clean: list, degrader: Degrader, scale: int) -> ImageModel:
    """A super-resolver trained on pairs of this degrader; the one that is there already, if there is one."""
    file = RUNS / "enlarged" / f"{task}_{row}.safetensors"
    if not file.is_file():
        model = train(synthetic(clean, degrader, SEED, scale), SEED, scale)
        file.parent.mkdir(parents=True, exist_ok=True)
        checkpoints.save(model, file, model.notes)
    return checkpoints.load(file)


def detail(image: Tensor) -> float:
    """Deviation of what halving an image removes, in grey levels: how sharp it is, rightly or wrongly."""
    height, width = (n // 2 * 2 for n in image.shape[1:])
    even = image[:, :height, :width]
    return 255 * (even - images.resize(images.resize(even, 1 / 2), 2)).std().item()


def scores_of(enlarged: list[Tensor], pairs: list) -> dict[str, list[float]]:
    """Metric -> a value for each pair, of results as 8 bits."""
    found: dict[str, list[float]] = {"detail": [round(detail(image), 4) for image in enlarged]}
    for name in ("psnr", "ssim", "niqe", "efficientnet"):
        metric = metrics.METRICS[name]
        against = ([photo[None]] if metric.needs_reference else [] for photo, _ in pairs)
        values = [metric.function(image[None], *other).item() for image, other in zip(enlarged, against)]
        found[name] = [round(value, 4) for value in values]
    return found


def crops(enlarged: list[Tensor], scale: int = 1) -> Tensor:
    """The crops of the bundled photos side by side; of images that are smaller by a scale the same places."""
    cut = []
    for image, (top, left) in zip(enlarged, CORNERS.values()):
        rows, columns = (slice(start // scale, (start + SIDE) // scale) for start in (top, left))
        cut.append(image[:, rows, columns])
    return torch.cat(cut, 2)


class Sheet:
    """The pictures and scores of a task, written anew after every row.

    Args:
        task: of TASKS.
        pairs: (photo, small degraded one); the bundled photos come first.
        kodak: whether there are others.
    """

    def __init__(self, task: str, pairs: list, *, kodak: bool):
        self.task, self.pairs = task, pairs
        self.file = FOLDER / f"{task}.json"
        there = json.loads(self.file.read_text()) if self.file.is_file() else {"scores": {}, "trained": {}}
        name, scale = TASKS[task]
        self.record = there | {
            "degradation": name,
            "scale": scale,
            "photos": "bundled" + " and Kodak" * kodak,
            "corners": CORNERS,
            "detail of the truth": [round(detail(photo), 4) for photo, _ in pairs],
            "side": SIDE,
            "seed": SEED,
            "device": device_name(torch.device("cpu")),
            "commit": commit(),
            "date": datetime.date.today().isoformat(),
            "nflib": __version__,
        }
        FOLDER.mkdir(parents=True, exist_ok=True)
        images.write(FOLDER / f"{task}_input.png", crops([low for _, low in pairs], scale))
        images.write(FOLDER / f"{task}_truth.png", crops([photo for photo, _ in pairs]))
        self.add("bicubic", [images.resize(low, scale) for _, low in pairs])

    def add(self, row: str, enlarged: list[Tensor]) -> None:
        """Scores and crops of results, one for each pair."""
        enlarged = [as_8_bits(image) for image in enlarged]
        self.record["scores"][row] = scores_of(enlarged, self.pairs)
        images.write(FOLDER / f"{self.task}_{row}.png", crops(enlarged))
        write_bytes(self.file, (json.dumps(self.record) + "\n").encode())
        print(self.task, row, {key: statistics.fmean(v) for key, v in self.record["scores"][row].items()})

    @torch.no_grad()
    def restored(self, row: str, model: ImageModel) -> None:
        """The row of a super-resolver."""
        self.record["trained"][row] = {key: model.notes[key] for key in KEPT}
        self.add(row, [model(low[None])[0] for _, low in self.pairs])

    def show(self) -> None:
        """Print the means."""
        show(
            f"{self.task}: means over {len(self.pairs)} pairs",
            ["pairs from", *self.record["scores"]["bicubic"]],
            [[row, *map(statistics.fmean, found.values())] for row, found in self.record["scores"].items()],
        )


def main() -> None:
    options = parser(__doc__)
    options.add_argument("tasks", nargs="*", choices=[*TASKS, []], help="which, all by default")
    photo_option(options)
    options.add_argument("--only", nargs="+", default=SOURCES, choices=SOURCES, help="some of the sources")
    options.add_argument("--also", nargs="+", default=[], metavar="NAME=FILE", help="pairs of more degraders")
    arguments = options.parse_args()
    torch.set_num_threads(1)
    also = {name: degraders.load(file) for name, file in (one.split("=", 1) for one in arguments.also)}
    for task in arguments.tasks or TASKS:
        name, scale = TASKS[task]
        clean, degraded, found = photos(PLANS[name], arguments.kodak)
        assert list(data.photos("validation")) == list(CORNERS)  # they come first
        pairs = low_resolution_pairs(name, scale, found)
        sources = degraders_of(name, degraded, pairs, scale)
        sheet = Sheet(task, pairs, kodak=arguments.kodak is not None)
        for row, degrader in ({source: sources[source] for source in arguments.only} | also).items():
            sheet.restored(row, restorer(task, row, clean, degrader, scale))
        for row, model in BUNDLED[task].items():
            if (WEIGHTS / f"{model}.safetensors").is_file():
                sheet.restored(row, checkpoints.load(model))
        sheet.show()


if __name__ == "__main__":
    main()
