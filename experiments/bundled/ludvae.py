"""Train the small LUD-VAEs that come with nflib.

    python -m experiments.bundled.ludvae --kodak FOLDER [ntire] [camera] [aim]

On the photos of experiments/photos.py; training is nflib.training.train_ludvae as it is, and no pair has
chosen what it hands back. One thread of the CPU; killed and started again it goes on. Runs are in
_build/runs/, what is shipped in nflib/weights/; NAME.json beside a model has its notes, with the noise of the
model and of the truth on the validation photos.
"""

from __future__ import annotations

import json
from pathlib import Path

from experiments.judging import judge, noise_notes
from experiments.photos import PLANS, photo_notes, photos
from experiments.recording import RUNS, SEED, WEIGHTS, train_all
from nflib import checkpoints
from nflib.files import write_bytes
from nflib.training import Running, train_ludvae


def train(name: str, kodak: Path | None) -> None:
    clean, degraded, pairs = photos(PLANS[name], kodak)
    running = Running(device="cpu", resume=True)
    file = train_ludvae(clean, degraded, RUNS / f"ludvae_{name}_small", seed=SEED, running=running)
    model = checkpoints.load(file).half()
    trained = checkpoints.load(file.with_name("model.safetensors")).notes | model.notes
    found = judge(model.float(), pairs)
    kept = ("task", "recipe", "steps", "seed", "seconds", "device", "nflib", "torch", "commit")
    notes = {
        **{key: trained[key] for key in kept},
        **noise_notes(found),
        **photo_notes(kodak, f"{name}-like degradation of {{}}; no pair was seen in training"),
        "command": f"python -m experiments.bundled.ludvae {'' if kodak is None else '--kodak FOLDER '}{name}",
        "stored": "float16",
    }
    checkpoints.save(model.half(), WEIGHTS / f"ludvae_{name}_small.safetensors", notes)
    write_bytes(WEIGHTS / f"ludvae_{name}_small.json", (json.dumps({"notes": notes}) + "\n").encode())
    print(json.dumps(found, indent=1), flush=True)


if __name__ == "__main__":
    train_all(__doc__, PLANS, train)
