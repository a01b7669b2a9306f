"""Glow: shapes, likelihood, sampling."""

import pytest
import torch

from nflib.models import Glow, GlowConfig
from nflib.testing import check_transform


def draw(*shape, seed=0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def test_contract() -> None:
    torch.manual_seed(0)
    check_transform(
        Glow(GlowConfig(levels=2, steps=2, hidden=16, channels=1)).flow.transform, draw(3, 1, 4, 4)
    )


def test_latents_and_round_trip() -> None:
    torch.manual_seed(0)
    model = Glow(GlowConfig(levels=3, steps=2, hidden=8)).double()
    image = draw(2, 3, 16, 24).double()
    latents = model.encode(image)
    assert [tuple(z.shape) for z in latents] == [(2, 6, 8, 12), (2, 12, 4, 6), (2, 48, 2, 3)]
    torch.testing.assert_close(model.decode(latents), image)
    assert model.nll(image).shape == (2,)


def test_a_new_glow_is_a_whitened_gaussian() -> None:
    """After ActNorm on the first batch, couplings are the identity: the mean NLL is that of normalised
    channels.
    """
    torch.manual_seed(0)
    model = Glow(GlowConfig(levels=2, steps=1, hidden=8))
    assert (
        model.nll(draw(64, 3, 8, 8)).mean() < 0.2 * 3 * 64
    )  # far below N(0, I) on raw values, which has 0.92 nats per value and more


def test_samples() -> None:
    torch.manual_seed(0)
    model = Glow(GlowConfig(levels=2, steps=1, hidden=8))
    first, same = (model.sample(2, (8, 12), 0.7, torch.Generator().manual_seed(0)) for _ in range(2))
    assert first.shape == (2, 3, 8, 12)
    assert torch.equal(first, same)


@pytest.mark.parametrize("changes", [dict(levels=1), dict(steps=0), dict(hidden=0), dict(channels=0)])
def test_bad_configuration(changes) -> None:
    with pytest.raises(ValueError, match="must be at least"):
        GlowConfig(**changes)
