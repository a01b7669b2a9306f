"""Which h? A DeFlow trained with every domain-invariant map of the slides, and what its pairs are worth.

    python -m experiments.quality.domain_maps --renoir FOLDER [--seeds 0] [--only NAME ...]

The second task of the slides: super-resolution by 2 of small noisy photos as a camera made them, and a new h.
FOLDER is RENOIR's, as in experiments/quality/cameras.py: crops of photos in low light, never compressed and
never made smaller, in train_clean and train_noisy (other scenes), and pairs of yet other scenes in val. For
every h of MAPS:

- "leak": how well h(clean) and h(noisy) of the pairs are told apart (nflib.domain.leak, photos together);
- a small DeFlow is trained with it for STEPS steps by nflib.training.train_deflow, from train_clean and
  train_noisy; "handed back" is the step that its validation, which sees no pairs, chose (0 is the linear
  start), and "noise" what experiments/judging.py says of this model's noise on the pairs, against the truth;
- a super-resolver by 2 is trained on train_clean, halved, with noise of that DeFlow, and given the noisy
  photos of val as they are, the central INPUT x INPUT pixels: the restored photo is larger than any truth
  there is. "psnr" and "ssim" are of the result, made smaller by 2 again, against the reference; "niqe" is of
  the result itself. One value for each pair.

Beside them "bicubic", and super-resolvers trained on pairs of "clean", "white" (of the true deviation),
"patches" and "law". Each seed learns and trains all of it anew. In experiments/results/domain_maps/:
about.json, for each row ROW.json (seed -> what was found; kept if it is there) and ROW.png, a crop of one
result of the first seed, and the same of the noisy photo and the reference. One thread of the CPU.
"""

from __future__ import annotations

import json
import statistics
import time
from pathlib import Path

import torch
from torch import Tensor

from experiments.judging import judge
from experiments.quality.cameras import ENDS, pair_files
from experiments.recording import RESULTS, RUNS, SEED, parser
from experiments.restoring import Clean, WhitePerChannel, synthetic, train
from nflib import __version__, checkpoints, degraders, domain, images, metrics
from nflib.degraders import Degrader
from nflib.degraders.degrader import as_8_bits
from nflib.files import write_bytes
from nflib.models import DeFlow
from nflib.training import Running, train_deflow, train_law
from nflib.units import generator

FOLDER = RESULTS / "domain_maps"
# Of a DeFlow, of a super-resolver; what the scores are of.
STEPS, RESTORER_STEPS = 60, 200
SCALE, INPUT, SIDE = 2, 256, 96
# As the slides list them: downsampling and noise (DeFlow's own), added and multiplied noise, smoothing,
# median, bilateral, max-pooling, auto-encoder. Then ours: smoothing and noise, and a stronger form of
# DeFlow's.
MAPS = {
    "1/4 + 0.03": "downsample:4+noise:0.03",
    "add noise": "noise:0.1",
    "multiply noise": "multiply:0.2",
    "blur": "blur:2.0",
    "median": "median:5",
    "bilateral": "bilateral:2.0:0.15",
    "max 1/4 + 0.03": "maxpool:4+noise:0.03",
    "auto-encoder": "autoencoder",
    "blur + 0.03": "blur:2.0+noise:0.03",
    "1/8 + 0.1": "downsample:8+noise:0.1",
}
OTHERS = ("clean", "white", "patches", "law")
# Which pair is drawn, and the upper left corner of the crop in the result.
DRAWN, CORNER = 2, (232, 104)


def central(photo: Tensor, side: int) -> Tensor:
    top, left = ((n - side) // 2 for n in photo.shape[1:])
    return photo[:, top : top + side, left : left + side]


def leak_of(model: DeFlow, pairs: list, seed: int) -> dict:
    """What the leak test finds in the conditions of both sides of the pairs."""
    conditions = [
        [model.condition(photo[None], generator(seed + side))[0] for photo in photos]
        for side, photos in enumerate(zip(*pairs, strict=True))
    ]
    crop, names = max(8, 64 // model.config.scale), [list(range(len(pairs)))] * 2
    found = domain.leak(*conditions, names, crop=crop, generator=generator(seed))
    return {key: json.loads(json.dumps(value)) for key, value in found._asdict().items()}


@torch.no_grad()
def scores_of(enlarge, pairs: list) -> tuple[dict[str, list[float]], Tensor]:
    """Scores of results of the noisy photos, and the crop of one."""
    found: dict[str, list[float]] = {"psnr": [], "ssim": [], "niqe": []}
    results = [as_8_bits(enlarge(noisy[None])[0]) for _, noisy in pairs]
    for result, (reference, _) in zip(results, pairs):
        small = as_8_bits(images.resize(result, 1 / SCALE))[None]
        found["psnr"].append(round(metrics.psnr(small, reference[None]).item(), 4))
        found["ssim"].append(round(metrics.ssim(small, reference[None]).item(), 4))
        found["niqe"].append(round(metrics.niqe(result[None]).item(), 4))
    return found, cut(results[DRAWN])


def cut(image: Tensor, scale: int = 1) -> Tensor:
    """The crop that is drawn; of an image that is smaller by a scale the same place."""
    rows, columns = (slice(start // scale, (start + SIDE) // scale) for start in CORNER)
    return image[:, rows, columns]


def taught(name: str, folder: Path, pairs: list, seed: int) -> tuple[Degrader, dict]:
    """The DeFlow with this h, and what is noted of it; what was learned once stays."""
    run = RUNS / "domain_maps" / f"{named(name)}_{seed}"
    sides = folder / "train_clean", folder / "train_noisy"
    running = Running(device="cpu", resume=True)
    began = time.process_time()
    file = train_deflow(*sides, run, h=MAPS[name], steps=STEPS, seed=seed, running=running)
    model = checkpoints.load(file)
    with torch.no_grad():
        notes = {
            "leak": leak_of(model, pairs, seed),
            "noise": {key: round(value, 4) for key, value in judge(model, pairs).items()},
            "handed back": model.notes["steps"],
        }
    return degraders.load(file), notes | {"learning, processor_seconds": round(time.process_time() - began)}


def other(row: str, folder: Path, pairs: list) -> Degrader:
    """A source that is no DeFlow."""
    if row == "clean":
        return Clean()
    if row == "white":
        return WhitePerChannel(torch.cat([(noisy - clean).flatten(1) for clean, noisy in pairs], 1).std(1))
    if row == "patches":
        return degraders.NoisePatches.collect(folder / "train_noisy")
    return degraders.load(
        train_law(folder / "train_clean", folder / "train_noisy", RUNS / "domain_maps" / "law")
    )


def named(row: str) -> str:
    """A row as the name of a file."""
    return row.replace(" ", "_").replace("/", "_")


def main() -> None:
    options = parser(__doc__)
    options.add_argument(
        "--renoir", type=Path, required=True, help="folder with train_clean, train_noisy, val"
    )
    options.add_argument("--only", nargs="+", choices=[*OTHERS, *MAPS], default=[*OTHERS, *MAPS])
    options.add_argument("--seeds", type=int, nargs="+", default=[SEED])
    arguments = options.parse_args()
    torch.set_num_threads(1)
    folder = arguments.renoir
    clean = [images.read(path) for path in images.list_images(folder / "train_clean")]
    files = pair_files(folder / "val", ENDS["renoir"])
    pairs = [tuple(central(images.read(path), INPUT) for path in two) for two in files.values()]
    FOLDER.mkdir(parents=True, exist_ok=True)
    for side, photo in zip(("reference", "input"), pairs[DRAWN]):
        images.write(FOLDER / f"{side}.png", cut(photo, SCALE))
    bicubic, drawn = scores_of(lambda low: images.resize(low, SCALE), pairs)
    images.write(FOLDER / "bicubic.png", drawn)
    about = {
        "photos": "RENOIR: J. Anaya and A. Barbu; crops of lbasek/image-denoising-benchmark (MIT)",
        "pairs": list(files),
        "drawn": list(files)[DRAWN],
        "maps": MAPS,
        "steps": {"DeFlow": STEPS, "super-resolver": RESTORER_STEPS},
        "bicubic": bicubic,
    }
    write_bytes(FOLDER / "about.json", (json.dumps(about) + "\n").encode())
    for row in arguments.only:
        file = FOLDER / f"{named(row)}.json"
        found = json.loads(file.read_text()) if file.is_file() else {}
        for seed in [seed for seed in arguments.seeds if str(seed) not in found]:
            degrader, notes = (
                taught(row, folder, pairs, seed) if row in MAPS else (other(row, folder, pairs), {})
            )
            model = train(synthetic(clean, degrader, seed, SCALE), seed, SCALE, steps=RESTORER_STEPS)
            with torch.no_grad():
                scores, drawn = scores_of(model, pairs)
            kept = {key: model.notes[key] for key in ("device", "commit", "torch", "seconds")}
            found[str(seed)] = scores | notes | kept | {"nflib": __version__}
            if seed == arguments.seeds[0]:
                images.write(FOLDER / f"{named(row)}.png", drawn)
            write_bytes(file, (json.dumps(found) + "\n").encode())
            print(row, seed, statistics.fmean(scores["psnr"]), json.dumps(notes)[:300], flush=True)


if __name__ == "__main__":
    main()
