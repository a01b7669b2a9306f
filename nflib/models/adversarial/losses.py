"""What critic and degrader play for, and the parts of an image that the critic is shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...units import rand
from .degrader import Source

# Side of the mean that parts an image into low and high frequencies.
SIDE = 5


class _Game(NamedTuple):
    real: Callable[[Tensor], Tensor]
    fake: Callable[[Tensor], Tensor]
    fooling: Callable[[Tensor], Tensor]


_GAMES: Mapping[str, _Game] = {
    "logistic": _Game(lambda x: F.softplus(-x), F.softplus, lambda x: F.softplus(-x)),
    "least squares": _Game(
        lambda x: (x - 1).square() / 2, lambda x: x.square() / 2, lambda x: (x - 1).square() / 2
    ),
    "wasserstein": _Game(lambda x: -x, lambda x: x, lambda x: -x),
}
CRITIC_LOSSES: tuple[str, ...] = tuple(_GAMES)
"""The games: "logistic" (Goodfellow et al. 2014, with the loss of the generator that does not saturate),
"least squares" (Mao et al. 2017) and "wasserstein" (Arjovsky et al. 2017), which needs a
:func:`gradient_penalty`."""


def critic_loss(kind: str, real: Tensor, fake: Tensor) -> Tensor:
    """Loss of a critic that is to tell real images from made ones, a scalar.

    Args:
        kind: of :data:`CRITIC_LOSSES`.
        real, fake: logits of any shape; the means are over all of them.
    """
    game = _GAMES[kind]
    return game.real(real).mean() + game.fake(fake).mean()


def fooling_loss(kind: str, fake: Tensor) -> Tensor:
    """Loss of what is to make images that a critic takes for real, a scalar; arguments as for
    :func:`critic_loss`.
    """
    return _GAMES[kind].fooling(fake).mean()


def gradient_penalty(critic: nn.Module, real: Tensor, fake: Tensor, generator: Source = None) -> Tensor:
    """``mean (|gradient of the critic| - 1)^2`` between real and made images, a scalar (Gulrajani et al.,
    NeurIPS 2017, eq. 3), where the critic of an image is the mean of its logits.

    Args:
        critic: without normalisation over the batch.
        real, fake: (B, 3, H, W), in pairs, as many as there are; they get no gradient.
        generator: of the places between the two.
    """
    pairs = min(len(real), len(fake))
    real, fake = real[:pairs], fake[:pairs]
    generator = generator[:pairs] if isinstance(generator, Sequence) else generator
    share = rand((len(real), 1, 1, 1), real, generator)
    with torch.enable_grad():  # also where the loss is only looked at
        between = (share * real + (1 - share) * fake).detach().requires_grad_(True)
        score = critic(between).flatten(1).mean(1).sum()
        (slope,) = torch.autograd.grad(score, between, create_graph=True)
        return (slope.flatten(1).norm(dim=1) - 1).square().mean()


def low_frequencies(images: Tensor) -> Tensor:
    """The mean of the 5x5 pixels around each, fewer at the border: what FSSR ties to the clean image."""
    return F.avg_pool2d(images, SIDE, 1, SIDE // 2, count_include_pad=False)


def high_frequencies(images: Tensor) -> Tensor:
    """What :func:`low_frequencies` leaves: what FSSR shows its critic."""
    return images - low_frequencies(images)


def wavelet_details(images: Tensor) -> Tensor:
    """The three detail bands of one level of Haar's wavelet, (B, C, H, W) -> (B, 3C, H/2, W/2), orthonormal;
    sides must be even. DASR's critic sees them and not the fourth band, the mean.
    """
    a, b, c, d = (images[..., row::2, column::2] for row in (0, 1) for column in (0, 1))
    return torch.cat((a - b + c - d, a + b - c - d, a - b - c + d), 1) / 2
