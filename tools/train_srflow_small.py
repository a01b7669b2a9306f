"""Train the small 4x SRFlow that comes with nflib: python tools/train_srflow_small.py [--minutes 35]

Five bundled photos (roles clean and degraded, as they are) are the high-resolution images, the two validation photos are held
out. First the encoder by mean absolute error, then the flow, both on one thread of the CPU. Killed and started again it goes on.
The runs are in _build/runs/; what is shipped goes to nflib/weights/: the model, stored in half precision, and the loss curves.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
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
SEED, CROP, BATCH = 0, 64, 8
# Of the time: the encoder's pre-training.
ENCODER_SHARE = 0.12


def seconds_per_step(task, photos) -> float:
    """Of a training step, on the machine as it is now."""
    hr, lr = (torch.stack(part) for part in zip(*(photos[i] for i in range(BATCH))))
    task.model.train()
    times = []
    for _ in range(6):
        start = time.perf_counter()
        task.loss(task.model, (hr, lr), torch.Generator().manual_seed(0)).backward()
        times.append(time.perf_counter() - start)
    task.model.zero_grad()
    return 1.15 * sorted(times)[3]  # the optimiser, the average and the validation want some time as well


def recipe(task, photos, folder: Path, minutes: float, lr: float) -> Recipe:
    """As many steps as fit into the time; decided once, so that a second start goes on with the same."""
    plan = folder / "recipe.json"
    if not plan.exists():
        folder.mkdir(parents=True, exist_ok=True)
        steps = max(100, int(60 * minutes / seconds_per_step(task, photos)) // 100 * 100)
        write_bytes(plan, json.dumps({"steps": steps, "batch": BATCH, "lr": lr, "average": 0.997, "every": 100}).encode())
    return Recipe(**json.loads(plan.read_text()))


def curve(folder: Path) -> dict[str, list]:
    """The columns of metrics.csv that a figure wants; None where nothing was validated."""
    with (folder / "metrics.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {name: [float(row[name]) if row[name] else None for row in rows] for name in ("step", "loss", "validation")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=35)
    minutes = parser.parse_args().minutes
    torch.set_num_threads(1)
    scale = 4
    photos = [*data.photos("clean").values(), *data.photos("degraded").values()]
    train = SuperResolutionImages(photos, scale, CROP, SEED)
    # every photo eight times, each time another crop
    validation = SuperResolutionImages(8 * list(data.photos("validation").values()), scale, 128, SEED + 1)

    torch.manual_seed(SEED)
    encoder = RRDBTask(RRDBNet(rrdb_config("small", scale)))
    how = recipe(encoder, train, RUNS / "encoder", ENCODER_SHARE * minutes, 5e-4)
    print(f"encoder: {how}", flush=True)
    pretrained = checkpoints.load(fit(encoder, train, RUNS / "encoder", how, validation, SEED, "cpu", resume=True))

    torch.manual_seed(SEED)
    flow = SRFlowTask(SRFlow(srflow_config("small", scale)))
    flow.model.encoder.load_state_dict(pretrained.state_dict())
    how = recipe(flow, train, RUNS / "flow", (1 - ENCODER_SHARE) * minutes, 1e-3)
    print(f"flow: {how}", flush=True)
    model = checkpoints.load(fit(flow, train, RUNS / "flow", how, validation, SEED, "cpu", resume=True))

    notes = {
        **model.notes,
        "data": "five bundled photos (astronaut, motorcycle, coffee, rocket, china); validation: chelsea, flower",
        "crop": CROP, "encoder": pretrained.notes, "stored": "float16",
    }
    WEIGHTS.mkdir(exist_ok=True)
    checkpoints.save(model.half(), WEIGHTS / "srflow_x4_small.safetensors", notes)
    curves = {"notes": notes, "encoder": curve(RUNS / "encoder"), "flow": curve(RUNS / "flow")}
    write_bytes(WEIGHTS / "srflow_x4_small.json", (json.dumps(curves) + "\n").encode())
    print(f"done: {WEIGHTS / 'srflow_x4_small.safetensors'}", flush=True)


if __name__ == "__main__":
    main()
