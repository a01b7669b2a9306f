"""L2CN: draws have the second moments of the content; pairs are what the decoder makes of them."""

from __future__ import annotations

import pytest
import torch

from nflib import units
from nflib.models import LUDVAE, ContentPrior, LUDVAEConfig

SIDE = 8


@pytest.fixture(scope="module")
def model() -> LUDVAE:
    torch.manual_seed(0)
    return LUDVAE(LUDVAEConfig(levels=2, width=6, sigma_clean=0.0)).eval()


@pytest.fixture(scope="module")
def clean() -> torch.Tensor:
    """Crops with correlated neighbours and colours."""
    white = torch.randn(256, 3, SIDE, SIDE, generator=units.generator(1))
    near = white + 0.8 * white.roll(1, 3) + 0.5 * white.roll(1, 2)
    return (0.5 + 0.1 * (near + 0.5 * near.roll(1, 1))).clamp(0, 1)


def moments(features: torch.Tensor) -> torch.Tensor:
    """Covariances between all channels, of a place with itself, its right and its lower neighbour, borders
    joined.
    """
    centred = features.double() - features.double().mean((0, 2, 3), keepdim=True)
    shifts = [(0, 0), (0, 1), (1, 0)]
    count = centred.shape[0] * SIDE * SIDE
    return torch.stack(
        [torch.einsum("nchw,ndhw->cd", centred, centred.roll(s, (2, 3))) / count for s in shifts]
    )


@torch.no_grad()
def test_draws_have_the_second_moments_of_the_content(model, clean) -> None:
    prior = ContentPrior(model, clean)
    wanted = torch.cat(model.features(clean), 1)
    drawn = [torch.cat(prior.sample(1000, units.generator(seed)), 1) for seed in range(6)]
    found = torch.stack([moments(one) for one in drawn])
    error = found.std(0) / len(drawn) ** 0.5
    scale = moments(wanted)[0].diagonal().mean()
    assert ((found.mean(0) - moments(wanted)).abs() < 6 * error + 0.01 * scale).all()
    means = torch.stack([one.mean((0, 2, 3)) for one in drawn])
    spread = means.std(0) / len(drawn) ** 0.5
    assert ((means.mean(0) - wanted.mean((0, 2, 3))).abs() < 6 * spread + 1e-4).all()


@torch.no_grad()
def test_pairs_are_one_content_decoded_twice(model, clean) -> None:
    prior = ContentPrior(model, clean)
    g = units.generator(2)
    features = prior.sample(3, g)
    white = model.white(clean[:3], g)
    one, other = prior.pairs(3, tau=0.7, generator=units.generator(2))
    torch.testing.assert_close(one, model._decode(features).clamp(0, 1))
    draws = iter(white)
    noisy = model._decode(features, lambda level, state: 0.7 * level.draw(state, next(draws)))
    torch.testing.assert_close(other, noisy.clamp(0, 1))
    same = prior.pairs(3, tau=0.0, generator=units.generator(2))
    torch.testing.assert_close(*same)
