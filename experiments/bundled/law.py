"""Find the laws of the noise that come with nflib.

    python -m experiments.bundled.law --kodak FOLDER [ntire] [camera] [aim]

On the photos of experiments/photos.py, and judged on its pairs, which nothing was learned from; nothing is
chosen by them either. As `nflib train law` does it, with the last stage as it is found in the photos. What is
shipped in nflib/weights/ has a few kilobytes; NAME.json beside a law has its notes.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import torch

from experiments.judging import judge, noise_notes
from experiments.photos import PLANS, photo_notes, photos
from experiments.recording import SEED, WEIGHTS, train_all
from nflib import __version__, checkpoints
from nflib.files import write_bytes
from nflib.provenance import commit, device_name
from nflib.training import find_law
from nflib.training.law import law_notes


def train(name: str, kodak: Path | None) -> None:
    clean, degraded, pairs = photos(PLANS[name], kodak)
    began = time.process_time()
    found = find_law(clean, degraded, seed=SEED)
    seconds = round(time.process_time() - began, 1)
    judgement = judge(found.law, pairs)
    notes = {
        "training": "law, in closed form",
        **law_notes(found),
        "seed": SEED,
        "seconds": seconds,
        "device": device_name(torch.device("cpu")),
        "nflib": __version__,
        "torch": torch.__version__,
        "commit": commit(),
        **noise_notes(judgement),
        **photo_notes(kodak, f"{name}-like degradation of {{}}; no pair was seen"),
        "command": f"python -m experiments.bundled.law {'' if kodak is None else '--kodak FOLDER '}{name}",
        "stored": "float16",
    }
    checkpoints.save(found.law.half(), WEIGHTS / f"law_{name}.safetensors", notes)
    write_bytes(WEIGHTS / f"law_{name}.json", (json.dumps({"notes": notes}) + "\n").encode())
    print(json.dumps(judgement, indent=1), flush=True)


if __name__ == "__main__":
    train_all(__doc__, PLANS, train)
