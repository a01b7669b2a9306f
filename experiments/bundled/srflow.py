"""Train the small 4x SRFlow that comes with nflib, and its encoder, in three quarters of an hour.

    python -m experiments.bundled.srflow

Five bundled photos (roles clean and degraded, as they are) are the high-resolution images, the two validation
photos are held out. First the encoder by mean absolute error, then the flow, both on one thread of the CPU.
Killed and started again it goes on. The runs are in _build/runs/; what is shipped goes to nflib/weights/: the
models, stored in half precision, and the loss curves.
"""

from __future__ import annotations

import copy
import json

import torch

from experiments.recording import RUNS, SEED, WEIGHTS, curve, parser
from nflib import checkpoints, data
from nflib.data import SuperResolutionImages
from nflib.files import write_bytes
from nflib.models import RRDBNet, SRFlow
from nflib.training import Recipe, RRDBTask, Running, SRFlowTask, fit
from nflib.training.rrdb import rrdb_config
from nflib.training.srflow import srflow_config

RUN = RUNS / "srflow_x4_small"
CROP, VALIDATION_CROP, SCALE = 64, 128, 4
ENCODER = Recipe(steps=5000, batch=8, lr=5e-4, average=0.997, every=100)
FLOW = Recipe(steps=1500, batch=8, lr=1e-3, average=0.997, every=100)
DATA = "five bundled photos (astronaut, motorcycle, coffee, rocket, china); validation: chelsea, flower"
COMMON = {
    "data": DATA,
    "licences": [photo.attribution for photo in data.PHOTOS],
    "command": "python -m experiments.bundled.srflow",
    "crop": CROP,
    "stored": "float16",
}


def training_crops(crop: int = CROP) -> SuperResolutionImages:
    """Crops to train on."""
    photos = [*data.photos("clean").values(), *data.photos("degraded").values()]
    return SuperResolutionImages(photos, SCALE, crop, SEED)


def held_out_crops(crop: int = VALIDATION_CROP, times: int = 8) -> SuperResolutionImages:
    """Crops of photos that are not trained on: every photo so many times, each time another crop."""
    return SuperResolutionImages(times * list(data.photos("validation").values()), SCALE, crop, SEED + 1)


def main() -> None:
    parser(__doc__).parse_args()
    torch.set_num_threads(1)
    crops, validation = training_crops(), held_out_crops()

    def trained(name: str, task, recipe: Recipe) -> tuple[torch.nn.Module, dict]:
        """The weights that were best on the validation photos, and notes.

        Five photos are few: the loss on others may rise again.
        """
        print(f"{name}: {recipe}", flush=True)
        running = Running(device="cpu", resume=True)
        last = checkpoints.load(
            fit(task, crops, RUN / name, recipe=recipe, validation=validation, seed=SEED, running=running)
        )
        best = checkpoints.load(RUN / name / "best.safetensors")
        chosen = "the one that was best on the validation photos; seconds are those of all"
        notes = {
            **last.notes,
            "steps": best.notes["steps"],
            "validation": best.notes["validation"],
            "chosen": f"of {recipe.steps} steps {chosen}",
            **COMMON,
        }
        return best, notes

    torch.manual_seed(SEED)
    encoder, encoder_notes = trained("encoder", RRDBTask(RRDBNet(rrdb_config("small", SCALE))), ENCODER)
    # as it is before the flow: the regression that the book compares with
    checkpoints.save(copy.deepcopy(encoder).half(), WEIGHTS / "rrdb_x4_small.safetensors", encoder_notes)

    torch.manual_seed(SEED)
    task = SRFlowTask(SRFlow(srflow_config("small", SCALE)))
    task.model.encoder.load_state_dict(encoder.state_dict())
    model, notes = trained("flow", task, FLOW)
    kept = ("recipe", "steps", "seconds", "device", "unit", "validation", "commit")
    notes["encoder"] = {name: encoder_notes[name] for name in kept}
    checkpoints.save(model.half(), WEIGHTS / "srflow_x4_small.safetensors", notes)
    curves = {"notes": notes, "encoder": curve(RUN / "encoder"), "flow": curve(RUN / "flow")}
    write_bytes(WEIGHTS / "srflow_x4_small.json", (json.dumps(curves) + "\n").encode())
    print(f"done: {WEIGHTS / 'srflow_x4_small.safetensors'}", flush=True)


if __name__ == "__main__":
    main()
