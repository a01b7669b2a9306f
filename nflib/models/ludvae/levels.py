"""The pieces of LUD-VAE: blocks of convolutions, and the layers of its degradation latent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...closed_form.divergences import kl_normal
from ...noise.spectrum import SIDE, log_volume, posterior_filters
from ...transforms.precision import full_precision, raised
from ...units import randn

# Of random numbers: one generator, or one for each image of a batch.
Source = torch.Generator | Sequence[torch.Generator] | None


class Gaussian(NamedTuple):
    """Independent normal laws: mean and log standard deviation, both (B, C, H, W)."""

    mean: Tensor
    log_sd: Tensor

    def sample(self, generator: Source = None) -> Tensor:
        return self.mean + self.log_sd.exp() * randn(self.mean.shape, self.mean, generator)

    def kl(self, other: Gaussian | None = None) -> Tensor:
        """KL(self || other) of every element, in nats; other is N(0, 1) by default."""
        return kl_normal(self.mean, self.log_sd) if other is None else kl_normal(*self, *other)


class ConvBlock(nn.Module):
    """Four 3x3 convolutions with a ReLU between each two; no ReLU at the end."""

    def __init__(self, width: int):
        super().__init__()
        self.convs = cast(
            Sequence[nn.Conv2d], nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(4))
        )

    def forward(self, x: Tensor) -> Tensor:
        for conv in self.convs[:-1]:
            x = F.relu(conv(x))
        return self.convs[-1](x)


class Merge(nn.Module):
    """A 1x1 convolution of two maps one after the other in the channels. The second may be there for the last
    images of the batch only, or not at all: then its part is not computed.
    """

    def __init__(self, width: int):
        super().__init__()
        self.conv = nn.Conv2d(2 * width, width, 1)

    def forward(self, x: Tensor, second: Tensor | None) -> Tensor:
        of_first, of_second = self.conv.weight.chunk(2, 1)
        merged = F.conv2d(x, of_first, self.conv.bias)
        if second is None:
            return merged
        start = len(x) - len(second)
        added = merged[start:] + F.conv2d(second, of_second)
        return torch.cat((merged[:start], added)) if start else added


class Law(nn.Module):
    """Mean and log standard deviation by a 1x1 convolution each; of single precision at least."""

    def __init__(self, width: int):
        super().__init__()
        self.mean, self.log_sd = nn.Conv2d(width, width, 1), nn.Conv2d(width, width, 1)

    def forward(self, x: Tensor) -> Gaussian:
        return Gaussian(raised(self.mean(x)), raised(self.log_sd(x)))


class Shape(nn.Module):
    """The first three channels of a layer as noise with a spectrum: white ones, coloured by a filter, are
    what the decoder adds.

    Their posterior is correlated: a single value of z is known well only together with its neighbours, at the
    frequencies that the noise has. So its mean passes a filter, a parameter that starts at the optimum of the
    linear model, and what is uncertain another one, which is fixed. Without it the posterior is narrow where
    nothing is known, and the noise comes out too weak.
    """

    colour: Tensor
    spread: Tensor
    volume: Tensor

    def __init__(self):
        super().__init__()
        for name in ("colour", "spread"):
            self.register_buffer(name, torch.zeros(3, 3, SIDE, SIDE))
        self.register_buffer("volume", torch.zeros(()))
        self.whiten = nn.Parameter(torch.zeros(3, 3, SIDE, SIDE))
        delta = torch.zeros(3, 3, SIDE, SIDE)
        delta[:, :, SIDE // 2, SIDE // 2] = torch.eye(3)
        self.set(delta)

    @torch.no_grad()
    def set(self, taps: Tensor) -> None:
        whiten, spread = posterior_filters(taps)
        for mine, value in ((self.colour, taps), (self.whiten, whiten), (self.spread, spread)):
            mine.copy_(value)
        self.volume.fill_(log_volume(spread))

    def coloured(self, z: Tensor) -> Tensor:
        return _filtered(z, self.colour)

    def whitened(self, mean: Tensor) -> Tensor:
        return _filtered(mean, self.whiten)

    def sample(self, law: Gaussian, generator: Source) -> Tensor:
        return law.mean + law.log_sd.exp() * _filtered(
            randn(law.mean.shape, law.mean, generator), self.spread
        )

    def kl(self, law: Gaussian, prior: Gaussian | None) -> Tensor:
        """Exact up to the borders: of the correlation the KL only sees the variance of each value and the
        determinant.
        """
        other = Gaussian(torch.zeros_like(law.mean), torch.zeros_like(law.mean)) if prior is None else prior
        variance = self.spread.square().sum((1, 2, 3)).view(1, 3, 1, 1)
        wide = (2 * (law.log_sd - other.log_sd)[:, :3]).exp() * (variance - 1)
        added = (wide - self.volume / 3) / 2
        return torch.cat((law.kl(other)[:, :3] + added, law.kl(other)[:, 3:]), 1)


def _filtered(x: Tensor, taps: Tensor) -> Tensor:
    """The first three channels through a filter, continued by reflection: borders have as much noise as the
    rest.
    """
    first = x[:, :3]
    for dim in (2, 3):
        n = x.shape[dim]
        index = torch.arange(-(SIDE // 2), n + SIDE // 2, device=x.device) % max(2 * n - 2, 1)
        first = first.index_select(dim, torch.minimum(index, 2 * n - 2 - index).clamp(min=0))
    with full_precision(x):
        return torch.cat((F.conv2d(first, taps), x[:, 3:]), 1)


class Level(nn.Module):
    """One layer of the degradation latent, the top one being number 0, and its step of the decoder.

    Below the top: ``join`` brings the layer's content features in, ``witness`` what the degradation encoder
    saw. With ``shape`` the posterior's first channels are whitened, and the decoder gets them coloured. With
    priors on latents only, ``chain`` (and ``carry``) hand the layers drawn so far to the next layer's laws.
    """

    def __init__(self, width: int, number: int, count: int, priors: str, shaped: bool = False):
        super().__init__()
        top, hands_on = number == 0, priors == "latents" and number < count - 1
        self.posterior, self.merge, self.decoder = Law(width), Merge(width), ConvBlock(width)
        self.join = None if top else Merge(width)
        self.witness = None if top else Merge(width)
        self.prior = None if top else Law(width)
        self.chain = ConvBlock(width) if hands_on else None
        self.carry = Merge(width) if hands_on and not top else None
        self.shape = Shape() if shaped else None

    def laws(self, state: Tensor, evidence: Tensor) -> tuple[Gaussian, Gaussian | None]:
        """Posterior and prior (None: standard normal) of this layer."""
        posterior = self.posterior(evidence if self.witness is None else self.witness(state, evidence))
        if self.shape is not None:
            posterior = posterior._replace(mean=self.shape.whitened(posterior.mean))
        return posterior, None if self.prior is None else self.prior(state)

    def infer(self, state: Tensor, evidence: Tensor, generator: Source) -> tuple[Tensor, Tensor]:
        """A sample of the posterior, and its KL to the prior, element by element."""
        q, p = self.laws(state, evidence)
        if self.shape is not None:
            return self.shape.sample(q, generator), self.shape.kl(q, p)
        return q.sample(generator), q.kl(p)

    def draw(self, state: Tensor, white: Tensor) -> Tensor:
        """The sample of the prior that white noise stands for."""
        if self.prior is None:
            return white
        law = self.prior(state)
        return law.mean + law.log_sd.exp() * white
