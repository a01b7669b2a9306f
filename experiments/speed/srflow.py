"""SRFlow with the condition's work shared, against the plain way: same weights, same run, one thread.

    python -m experiments.speed.srflow [--model df2k_x4] [--size 160] [--batch 4] [--repeat 5] [--json FILE]

The plain way (plain.py) hands every step the whole upsampled condition and lets it start over at every call,
as published. Times are processor seconds of one thread, so that a busy machine disturbs them little.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from experiments.speed import measure, plain
from nflib.models import SRFlow, SRFlowConfig

SAMPLES = 8


def main() -> None:
    options = measure.parser(__doc__, size=160)
    options.add_argument(
        "--model",
        choices=("df2k_x4", "df2k_x8", "celeba_x8"),
        default="df2k_x4",
        help="published configuration",
    )
    arguments = options.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)

    model = SRFlow(getattr(SRFlowConfig, arguments.model)())
    batch = torch.rand(arguments.batch, 3, arguments.size, arguments.size)
    small = F.avg_pool2d(batch, model.config.scale)
    lr = small[:1]
    measure.start(model, lambda: model.nll(batch, small))
    latents = tuple(
        0.8 * torch.randn(s) for s in model.flow.transform.latent_shape((SAMPLES, *batch.shape[1:]))
    )

    @torch.no_grad()
    def sample() -> Tensor:
        return model.decode(
            latents, model.prepare(lr)
        )  # the condition's part is there once and broadcasts over the samples

    @torch.no_grad()
    def sample_plain() -> Tensor:
        return plain.decode(model, latents, lr.expand(SAMPLES, -1, -1, -1))

    difference = (sample() - sample_plain()).abs().max().item()
    steps = (
        measure.training_step(model, nll)
        for nll in (lambda: plain.nll(model, batch, small), lambda: model.nll(batch, small))
    )
    measured = {
        f"{SAMPLES} samples from one image": measure.compare(sample_plain, sample, arguments.repeat),
        f"training step, {arguments.batch} images": measure.compare(*steps, arguments.repeat),
    }
    settings = {
        "model": arguments.model,
        "size": arguments.size,
        "batch": arguments.batch,
        "difference": difference,
    }
    measure.report(f"SRFlow {arguments.model}, {arguments.size} px", settings, measured, arguments.json)


if __name__ == "__main__":
    main()
