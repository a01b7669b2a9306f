"""What it takes to degrade one image with the full DeFlow and the full LUD-VAE, side by side, on one thread.

    python -m experiments.speed.one_image [--repeat 3] [--device cpu] [--json FILE]

Table 8 of the LUD-VAE paper has seconds of a GPU for an image of 256 x 256: 2.548 for DeFlow, 0.387 for
LUD-VAE, though of the models in nflib LUD-VAE needs more multiply-adds. So the same is done here, with
weights that were not trained, and beside it an image of 16 x 16, a 256th of the work: time that does not
shrink with it is spent on calls. DeFlow runs in two ways: as published (plain.py), and with the work of its
condition done once.

Writes experiments/results/one_image.json: where and by what (experiments/recording.py), and "parts": for
"DeFlow, plain 256" and so on "way", "side", "parameters", "multiply_adds" and "calls" (of operations that
compute something; on a GPU each is at least one launch), and for "round 0" and so on seconds of each, in
turn: processor seconds on a CPU.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

import nflib
from experiments.recording import Record, parser, show
from experiments.speed import measure, plain
from nflib.costs.counting import Counter
from nflib.costs.memory import parameters_of
from nflib.costs.roofline import wait
from nflib.models import LUDVAE, DeFlow, DeFlowConfig, LUDVAEConfig, RRDBConfig

SIDES, TINY_SIDES = (256, 16), (16,)


def deflow(tiny: bool) -> DeFlow:
    """As published for AIM; its ActNorms have seen data."""
    encoder = RRDBConfig(4, channels=8, growth=4, blocks=1)
    model = DeFlow(DeFlowConfig(encoder, (), steps=1) if tiny else DeFlowConfig.aim())
    batch = torch.rand(2, 3, 64, 64)
    small = model.condition(batch)
    measure.start(model, lambda: model.nll(batch, small, ["clean", "degraded"]))
    return model


def ways(tiny: bool, device: torch.device) -> dict[str, tuple[torch.nn.Module, Callable[[Tensor], Tensor]]]:
    """Each model with what degrades an image by it."""
    flow = deflow(tiny).to(device)
    vae = LUDVAE(LUDVAEConfig(width=8) if tiny else LUDVAEConfig.aim()).eval().to(device)

    def shifted(latents: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return tuple(z + u for z, u in zip(latents, flow.flow.base.shift(latents), strict=True))

    def once(image: Tensor) -> Tensor:
        known = flow.prepare(flow.condition(image))
        return flow.decode(shifted(flow.encode(image, known)), known)

    def published(image: Tensor) -> Tensor:
        maps = plain.conditions(flow, flow.condition(image))
        return plain.decode(flow, shifted(plain.encode(flow, image, maps)[0]), maps)

    return {"DeFlow, plain": (flow, published), "DeFlow": (flow, once), "LUD-VAE": (vae, vae.degrade)}


def counted(model: torch.nn.Module, act: Callable[[], object]) -> dict:
    with Counter() as counter:
        act()
    return {
        "parameters": parameters_of(model),
        "multiply_adds": counter.multiply_adds,
        "calls": counter.calls,
    }


def seconds(act: Callable[[], object], device: torch.device) -> float:
    clock = time.process_time if device.type == "cpu" else time.perf_counter
    wait(device)
    start = clock()
    act()
    wait(device)
    return clock() - start


@torch.no_grad()
def main(words: Sequence[str] | None = None) -> None:
    options = parser(__doc__, "one_image.json")
    options.add_argument("--repeat", type=int, default=3, help="rounds, in each every way once")
    arguments = options.parse_args(words)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    device = nflib.device(arguments.device or "cpu")
    record = Record(arguments, "one_image.json", device)
    acts = {}
    for way, (model, degrade) in ways(arguments.tiny, device).items():
        for side in TINY_SIDES if arguments.tiny else SIDES:
            image = torch.rand(1, 3, side, side).to(device)
            name = f"{way} {side}"
            acts[name] = lambda degrade=degrade, image=image: degrade(image)
            if name not in record.parts:
                record.add(name, {"way": way, "side": side, **counted(model, acts[name])})
    for number in range(arguments.repeat):
        if f"round {number}" not in record.parts:
            for act in acts.values():
                act()  # what the first call has to prepare is not in the time
            found = {name: seconds(act, device) for name, act in acts.items()}
            record.add(f"round {number}", found)
    rounds = [part for name, part in record.parts.items() if name.startswith("round")]
    show(
        f"One degraded image, {record.content['device']}",
        ("way", "parameters, M", "multiply-adds, G", "calls", "s"),
        [
            (
                name,
                record.parts[name]["parameters"] / 1e6,
                record.parts[name]["multiply_adds"] / 1e9,
                record.parts[name]["calls"],
                statistics.median(one[name] for one in rounds),
            )
            for name in acts
        ],
    )


if __name__ == "__main__":
    main(sys.argv[1:])
