"""How near is the law of the noise to the truth? Its noise beside the true noise, on the same photos.

    python -m experiments.quality.laws --kodak FOLDER [--seeds 0 1 2]

For each degradation of experiments/photos.py and each seed the degraded photos are degraded anew with that
seed, the law is found in them and the clean ones as `nflib train law` does, and judged on the validation
pairs (experiments/judging.py), which nothing was learned from. Of real cameras is
experiments/quality/cameras.py.

Writes experiments/results/laws.json: where and by what (experiments/recording.py), "share" and "side" of the
flat windows, and "parts": "ntire 0" and so on with "distance" (the largest error in units of what is still
good), "spectrum_db", "noise" (of the model and of the truth, deviations in grey levels), "level" and
"level_interval" (what `nflib noise` says of the degraded photos, grey levels, before the last stage),
"last_stage" (as it was found in the photos), "strengths" (of single photos), "photos" and "windows" (clean
and degraded ones that were used), "remarks" and "cpu_seconds".
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from experiments.judging import judge, judged, noise_notes
from experiments.photos import PLANS, chosen, photos
from experiments.recording import Record, parser, photo_option, show
from nflib import units
from nflib.noise.windows import SHARE, SIDE
from nflib.training import find_law


def simulated(name: str, kodak: Path | None, seed: int, tiny: bool) -> dict:
    """The law of a degradation with known truth."""
    plan = PLANS[name]
    clean, _, pairs = photos(plan, kodak)
    generator = units.generator(seed)
    degraded = [plan.degrade(photo, generator=generator) for photo in chosen("degraded", kodak)]
    if tiny:
        clean, degraded = ([photo[:, :256, :256] for photo in side] for side in (clean, degraded))
    began = time.process_time()
    found = find_law(clean, degraded)
    seconds = time.process_time() - began
    result, interval = judge(found.law, judged(pairs, tiny)), found.level.interval
    return {
        "distance": result["distance"],
        "spectrum_db": result["spectrum_db"],
        "noise": noise_notes(result)["noise"],
        "level": rounded(found.level.value),
        "level_interval": None if interval is None else [rounded(side) for side in interval],
        "last_stage": found.law.config.last_stage,
        "strengths": [round(strength, 3) for strength in found.law.strengths],
        "photos": list(found.photos),
        "windows": list(found.windows),
        "remarks": list(found.remarks),
        "cpu_seconds": round(seconds, 1),
    }


def rounded(levels: Tensor) -> list[float]:
    return [round(level, 3) for level in units.grey_levels(levels).tolist()]


def main(words: Sequence[str] | None = None) -> None:
    options = parser(__doc__, "laws.json")
    photo_option(options)
    options.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="of the degraded photos")
    arguments = options.parse_args(words)
    torch.set_num_threads(1)
    record = Record(arguments, "laws.json", torch.device("cpu"), share=SHARE, side=SIDE)
    jobs = {
        f"{name} {seed}": lambda name=name, seed=seed: simulated(name, arguments.kodak, seed, arguments.tiny)
        for name in (("ntire",) if arguments.tiny else PLANS)
        for seed in arguments.seeds
    }
    for name, job in jobs.items():
        if name not in record.parts:
            record.add(name, job())
            print(name, {key: record.parts[name].get(key) for key in ("distance", "level")}, flush=True)
    show(
        "The law of the noise",
        ("photos", "distance", "spectrum, dB", "level, grey levels", "true", "CPU s"),
        [
            (
                name,
                part.get("distance"),
                part.get("spectrum_db"),
                str(part["level"]),
                str([round(part["noise"]["truth"][f"std_{channel}"], 2) for channel in "rgb"]),
                part["cpu_seconds"],
            )
            for name, part in record.parts.items()
        ],
    )


if __name__ == "__main__":
    main(sys.argv[1:])
