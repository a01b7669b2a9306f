"""Train the small LUD-VAEs that come with nflib: python tools/train_ludvae_small.py --kodak FOLDER [ntire] [camera] [aim]

Photos are those of train_deflow_small.py, training is nflib.training.train_ludvae as it is: its last weights are shipped, which no
pair has chosen. One thread of the CPU; killed and started again it goes on. Runs are in _build/runs/, what is shipped in
nflib/weights/; NAME.json beside a model has its notes, with the noise of the model and of the truth on the validation photos.
"""

from __future__ import annotations

import json
from pathlib import Path

from train_deflow_small import PLANS, RUNS, SEED, WEIGHTS, judge, noise_notes, photo_notes, photos, train_all

from nflib import checkpoints
from nflib.images.files import write_bytes
from nflib.training import train_ludvae


def train(name: str, kodak: Path | None) -> None:
    clean, degraded, pairs = photos(PLANS[name], kodak)
    file = train_ludvae(clean, degraded, RUNS / f"ludvae_{name}_small", seed=SEED, device="cpu", resume=True)
    model = checkpoints.load(file).half()
    trained = model.notes
    found = judge(model.float(), pairs)
    notes = {
        **{key: trained[key] for key in ("task", "recipe", "steps", "seed", "seconds", "device", "nflib", "torch", "commit")},
        **noise_notes(found), **photo_notes(kodak, f"{name}-like degradation of {{}}; no pair was seen in training"),
        "command": f"python tools/train_ludvae_small.py {'' if kodak is None else '--kodak FOLDER '}{name}", "stored": "float16",
    }
    checkpoints.save(model.half(), WEIGHTS / f"ludvae_{name}_small.safetensors", notes)
    write_bytes(WEIGHTS / f"ludvae_{name}_small.json", (json.dumps({"notes": notes}) + "\n").encode())
    print(json.dumps(found, indent=1), flush=True)


if __name__ == "__main__":
    train_all(__doc__.splitlines()[0], PLANS, train)
