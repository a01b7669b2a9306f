"""DeFlow with the condition's work shared, against the plain way: same weights, same run, one thread.

    python -m experiments.speed.deflow [--model aim] [--size 128] [--batch 4] [--repeat 5] [--json FILE]

The plain way (plain.py) does what the published code does to degrade an image: the encoder once, with its
unused image head; then both passes hand every step the whole upsampled condition; and every further sample
starts over. Ours does the condition's work once and keeps it with the latents, so that a further sample is a
new shift and a decoding. Times are processor seconds of one thread, so that a busy machine disturbs them
little.
"""

from __future__ import annotations

import torch
from torch import Tensor

from experiments.speed import measure, plain
from nflib.models import DeFlow, DeFlowConfig


def main() -> None:
    options = measure.parser(__doc__, size=128)
    options.add_argument("--model", choices=("aim", "ntire"), default="aim", help="published configuration")
    arguments = options.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)

    model = DeFlow(getattr(DeFlowConfig, arguments.model)())
    batch = torch.rand(arguments.batch, 3, arguments.size, arguments.size)
    small = model.condition(batch)
    domains = ["clean", "degraded"] * arguments.batch
    domains = domains[: arguments.batch]
    measure.start(model, lambda: model.nll(batch, small, domains))
    image, h = batch[:1], small[:1]

    def shifted(latents: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        shifts = model.flow.base.shift(latents, generator=torch.Generator().manual_seed(1))
        return tuple(z + u for z, u in zip(latents, shifts, strict=True))

    @torch.no_grad()
    def degrade() -> Tensor:
        known = model.prepare(h)
        return model.decode(shifted(model.encode(image, known)), known)

    @torch.no_grad()
    def degrade_plain() -> Tensor:
        maps = plain.conditions(model, h)
        return plain.decode(model, shifted(plain.encode(model, image, maps)[0]), maps)

    with torch.no_grad():
        known = model.prepare(h)
        latents = model.encode(image, known)

    @torch.no_grad()
    def degrade_again() -> Tensor:
        return model.decode(shifted(latents), known)

    difference = max((way() - degrade_plain()).abs().max().item() for way in (degrade, degrade_again))
    steps = (
        measure.training_step(model, nll)
        for nll in (
            lambda: plain.nll(model, batch, small, domains),
            lambda: model.nll(batch, small, domains),
        )
    )
    measured = {
        "first degraded sample": measure.compare(degrade_plain, degrade, arguments.repeat),
        "every further sample": measure.compare(degrade_plain, degrade_again, arguments.repeat),
        f"training step, {arguments.batch} images": measure.compare(*steps, arguments.repeat),
    }
    settings = {
        "model": arguments.model,
        "size": arguments.size,
        "batch": arguments.batch,
        "difference": difference,
    }
    measure.report(f"DeFlow {arguments.model}, {arguments.size} px", settings, measured, arguments.json)


if __name__ == "__main__":
    main()
