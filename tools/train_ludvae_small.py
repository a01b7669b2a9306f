"""Train the small LUD-VAEs that come with nflib: python tools/train_ludvae_small.py --kodak FOLDER [ntire] [camera] [aim]

Photos are those of train_deflow_small.py, training is nflib.training.train_ludvae as it is: its last weights are shipped, which no
pair has chosen. One thread of the CPU; killed and started again it goes on. Runs are in _build/runs/, what is shipped in
nflib/weights/; NAME.json beside a model has its notes, with the noise of the model and of the truth on the validation photos.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from train_deflow_small import KODAK_CLEAN, KODAK_DEGRADED, KODAK_VALIDATION, PLANS, RUNS, SEED, WEIGHTS, judge, photos

from nflib import checkpoints, data
from nflib.images.files import write_bytes
from nflib.training import train_ludvae


def train(name: str, kodak: Path | None) -> None:
    clean, degraded, pairs = photos(PLANS[name], kodak)
    file = train_ludvae(clean, degraded, RUNS / f"ludvae_{name}_small", seed=SEED, device="cpu", resume=True)
    model = checkpoints.load(file).half()
    trained = model.notes
    found = judge(model.float(), pairs)
    sets = "the bundled photos" + ("" if kodak is None else f" and Kodak {KODAK_CLEAN} (clean), {KODAK_DEGRADED} (degraded), {KODAK_VALIDATION} (validation)")
    notes = {
        **{key: trained[key] for key in ("task", "recipe", "steps", "seed", "seconds", "device", "nflib", "torch", "commit")},
        "metrics": {"spectrum error, dB": round(found["spectrum_db"], 4), "largest error (1 is still good)": round(found["distance"], 4)},
        "noise": {side: {k.removesuffix(f"_{side}"): round(v, 4) for k, v in found.items() if k.endswith(f"_{side}")} for side in ("model", "truth")},
        "data": f"{name}-like degradation of {sets}; no pair was seen in training",
        "licences": sorted({photo.licence for photo in data.PHOTOS}) + ([] if kodak is None else ["Kodak: released for unrestricted usage"]),
        "command": f"python tools/train_ludvae_small.py {'' if kodak is None else '--kodak FOLDER '}{name}", "stored": "float16",
    }
    checkpoints.save(model.half(), WEIGHTS / f"ludvae_{name}_small.safetensors", notes)
    write_bytes(WEIGHTS / f"ludvae_{name}_small.json", (json.dumps({"notes": notes}) + "\n").encode())
    print(json.dumps(found, indent=1), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", choices=[*PLANS, []], help="degradations, all by default")
    parser.add_argument("--kodak", type=Path, help="folder of Kodak's kodim01.png to kodim24.png")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for name in arguments.names or PLANS:
        train(name, arguments.kodak)


if __name__ == "__main__":
    main()
