"""Train the small DeFlows that come with nflib: python tools/train_deflow_small.py --kodak FOLDER [ntire] [camera] [aim]

Clean are the bundled photos of that role and nine of Kodak, degraded those of the other role and nine others; judged on the
bundled validation photos and Kodak's last six, of which the true pairs are known here. Without --kodak only bundled photos are
used. One thread of the CPU; killed and started again it goes on. Runs are in _build/runs/, what is shipped in nflib/weights/.

What is shipped is the linear solution, which no pair has chosen. Training from there raises the likelihood, and the noise gets
better in some respects and worse in others, for of equal likelihood are many: NAME.json beside the model has a record of that.
"""

from __future__ import annotations

import argparse
import copy
import json
import time
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch.utils.data import Subset

from nflib import checkpoints, data, images, metrics
from nflib.data.folders import numbered_generator
from nflib.images.files import write_bytes
from nflib.models import DeFlow, DeFlowConfig
from nflib.training import DeFlowTask, fit
from nflib.training.jobs import start_linear

ROOT = Path(__file__).resolve().parents[1]
RUNS, WEIGHTS = ROOT / "_build" / "runs", ROOT / "nflib" / "weights"
SEED, CROP, BORDER, LARGEST = 0, 64, 8, 320
STEPS, EVERY = 100, 20
# Of 1,200 random halves of Kodak's first eighteen the one with the smallest gap between the contents of both sides.
KODAK_CLEAN = (1, 2, 9, 10, 11, 13, 14, 17, 18)
KODAK_DEGRADED = (3, 4, 5, 6, 7, 8, 12, 15, 16)
KODAK_VALIDATION = (19, 20, 21, 22, 23, 24)


@dataclass(frozen=True)
class Plan:
    """A degradation and the model for it."""

    degrade: data.degradations.Degrader
    config: DeFlowConfig


PLANS = {
    "ntire": Plan(data.degrade_ntire, DeFlowConfig.small()),
    "camera": Plan(data.degrade_camera, DeFlowConfig.small(scale=8, condition_noise=0.1)),
    "aim": Plan(data.degrade_aim, DeFlowConfig.small(scale=8, condition_noise=0.1, condition_blur=1.0)),
}


def photos(plan: Plan, kodak: Path | None) -> tuple[list, list, list]:
    """Clean and degraded training photos, and pairs to judge by."""

    def more(numbers):
        paths = [] if kodak is None else [kodak / f"kodim{n:02}.png" for n in numbers]
        return [images.read(path)[:, BORDER:-BORDER, BORDER:-BORDER] for path in paths]

    sides = [list(data.photos(role).values()) + more(n) for role, n in
             (("clean", KODAK_CLEAN), ("degraded", KODAK_DEGRADED), ("validation", KODAK_VALIDATION))]
    generator = torch.Generator().manual_seed(SEED)
    degraded = [plan.degrade(photo, generator=generator) for photo in sides[1]]
    windows = [photo[:, : min(photo.shape[1] // 16 * 16, LARGEST), : min(photo.shape[2] // 16 * 16, LARGEST)] for photo in sides[2]]
    return sides[0], degraded, [(photo, plan.degrade(photo, generator=generator)) for photo in windows]


def noise(residuals: list) -> dict[str, float]:
    """What the noise of a set of photos is like; deviations in grey levels."""
    spatial = torch.stack([metrics.autocorrelation(r[None], 2)[0].mean(0) for r in residuals]).mean(0)
    colours = torch.stack([metrics.channel_correlation(r[None])[0] for r in residuals]).mean(0)
    power = torch.stack([r.flatten(1).var(1) for r in residuals]).mean(0).sqrt() * 255
    return {
        "std_r": power[0].item(), "std_g": power[1].item(), "std_b": power[2].item(),
        "right_1": spatial[2, 3].item(), "down_1": spatial[3, 2].item(), "diagonal": spatial[3, 3].item(),
        "antidiagonal": spatial[3, 1].item(), "right_2": spatial[2, 4].item(), "down_2": spatial[4, 2].item(),
        "channels": (colours.sum() - 3).item() / 6,
    }


def thirds(residuals: list, key: list) -> tuple[float, float]:
    """Deviation of the noise where the key is smallest and where it is largest, in grey levels."""
    squares, keys = (torch.cat([torch.nn.functional.avg_pool2d(x[None], 16).flatten() for x in xs])
                     for xs in ([r.square().mean(0) for r in residuals], key))
    low, high = keys.quantile(torch.tensor([1 / 3, 2 / 3]))
    return tuple(255 * squares[chosen].mean().sqrt().item() for chosen in (keys <= low, keys >= high))


def judge(model: DeFlow, pairs: list) -> dict[str, float]:
    """Noise of the model and of the truth on the same photos, and how far apart they are."""
    generator = torch.Generator().manual_seed(SEED + 1)
    clean = [x for x, _ in pairs]
    made = [model.degrade(x[None], generator=generator)[0] - x for x in clean]
    true = [y - x for x, y in pairs]
    found = {name: noise(residuals) for name, residuals in (("model", made), ("truth", true))}
    detail = [(x - images.resize(images.resize(x, 1 / 4), size=x.shape[-2:])).square().mean(0) for x in clean]
    light = [x.mean(0) for x in clean]
    for name, residuals in (("model", made), ("truth", true)):
        found[name]["std_flat"], found[name]["std_textured"] = thirds(residuals, detail)
        found[name]["std_dark"], found[name]["std_bright"] = thirds(residuals, light)
    cut = [torch.cat([piece for r in residuals for piece in r.unfold(1, 16, 16).unfold(2, 16, 16).flatten(1, 2).transpose(0, 1)]
                     ).view(-1, 3, 16, 16) for residuals in (made, true)]
    spectrum = metrics.spectrum_error(*cut).item()
    return {**{f"{k}_{side}": v for side in found for k, v in found[side].items()}, "spectrum_db": spectrum, "distance": distance(found, spectrum)}


def distance(found: dict, spectrum: float) -> float:
    """The largest of all errors, each in units of what is still good: 15 % (or 0.1 for correlations), and 2 dB.

    Deviations are those of the channels and of the flattest, most textured, darkest and brightest third of the photos.
    """
    errors = [spectrum / 2]
    for key, true in found["truth"].items():
        limit = 0.15 * true if key.startswith("std") else max(0.15 * abs(true), 0.1)
        errors.append(abs(found["model"][key] - true) / limit)
    return max(errors)


def noise_notes(found: dict) -> dict:
    """What :func:`judge` found, as notes of a model."""
    return {
        "metrics": {"spectrum error, dB": round(found["spectrum_db"], 4), "largest error (1 is still good)": round(found["distance"], 4)},
        "noise": {side: {k.removesuffix(f"_{side}"): round(v, 4) for k, v in found.items() if k.endswith(f"_{side}")} for side in ("model", "truth")},
    }


def photo_notes(kodak: Path | None, data_of: str) -> dict:
    """Which photos were used, put into a sentence with a gap for them, and their licences, as notes of a model."""
    more = f" and Kodak {KODAK_CLEAN} (clean), {KODAK_DEGRADED} (degraded), {KODAK_VALIDATION} (validation)"
    return {
        "data": data_of.format("the bundled photos" + ("" if kodak is None else more)),
        "licences": sorted({photo.licence for photo in data.PHOTOS}) + ([] if kodak is None else ["Kodak: released for unrestricted usage"]),
    }


class Judged(DeFlowTask):
    """Validated by the truth, which is known for simulated degradations."""

    validation_unit = "largest error of the noise, 1 is still good"

    def __init__(self, model, pairs):
        super().__init__(model)
        self.pairs, self.candidates = pairs, []

    def score(self, batches):
        self.candidates.append({"step": self.step, "noise_power": self.figures()["noise_power"], **judge(self.averaged, self.pairs)})
        return self.candidates[-1]["distance"]


def train(name: str, kodak: Path | None) -> None:
    plan = PLANS[name]
    clean, degraded, pairs = photos(plan, kodak)
    crops = data.UnpairedImages(clean, degraded, CROP, SEED, align=2**plan.config.levels)
    torch.manual_seed(SEED)
    model, began = DeFlow(plan.config), time.perf_counter()
    start_linear(model, crops, SEED)
    seconds = round(time.perf_counter() - began)
    shipped = copy.deepcopy(model).half()
    recipe = replace(DeFlowTask.recipe, steps=STEPS, every=EVERY)
    task, run = Judged(model, pairs), RUNS / f"deflow_{name}_small"
    print(f"{name}: {recipe}", flush=True)
    last = checkpoints.load(fit(task, crops, run, recipe, Subset(crops, range(2)), SEED, "cpu", resume=True))
    found = judge(copy.deepcopy(shipped).float(), pairs)
    notes = {
        **{key: last.notes[key] for key in ("task", "seed", "device", "nflib", "torch", "commit")}, "steps": 0, "seconds": seconds,
        **noise_notes(found), **photo_notes(kodak, f"{name}-like degradation of {{}}; no pair was seen in training"),
        "start": f"the linear solution; {STEPS} steps of training from there are recorded, not shipped",
        "command": f"python tools/train_deflow_small.py {'' if kodak is None else '--kodak FOLDER '}{name}", "stored": "float16",
    }
    checkpoints.save(shipped, WEIGHTS / f"deflow_{name}_small.safetensors", notes)
    write_bytes(WEIGHTS / f"deflow_{name}_small.json", (json.dumps({"notes": notes, "candidates": task.candidates}) + "\n").encode())
    print(json.dumps(found, indent=1), flush=True)


def train_all(description: str, plans: dict, train_one) -> None:
    """The command line of the training scripts: ``train_one(name, kodak)`` for the names that are asked for, all by default."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("names", nargs="*", choices=[*plans, []], help="which, all by default")
    parser.add_argument("--kodak", type=Path, help="folder of Kodak's kodim01.png to kodim24.png")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for name in arguments.names or plans:
        train_one(name, arguments.kodak)


if __name__ == "__main__":
    train_all(__doc__.splitlines()[0], PLANS, train)
