"""Train the small 4x SRFlow that comes with nflib, and a regression to compare it with: python tools/train_srflow_small.py (an hour)

Five bundled photos (roles clean and degraded, as they are) are the high-resolution images, the two validation photos are held
out. First the encoder by mean absolute error, then the flow; then, for comparison, a network like the encoder by mean absolute
error alone and for longer. All on one thread of the CPU. Killed and started again it goes on. The runs are in _build/runs/; what
is shipped goes to nflib/weights/: the models, stored in half precision, and the loss curves.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

import torch

from nflib import checkpoints, data
from nflib.data.folders import SuperResolutionImages
from nflib.images.files import write_bytes
from nflib.models import RRDBNet, SRFlow
from nflib.training import Recipe, RRDBTask, SRFlowTask, fit
from nflib.training.sizes import rrdb_config, srflow_config

ROOT = Path(__file__).resolve().parents[1]
RUNS, WEIGHTS = ROOT / "_build" / "runs" / "srflow_x4_small", ROOT / "nflib" / "weights"
SEED, CROP, VALIDATION_CROP, SCALE = 0, 64, 128, 4
ENCODER = Recipe(steps=400, batch=8, lr=5e-4, average=0.997, every=100)
REGRESSION = Recipe(steps=5000, batch=8, lr=5e-4, average=0.997, every=100)
FLOW = Recipe(steps=3000, batch=8, lr=1e-3, average=0.997, every=100)
DATA = "five bundled photos (astronaut, motorcycle, coffee, rocket, china); validation: chelsea, flower"
COMMON = {
    "data": DATA, "licences": [photo.attribution for photo in data.PHOTOS], "command": "python tools/train_srflow_small.py", "crop": CROP,
    "stored": "float16",
}
CHOSEN = "of {} steps the one that was best on the validation photos; seconds are those of all"


def curve(folder: Path) -> dict[str, list]:
    """The columns of metrics.csv that a figure wants; None where nothing was validated."""
    with (folder / "metrics.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {name: [float(row[name]) if row[name] else None for row in rows] for name in ("step", "loss", "validation")}


def pairs() -> tuple[SuperResolutionImages, SuperResolutionImages]:
    """Crops to train on and crops of the photos that are held out."""
    photos = [*data.photos("clean").values(), *data.photos("degraded").values()]
    train = SuperResolutionImages(photos, SCALE, CROP, SEED)
    # every photo eight times, each time another crop
    return train, SuperResolutionImages(8 * list(data.photos("validation").values()), SCALE, VALIDATION_CROP, SEED + 1)


def regression() -> None:
    """The network that the book compares with: it gives one image for each low-resolution image."""
    train, validation = pairs()
    torch.manual_seed(SEED)
    task = RRDBTask(RRDBNet(rrdb_config("small", SCALE)))
    print(f"regression: {REGRESSION}", flush=True)
    last = checkpoints.load(fit(task, train, RUNS / "regression", REGRESSION, validation, SEED, "cpu", resume=True))
    model = checkpoints.load(RUNS / "regression" / "best.safetensors")
    notes = {
        **last.notes, "steps": model.notes["steps"], "validation": model.notes["validation"],
        "chosen": CHOSEN.format(REGRESSION.steps), **COMMON,
    }
    checkpoints.save(model.half(), WEIGHTS / "rrdb_x4_small.safetensors", notes)
    curves = {"notes": notes, "regression": curve(RUNS / "regression")}
    write_bytes(WEIGHTS / "rrdb_x4_small.json", (json.dumps(curves) + "\n").encode())


def main() -> None:
    train, validation = pairs()
    torch.manual_seed(SEED)
    encoder = RRDBTask(RRDBNet(rrdb_config("small", SCALE)))
    print(f"encoder: {ENCODER}", flush=True)
    pretrained = checkpoints.load(fit(encoder, train, RUNS / "encoder", ENCODER, validation, SEED, "cpu", resume=True))

    torch.manual_seed(SEED)
    flow = SRFlowTask(SRFlow(srflow_config("small", SCALE)))
    flow.model.encoder.load_state_dict(pretrained.state_dict())
    print(f"flow: {FLOW}", flush=True)
    last = checkpoints.load(fit(flow, train, RUNS / "flow", FLOW, validation, SEED, "cpu", resume=True))
    # Five photos are few: the loss on others rises again long before the end. What is shipped is the best on validation.
    model = checkpoints.load(RUNS / "flow" / "best.safetensors")

    notes = {
        **last.notes, "steps": model.notes["steps"], "validation": model.notes["validation"],
        "chosen": CHOSEN.format(FLOW.steps), "encoder": pretrained.notes, **COMMON,
    }
    checkpoints.save(model.half(), WEIGHTS / "srflow_x4_small.safetensors", notes)
    curves = {"notes": notes, "encoder": curve(RUNS / "encoder"), "flow": curve(RUNS / "flow")}
    write_bytes(WEIGHTS / "srflow_x4_small.json", (json.dumps(curves) + "\n").encode())
    print(f"done: {WEIGHTS / 'srflow_x4_small.safetensors'}", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
    regression()
