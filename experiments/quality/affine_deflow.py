"""Does training pay where it cannot bend the noise? DeFlow in image units, before and after its training.

    python -m experiments.quality.affine_deflow --kodak FOLDER [--seeds 0 1 2]

For each degradation of experiments/photos.py and each seed: the degraded photos are degraded anew with that
seed, the law of their noise is found and held, and the flow is started and trained as `nflib train
affine-deflow` does. On the middle 128x128 pixels of the validation pairs, which nothing was learned from: the
likelihood of clean and degraded crops, and the PSNR of `restore`, the mean of the clean photo given the
degraded one. What is known of the last stage is told: JPEG 30 for AIM-like photos, nothing else.

Writes experiments/results/affine_deflow.json: where and by what (experiments/recording.py), "steps", "h" and
"parts": "ntire 0" and so on with "start" and "trained", each with "clean" and "degraded" (bits per dimension
at 32 levels) and "psnr" (dB), "input" (PSNR of the degraded crops), "moved" (the largest difference between
samples of both, in grey levels, before the last stage), "distance" (of the trained model's noise from the
truth, experiments/judging.py) and "cpu_seconds".
"""

from __future__ import annotations

import copy
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import Subset

from experiments.judging import judge, judged
from experiments.photos import CROP, PLANS, chosen, photos
from experiments.recording import Record, parser, photo_option, show
from nflib import checkpoints, metrics, units
from nflib.data import UnpairedImages
from nflib.domain import parse
from nflib.images.jpeg import parse_stage
from nflib.models import AffineDeFlow, AffineDeFlowConfig
from nflib.training import AffineDeFlowTask, Running, find_law, fit
from nflib.training.affine_deflow import RECIPE, start_white
from nflib.training.deflow import LEVELS, dequantised

STEPS, MIDDLE = 200, 128
H = {"ntire": "downsample:4+noise:0.03", "camera": "downsample:4+noise:0.1", "aim": "downsample:4+noise:0.1"}
STAGES = {"aim": "jpeg:30"}


@torch.no_grad()
def scores(model: AffineDeFlow, pairs: list) -> dict[str, float]:
    """Likelihood and restoration on pairs (clean, degraded) of one size, clean ones after the last stage."""
    generator = units.generator(0)
    clean, degraded = (torch.stack(side) for side in zip(*pairs))
    stage = parse_stage(model.config.last_stage)
    known = clean if stage is None else stage(clean)
    found = {}
    for domain, images in (("clean", known), ("degraded", degraded)):
        pieces = images.unfold(2, CROP, CROP).unfold(3, CROP, CROP).permute(0, 2, 3, 1, 4, 5).flatten(0, 2)
        bits = []
        for crops in dequantised(pieces, generator).split(8):
            nll = model.nll(crops, model.condition(crops, generator), domain)
            bits.append(units.bits_per_dim(nll, crops[0].numel(), LEVELS))
        found[domain] = torch.cat(bits).mean().item()
    restored = torch.cat([model.restore(one[None], generator=generator) for one in degraded])
    return {**found, "psnr": metrics.psnr(restored, clean).mean().item()}


def middle(image: Tensor) -> Tensor:
    top, left = ((side - min(side, MIDDLE)) // 2 for side in image.shape[1:])
    return image[:, top : top + MIDDLE, left : left + MIDDLE]


def measured(name: str, kodak: Path | None, seed: int, tiny: bool) -> dict:
    began = time.process_time()
    plan, stage = PLANS[name], STAGES.get(name, "")
    clean, _, pairs = photos(plan, kodak)
    generator = units.generator(seed)
    degraded = [plan.degrade(photo, generator=generator) for photo in chosen("degraded", kodak)]
    if tiny:
        clean, degraded, pairs = (
            [x[:, :256, :256] for x in clean],
            [x[:, :256, :256] for x in degraded],
            pairs[:1],
        )
    law = find_law(clean, degraded, last_stage=stage or "none", seed=seed).law
    h = parse(H[name])
    config = AffineDeFlowConfig.small(h.shrink, h=h, law=law.config, last_stage=stage)
    after = parse_stage(stage)
    data = UnpairedImages(clean, degraded, CROP, seed=seed, align=config.multiple, stage=after)
    torch.manual_seed(seed)
    start = AffineDeFlow(config)
    start.hold(law)
    start_white(start, data, seed=seed)
    recipe = replace(RECIPE, steps=2 if tiny else STEPS, every=2 if tiny else STEPS)
    with tempfile.TemporaryDirectory() as folder:
        held_out = Subset(UnpairedImages(clean, degraded, CROP, seed=seed + 1, stage=after), range(2))
        file = fit(
            AffineDeFlowTask(copy.deepcopy(start)),
            data,
            folder,
            recipe=recipe,
            validation=held_out,
            seed=seed,
            running=Running(device="cpu"),
        )
        trained = checkpoints.load(file)
    start.eval()
    crops = [tuple(map(middle, pair)) for pair in pairs]
    one = crops[0][0][None]
    before, now = (
        without_stage(model).degrade(one, generator=units.generator(1)) for model in (start, trained)
    )
    return {
        "input": torch.stack([metrics.psnr(y[None], x[None]) for x, y in crops]).mean().item(),
        "start": scores(start, crops),
        "trained": scores(trained, crops),
        "moved": 255 * (before - now).abs().max().item(),
        "distance": judge(trained, judged(pairs, tiny))["distance"],
        "cpu_seconds": round(time.process_time() - began, 1),
    }


def without_stage(model: AffineDeFlow) -> AffineDeFlow:
    model = copy.deepcopy(model)
    model.config = replace(model.config, last_stage="")
    return model


def main(words: Sequence[str] | None = None) -> None:
    options = parser(__doc__, "affine_deflow.json")
    photo_option(options)
    options.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="of photos and training")
    arguments = options.parse_args(words)
    torch.set_num_threads(1)
    record = Record(arguments, "affine_deflow.json", torch.device("cpu"), steps=STEPS, h=H)
    for seed in arguments.seeds:
        for name in ("ntire",) if arguments.tiny else PLANS:
            if (part := f"{name} {seed}") not in record.parts:
                record.add(part, measured(name, arguments.kodak, seed, arguments.tiny))
                print(part, record.parts[part], flush=True)
    show(
        "DeFlow in image units, before and after training",
        (
            "photos",
            "input, dB",
            "start, dB",
            "trained, dB",
            "bits, start",
            "bits, trained",
            "distance",
            "CPU s",
        ),
        [
            (
                name,
                part["input"],
                part["start"]["psnr"],
                part["trained"]["psnr"],
                *(
                    sum(part[which][side] for side in ("clean", "degraded")) / 2
                    for which in ("start", "trained")
                ),
                part["distance"],
                part["cpu_seconds"],
            )
            for name, part in record.parts.items()
        ],
    )


if __name__ == "__main__":
    main(sys.argv[1:])
