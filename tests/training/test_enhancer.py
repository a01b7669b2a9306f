"""Training the enhancer of low light: the loss by hand."""

import math

import torch

from nflib.models import LowLightFlow, LowLightFlowConfig
from nflib.training import LowLightTask


def test_bits_per_dimension_of_bright_images() -> None:
    torch.manual_seed(0)
    model = LowLightFlow(LowLightFlowConfig(2, 1, 4, 4, 1))
    bright, dark = torch.rand(6, 3, 8, 8), 0.2 * torch.rand(6, 3, 8, 8)
    task, seeds = LowLightTask(model), [torch.Generator().manual_seed(0) for _ in range(3)]
    task.loss(model, (bright, dark), seeds[0])  # ActNorm
    loss = task.loss(model.eval(), (bright, dark), seeds[1])  # no true colours where a model is judged
    noisy = bright + (torch.rand(bright.shape, generator=seeds[2]) - 0.5) / 32
    torch.testing.assert_close(loss, (model.nll(noisy, dark).mean() / 192 + math.log(32)) / math.log(2))
    training = [task.loss(model.train(), (bright, dark), torch.Generator().manual_seed(s)) for s in (0, 0, 1)]
    assert training[0] == training[1] != training[2]
