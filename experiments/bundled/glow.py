"""Train the small Glow that comes with nflib.

    python -m experiments.bundled.glow [--steps 4000]

32 x 32 patches of the bundled photos, one thread of a CPU. Writes ``glow_patches.safetensors`` and, beside
it, the curve and the provenance as ``glow_patches.json``.
"""

from __future__ import annotations

import copy
import datetime
import json
import math
import platform
import time
from pathlib import Path

import torch
from torch import Tensor

import nflib
from experiments.recording import SEED, WEIGHTS, parser
from nflib.checkpoints import save
from nflib.data import PHOTOS, patches, photos
from nflib.files import write_bytes
from nflib.flow import Dequantize
from nflib.models.glow import Glow, GlowConfig
from nflib.provenance import commit
from nflib.transforms import InvertibleConv1x1
from nflib.units import bits_per_dim

CONFIG = GlowConfig(levels=3, steps=8, hidden=48)
SIZE, BATCH = 32, 32
RATE, WARM_UP, CLIP, AVERAGE = 1e-3, 100, 10.0, 0.998
EVERY, SAVE_EVERY = 100, 500  # steps
DIMS = CONFIG.channels * SIZE * SIZE


@torch.no_grad()
def whitened_start(model: Glow, batch: Tensor) -> None:
    """Initialise every ActNorm; the first mixing of each level whitens its channels, largest variance first.

    The other mixings start as the identity. So a split first gives off the directions in which patches vary
    least.
    """
    model.train()
    for level in model.flow.transform.levels:
        mixings = [layer for layer in level.transforms if isinstance(layer, InvertibleConv1x1)]
        for mixing in mixings[1:]:
            mixing.set_weight(torch.eye(len(mixing.sign)))
        for layer in level.transforms:
            if layer is mixings[0]:
                variances, axes = torch.linalg.eigh(batch.transpose(0, 1).flatten(1).double().cov())
                layer.set_weight((axes / variances.sqrt()).T.flip(0))
            batch, _ = layer(batch)
        batch = batch[0] if isinstance(batch, tuple) else batch


def shuffle_colours(batch: Tensor, generator: torch.Generator) -> Tensor:
    """Give half of the patches their channels in another random order: five photos show too few colours."""
    order = torch.rand(batch.shape[:2], generator=generator).argsort(1)
    keep = torch.rand(len(batch), 1, generator=generator) < 0.5
    order = torch.where(keep, torch.arange(batch.shape[1]), order)
    return batch.gather(1, order[:, :, None, None].expand_as(batch))


def bits(model: Glow, values: Tensor) -> Tensor:
    """Bits per dimension of each dequantised patch, (B,)."""
    with torch.no_grad():
        nll = torch.cat([model.eval().nll(part) for part in values.split(250)])
    return bits_per_dim(nll.double(), DIMS, Dequantize().bins)


def held(role_photos: dict[str, Tensor], n: int) -> Tensor:
    """The same dequantised patches whenever they are asked for."""
    seed = nflib.generator(SEED + 1)
    return Dequantize()(patches(role_photos, SIZE, n, seed), seed)


def learning_rate(step: int, steps: int) -> float:
    """Factor of the rate: a linear start, then half a cosine down to zero."""
    return min(1.0, (step + 1) / WARM_UP) * 0.5 * (1 + math.cos(math.pi * step / steps))


def train(steps: int, out: Path) -> None:
    """The whole run; what is on disk is always a complete model with its curve."""
    torch.manual_seed(SEED)
    training, validation = {**photos("clean"), **photos("degraded")}, photos("validation")
    seen, unseen = held(training, 300), held(validation, 300)
    generator, dequantise = nflib.generator(SEED), Dequantize()

    def draw(n: int) -> Tensor:
        return dequantise(shuffle_colours(patches(training, SIZE, n, generator), generator), generator)

    model = Glow(CONFIG)
    whitened_start(model, draw(1000))
    average = copy.deepcopy(model)
    optimiser = torch.optim.Adam(model.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: learning_rate(step, steps))
    curve = {"step": [], "batch": [], "training": [], "validation": [], "validation median": []}
    started, recent = time.perf_counter(), []
    for step in range(steps + 1):
        if step % EVERY == 0 or step == steps:
            there, away = bits(average, seen), bits(average, unseen)
            mean = sum(recent) / len(recent) if recent else None
            row = (step, mean, there.mean().item(), away.mean().item(), away.median().item())
            for name, value in zip(curve, row, strict=True):
                curve[name].append(value if name == "step" or value is None else round(value, 4))
            print(
                f"{time.perf_counter() - started:6.0f} s",
                *(f"{name} {values[-1]}" for name, values in curve.items()),
                flush=True,
            )
            recent = []
        if step == steps or (step and step % SAVE_EVERY == 0):
            done = {"steps": step, "steps planned": steps, "seconds": round(time.perf_counter() - started)}
            write(average, curve, done, out, training, validation)
        if step == steps:
            break
        loss = bits_per_dim(model.train().nll(draw(BATCH)).mean(), DIMS, dequantise.bins)
        if not math.isfinite(loss.item()):
            raise RuntimeError(f"loss {loss.item()} at step {step}")
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimiser.step()
        schedule.step()
        recent.append(loss.item())
        follow(average, model, min(AVERAGE, (step + 1) / (step + 10)))


@torch.no_grad()
def follow(average: Glow, model: Glow, decay: float) -> None:
    """One step of the exponential average of the weights; a short memory at first."""
    for slow, fast in zip(average.parameters(), model.parameters(), strict=True):
        slow.lerp_(fast, 1 - decay)


def write(
    model: Glow,
    curve: dict,
    done: dict,
    out: Path,
    training: dict[str, Tensor],
    validation: dict[str, Tensor],
) -> None:
    """The model and its JSON, each whole or not there."""
    unseen = bits(model, held(validation, 2000))
    notes = {
        "what": f"unconditional Glow on {SIZE} x {SIZE} colour patches, values (k + U)/256",
        "data": f"bundled photos ({', '.join(training)}); validation: {', '.join(validation)}",
        "licences": [photo.attribution for photo in PHOTOS],
        "command": "python -m experiments.bundled.glow",
        "training photos": list(training),
        "validation photos": list(validation),
        "training bits/dim": round(bits(model, held(training, 2000)).mean().item(), 4),
        "validation bits/dim": round(unseen.mean().item(), 4),
        "unit": "bits/dim",
        "validation": round(unseen.mean().item(), 4),
        "validation bits/dim, median": round(unseen.median().item(), 4),
        "device": f"CPU ({platform.machine()}), {torch.get_num_threads()} thread",
        "seed": SEED,
        "batch": BATCH,
        **done,
        "parameters": sum(p.numel() for p in model.parameters()),
        "date": datetime.date.today().isoformat(),
        "commit": commit(),
        "torch": torch.__version__,
    }
    save(model, out / "glow_patches.safetensors", notes)
    write_bytes(out / "glow_patches.json", (json.dumps({**notes, "curve": curve}, indent=1) + "\n").encode())


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--steps", type=int, default=4000)
    options.add_argument("--out", type=Path, default=WEIGHTS, help="folder of what is written")
    arguments = options.parse_args()
    torch.set_num_threads(1)
    arguments.out.mkdir(parents=True, exist_ok=True)
    train(arguments.steps, arguments.out)


if __name__ == "__main__":
    main()
