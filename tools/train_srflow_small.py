"""Train the small 4x SRFlow that comes with nflib, and its encoder: python tools/train_srflow_small.py (three quarters of an hour)

Five bundled photos (roles clean and degraded, as they are) are the high-resolution images, the two validation photos are held
out. First the encoder by mean absolute error, then the flow, both on one thread of the CPU. Killed and started again it goes on.
The runs are in _build/runs/; what is shipped goes to nflib/weights/: the models, stored in half precision, and the loss curves.
"""

from __future__ import annotations

import copy
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
ENCODER = Recipe(steps=5000, batch=8, lr=5e-4, average=0.997, every=100)
FLOW = Recipe(steps=1500, batch=8, lr=1e-3, average=0.997, every=100)
DATA = "five bundled photos (astronaut, motorcycle, coffee, rocket, china); validation: chelsea, flower"
COMMON = {
    "data": DATA, "licences": [photo.attribution for photo in data.PHOTOS], "command": "python tools/train_srflow_small.py", "crop": CROP,
    "stored": "float16",
}


def curve(folder: Path) -> dict[str, list]:
    """The columns of metrics.csv that a figure wants; None where nothing was validated."""
    with (folder / "metrics.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {name: [float(row[name]) if row[name] else None for row in rows] for name in ("step", "loss", "validation")}


def main() -> None:
    torch.set_num_threads(1)
    photos = [*data.photos("clean").values(), *data.photos("degraded").values()]
    train = SuperResolutionImages(photos, SCALE, CROP, SEED)
    # every photo eight times, each time another crop
    validation = SuperResolutionImages(8 * list(data.photos("validation").values()), SCALE, VALIDATION_CROP, SEED + 1)

    def trained(name: str, task, recipe: Recipe) -> tuple[torch.nn.Module, dict]:
        """The weights that were best on the validation photos, and notes: five photos are few, the loss on others may rise again."""
        print(f"{name}: {recipe}", flush=True)
        last = checkpoints.load(fit(task, train, RUNS / name, recipe, validation, SEED, "cpu", resume=True))
        best = checkpoints.load(RUNS / name / "best.safetensors")
        chosen = f"of {recipe.steps} steps the one that was best on the validation photos; seconds are those of all"
        return best, {**last.notes, "steps": best.notes["steps"], "validation": best.notes["validation"], "chosen": chosen, **COMMON}

    torch.manual_seed(SEED)
    encoder, encoder_notes = trained("encoder", RRDBTask(RRDBNet(rrdb_config("small", SCALE))), ENCODER)
    # as it is before the flow: the regression that the book compares with
    checkpoints.save(copy.deepcopy(encoder).half(), WEIGHTS / "rrdb_x4_small.safetensors", encoder_notes)

    torch.manual_seed(SEED)
    task = SRFlowTask(SRFlow(srflow_config("small", SCALE)))
    task.model.encoder.load_state_dict(encoder.state_dict())
    model, notes = trained("flow", task, FLOW)
    notes["encoder"] = {name: encoder_notes[name] for name in ("recipe", "steps", "seconds", "device", "unit", "validation", "commit")}
    checkpoints.save(model.half(), WEIGHTS / "srflow_x4_small.safetensors", notes)
    curves = {"notes": notes, "encoder": curve(RUNS / "encoder"), "flow": curve(RUNS / "flow")}
    write_bytes(WEIGHTS / "srflow_x4_small.json", (json.dumps(curves) + "\n").encode())
    print(f"done: {WEIGHTS / 'srflow_x4_small.safetensors'}", flush=True)


if __name__ == "__main__":
    main()
