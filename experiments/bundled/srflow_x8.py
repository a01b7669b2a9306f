"""Train a small 8x SRFlow briefly, and record what it makes: a picture and the rows of a table.

    python -m experiments.bundled.srflow_x8 --kodak FOLDER

The slides show SRFlow at 8x, on faces. This one sees the bundled photos and Kodak's first eighteen, for
minutes; the two bundled validation photos are held out. First the encoder by mean absolute error, from
rrdb_x4_small (what is new is the last doubling), then the flow, as in experiments/bundled/srflow.py. The
models stay in _build/runs/ (they are too large for what they are worth to come with nflib); killed and
started again it goes on.

It writes experiments/results/srflow_x8/: found.json with "scores", row -> metric -> a value for each held-out
photo (a part of HEIGHT x WIDTH pixels; the distance in features needs the extra [perceptual]), "diversity" of
SAMPLES samples, and the notes of both models; and a picture for each row, crops of SIDE x SIDE pixels side by
side, "input" not enlarged.
"""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import torch
from torch import Tensor

from experiments.photos import KODAK_CLEAN, KODAK_DEGRADED, kodak_photos
from experiments.quality.enlarged import crops
from experiments.recording import RESULTS, RUNS, SEED, curve, parser, photo_option, thinned
from nflib import checkpoints, data, images, metrics
from nflib.data import SuperResolutionImages
from nflib.degraders.degrader import as_8_bits
from nflib.files import json_text, write_bytes
from nflib.models import RRDBNet, SRFlow
from nflib.provenance import commit
from nflib.training import Recipe, RRDBTask, Running, SRFlowTask, fit
from nflib.training.rrdb import rrdb_config
from nflib.training.srflow import srflow_config

RUN, FOLDER = RUNS / "srflow_x8_small", RESULTS / "srflow_x8"
SCALE, CROP = 8, 96
ENCODER = Recipe(steps=600, batch=4, lr=5e-4, average=0.99, every=150)
FLOW = Recipe(steps=600, batch=4, lr=1e-3, average=0.99, every=100)
HEIGHT, WIDTH, SAMPLES = 256, 384, 4
# Where the scored parts begin: those of the chapter on SRFlow.
CORNERS = {"chelsea": (24, 32), "flower": (80, 120)}
TEMPERATURES = (0.0, 0.8)
METRICS = ("psnr", "ssim-uniform", "efficientnet", "niqe", "brisque", "piqe")
KEPT = ("recipe", "crops", "steps", "seconds", "device", "torch", "nflib", "commit", "validation", "unit")


def trained(name: str, task, recipe: Recipe, photos: list[Tensor]) -> torch.nn.Module:
    """The model with the weights that were best on crops of the held-out photos, and the notes of its
    training.
    """
    held_out = SuperResolutionImages(4 * list(data.photos("validation").values()), SCALE, CROP, SEED + 1)
    train_on = SuperResolutionImages(photos, SCALE, CROP, SEED)
    running = Running(device="cpu", resume=True)
    fit(task, train_on, RUN / name, recipe=recipe, validation=held_out, seed=SEED, running=running)
    best, last = (checkpoints.load(RUN / name / f"{which}.safetensors") for which in ("best", "model"))
    best.notes = last.notes | best.notes
    return best


def parts() -> list[tuple[Tensor, Tensor]]:
    """The scored part of each held-out photo, (3, H, W), and the same at an eighth of its size."""
    cut = []
    for photo, (top, left) in zip(data.photos("validation").values(), CORNERS.values()):
        part = photo[:, top : top + HEIGHT, left : left + WIDTH]
        cut.append((part, as_8_bits(images.resize(part, 1 / SCALE))))
    return cut


def scored(results: list[Tensor], pairs: list[tuple[Tensor, Tensor]]) -> dict[str, list[float]]:
    """Metric -> a value for each part."""
    found: dict[str, list[float]] = {}
    for name in METRICS:
        metric = metrics.METRICS[name]
        against = ([part[None]] if metric.needs_reference else [] for part, _ in pairs)
        found[name] = [metric.function(x[None], *other).item() for x, other in zip(results, against)]
    low = [metrics.lr_psnr(x[None], small[None]).item() for x, (_, small) in zip(results, pairs)]
    return {name: [round(v, 4) for v in values] for name, values in (found | {"lr_psnr": low}).items()}


@torch.no_grad()
def answers(encoder: RRDBNet, model: SRFlow, pairs: list) -> tuple[dict[str, list[Tensor]], list[float]]:
    """Row -> results as 8 bits, and the diversity of the samples of each part at the highest temperature, in
    grey levels.
    """
    rows = {
        "bicubic": [images.resize(small, SCALE) for _, small in pairs],
        "rrdb": [encoder(small[None])[0] for _, small in pairs],
    }
    diversity = []
    for tau in TEMPERATURES:
        count = SAMPLES if tau else 1
        generator = torch.Generator().manual_seed(SEED)
        drawn = [model.super_resolve(small[None], tau, count, generator) for _, small in pairs]
        for number in range(min(count, 2)):
            rows[f"tau_{tau:g}" + f"_{number + 1}" * (count > 1)] = [x[number, 0] for x in drawn]
        if count > 1:  # of the last temperature
            diversity = [round(metrics.diversity(x).item(), 3) for x in drawn]
    return {row: [as_8_bits(x) for x in results] for row, results in rows.items()}, diversity


def train_both(kodak: Path | None) -> tuple[RRDBNet, SRFlow]:
    """Encoder and flow, trained or found."""
    photos = [*data.photos("clean").values(), *data.photos("degraded").values()]
    if kodak is not None:
        photos += kodak_photos(kodak, tuple(sorted(KODAK_CLEAN + KODAK_DEGRADED)))
    torch.manual_seed(SEED)
    start = RRDBNet(rrdb_config("small", SCALE))
    start.load_state_dict(start.state_dict() | checkpoints.load("rrdb_x4_small").state_dict())
    encoder = trained("encoder", RRDBTask(start), ENCODER, photos)
    torch.manual_seed(SEED)
    task = SRFlowTask(SRFlow(srflow_config("small", SCALE)))
    task.model.encoder.load_state_dict(encoder.state_dict())
    return encoder, trained("flow", task, FLOW, photos)


def main() -> None:
    options = parser(__doc__)
    photo_option(options)
    arguments = options.parse_args()
    torch.set_num_threads(1)
    encoder, model = train_both(arguments.kodak)
    pairs = parts()
    rows, diversity = answers(encoder, model, pairs)
    rows["truth"] = [part for part, _ in pairs]
    record = {
        "scores": {row: scored(results, pairs) for row, results in rows.items()},
        "diversity": diversity,
        "photos": "bundled" + ("" if arguments.kodak is None else " and Kodak"),
        "commit": commit(),
        "date": datetime.date.today().isoformat(),
        "parameters": sum(p.numel() for p in model.parameters()),
    }
    for name, found in (("encoder", encoder), ("flow", model)):
        record[name] = {key: found.notes[key] for key in KEPT} | {"curve": thinned(curve(RUN / name))}
    FOLDER.mkdir(parents=True, exist_ok=True)
    for row, results in rows.items():
        images.write(FOLDER / f"{row}.png", crops(results))
    images.write(FOLDER / "input.png", crops([small for _, small in pairs], SCALE))
    write_bytes(FOLDER / "found.json", (json_text(record) + "\n").encode())
    print(json.dumps(record["scores"], indent=1), diversity)


if __name__ == "__main__":
    main()
