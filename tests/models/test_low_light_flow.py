"""The low-light enhancer: its transform, its latent's mean, any sizes, what it learns."""

from typing import Any

import pytest
import torch

from nflib import degraders, metrics, units
from nflib.models import LowLightFlow, LowLightFlowConfig
from nflib.models.low_light_flow import FLOOR, colour_map
from nflib.testing import check_transform
from nflib.training import LowLightTask
from nflib.transforms import Transform

TINY = LowLightFlowConfig(levels=2, steps=1, hidden=4, width=4, blocks=1)


def draw(*shape, seed=0) -> torch.Tensor:
    return torch.rand(shape, generator=units.generator(seed))


def tiny(dtype=torch.float64) -> LowLightFlow:
    """A small model whose weights are all off their start."""
    torch.manual_seed(0)
    model = LowLightFlow(TINY).to(dtype)
    model.nll(draw(6, 3, 16, 16).to(dtype), 0.2 * draw(6, 3, 16, 16).to(dtype))  # ActNorm
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, dtype=dtype))
    return model.eval()


class Enhancer(Transform):
    """All of the model as one transform, bright image to standard normal latent, its context the
    dark image."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x, context=None) -> tuple[torch.Tensor, torch.Tensor]:
        return self.model.encode(x, context), self.model.flow(x, self.model.prepare(context).conditioning)[1]

    def inverse(self, z, context=None) -> tuple[torch.Tensor, torch.Tensor]:
        x = self.model.decode(z, context)
        return x, -self.model.flow(x, self.model.prepare(context).conditioning)[1]

    def latent_shape(self, shape) -> Any:
        return self.model.flow.latent_shape(shape)[0]


def test_contract() -> None:
    torch.manual_seed(0)
    check_transform(Enhancer(LowLightFlow(TINY)), draw(4, 3, 8, 8), 0.3 * draw(4, 3, 8, 8, seed=1))


def test_the_likelihood_is_that_of_a_normal_law_around_the_colours() -> None:
    model, bright, dark = tiny(), draw(3, 3, 8, 16).double(), 0.2 * draw(3, 3, 8, 16, seed=1).double()
    known = model.prepare(dark)
    (z,), log_det = model.flow(bright, known.conditioning)

    def density(colours) -> torch.Tensor:
        # two squeezes: channel c, row y and column x of a 4x4 block, the fine position inside the coarse one
        mean = (colours - 1).unflatten(3, (-1, 2, 2)).unflatten(2, (-1, 2, 2))  # B C h y1 y2 w x1 x2
        mean = mean.permute(0, 1, 4, 7, 3, 6, 2, 5).flatten(1, 5)
        return torch.distributions.Normal(mean, 1.0).log_prob(z).flatten(1).sum(1) + log_det

    torch.testing.assert_close(model.nll(bright, dark), -density(known.colours))
    told = torch.tensor([True, False, True])
    expected = torch.where(told, -density(colour_map(bright)), -density(known.colours))
    torch.testing.assert_close(model.nll(bright, known, told), expected)
    assert (model.nll(bright, dark, told) != model.nll(bright, dark)).tolist() == told.tolist()


def test_colours_do_not_depend_on_the_light() -> None:
    colours = 0.5 + 0.5 * draw(2, 3, 4, 4)
    light = 0.5 + draw(2, 1, 4, 4, seed=1) / 2
    torch.testing.assert_close(colour_map((colours + FLOOR) * light - FLOOR), colour_map(colours))
    assert torch.equal(colour_map(torch.full((1, 3, 2, 2), 0.3)), torch.ones(1, 3, 2, 2))
    torch.testing.assert_close(colour_map(colours).mean(1), torch.ones(2, 4, 4))


@pytest.mark.parametrize("shape", [(2, 3, 8, 12), (1, 3, 5, 11), (1, 3, 1, 1)])
def test_enhance_any_size(shape) -> None:
    model, dark = tiny(torch.float32), 0.3 * draw(*shape)
    best = model.enhance(dark)
    assert best.shape == (1, *shape)
    assert best.min() >= 0
    assert best.max() <= 1
    with torch.no_grad():
        assert torch.equal(model(dark).clamp(0, 1), best[0])
    samples = model.enhance(dark, 0.8, 3, units.generator(1))
    assert samples.shape == (3, *shape)
    assert not torch.equal(samples[0], samples[1])
    assert torch.equal(samples, model.enhance(dark, 0.8, 3, units.generator(1)))
    assert torch.equal(model.enhance(dark, n=2), torch.cat((best, best)))


def test_a_sample_is_a_latent_drawn_and_decoded() -> None:
    model, dark = tiny(), 0.3 * draw(2, 3, 8, 8).double()
    latent = torch.randn(2, 48, 2, 2, dtype=torch.float64, generator=units.generator(3))
    values = model.decode(0.7 * latent, dark)
    torch.testing.assert_close(model.encode(values, dark), 0.7 * latent)
    torch.testing.assert_close(model.enhance(dark, 0.7, 1, units.generator(3))[0], values.clamp(0, 1))


def test_bad_input() -> None:
    model = tiny(torch.float32)
    with pytest.raises(ValueError, match="bright must be .* multiples of 4, got"):
        model.nll(torch.zeros(1, 3, 6, 8), torch.zeros(1, 3, 6, 8))
    with pytest.raises(ValueError, match=r"dark must have shape \(1, 3, 8, 8\)"):
        model.nll(torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 4, 4))
    for arguments in ({"n": 0}, {"tau": -1.0}, {"tau": float("nan")}):
        with pytest.raises(ValueError, match="n must be at least 1|tau must not be negative"):
            model.enhance(torch.zeros(1, 3, 8, 8), **arguments)
    with pytest.raises(ValueError, match="must be at least 1, got LowLightFlowConfig"):
        LowLightFlowConfig(blocks=0)


def test_it_learns_to_brighten() -> None:
    torch.manual_seed(0)
    model = LowLightFlow(LowLightFlowConfig(levels=2, steps=1, hidden=16, width=16, blocks=1))
    task, optimiser = LowLightTask(model), torch.optim.Adam(model.parameters(), 5e-3)

    def pair(seed, n=8) -> tuple[torch.Tensor, torch.Tensor]:
        small = torch.rand(n, 3, 4, 4, generator=units.generator(seed))
        bright = torch.nn.functional.interpolate(small, scale_factor=8, mode="bilinear")
        return bright, degraders.LowLight((0.25, 0.25), (2.0, 2.0))(bright)

    for step in range(80):
        optimiser.zero_grad()
        task.loss(model, pair(step), units.generator(step)).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimiser.step()
    bright, dark = pair(1000)
    gain = metrics.psnr(model.eval().enhance(dark)[0], bright) - metrics.psnr(dark, bright)
    assert gain.min() > 6
