"""Work in the latent space of SRFlow, on a small model with random weights."""

import pytest
import torch

from nflib.models import RRDBConfig, SRFlow, SRFlowConfig
from nflib.models.srflow.latents import normalise, transfer_box, transfer_content, transfer_style


def draw(*shape, seed=0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def down(hr) -> torch.Tensor:
    return torch.nn.functional.avg_pool2d(hr, 2)


@pytest.fixture(scope="module")
def model() -> SRFlow:
    torch.manual_seed(0)
    model = SRFlow(
        SRFlowConfig(RRDBConfig(2, 4, 2, 2), (0,), levels=2, steps=1, transitions=1, hidden=4)
    ).double()
    model.nll(draw(4, 3, 16, 16), down(draw(4, 3, 16, 16)))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.02 * torch.randn(parameter.shape, dtype=parameter.dtype))
    return model.eval()


def test_normalise() -> None:
    z = (3 * draw(2, 4, 8, 8) + 1, draw(2, 8, 4, 4))
    for part in normalise(z, 0.8):
        torch.testing.assert_close(
            part.mean((2, 3)), torch.zeros(part.shape[:2], dtype=part.dtype), atol=1e-12, rtol=0
        )
        torch.testing.assert_close(
            part.std((2, 3), correction=0), torch.full(part.shape[:2], 0.8, dtype=part.dtype)
        )
    with pytest.raises(ValueError, match="without variation"):
        normalise(torch.ones(1, 2, 3, 3))


def test_style_of_itself_is_itself(model) -> None:
    hr = draw(1, 3, 16, 16, seed=1)
    torch.testing.assert_close(transfer_style(model, hr, down(hr), down(hr)), hr)
    other = transfer_style(model, hr, down(hr), down(draw(1, 3, 16, 16, seed=2)))
    assert not torch.allclose(other, hr, atol=1e-3)


def test_the_whole_box_is_a_style_transfer_and_an_empty_one_changes_nothing(model) -> None:
    source, lr = draw(1, 3, 16, 16, seed=1), down(draw(1, 3, 16, 16, seed=2))
    latents = model.encode(draw(1, 3, 16, 16, seed=3), lr)
    whole = transfer_box(
        model, source, down(source), box=(0, 0, 16, 16), latents=latents, corner=(0, 0), lr=lr
    )
    torch.testing.assert_close(whole, transfer_style(model, source, down(source), lr))
    nothing = transfer_box(
        model, source, down(source), box=(0, 0, 0, 0), latents=latents, corner=(0, 0), lr=lr
    )
    torch.testing.assert_close(nothing, model.to_image(model.decode(latents, lr)))


def test_a_box_changes_its_region_most(model) -> None:
    source, lr = draw(1, 3, 32, 32, seed=1), down(draw(1, 3, 32, 32, seed=2))
    latents = tuple(0.1 * z for z in model.encode(draw(1, 3, 32, 32, seed=3), lr))
    before = model.to_image(model.decode(latents, lr))
    changed = (
        (
            transfer_box(
                model, source, down(source), box=(0, 0, 16, 16), latents=latents, corner=(16, 16), lr=lr
            )
            - before
        )
        .abs()[0]
        .mean(0)
    )
    assert changed[16:, 16:].mean() > 5 * changed[:8, :8].mean()


def test_content_has_the_usual_latents(model) -> None:
    pasted = draw(1, 3, 16, 16, seed=1)
    out = model.decode(normalise(model.encode((255 * pasted + 0.5) / 256, down(pasted)), 0.8), down(pasted))
    torch.testing.assert_close(
        transfer_content(model, pasted, down(pasted)), ((256 * out - 0.5) / 255).clamp(0, 1)
    )


@pytest.mark.parametrize(
    ("box", "corner", "message"),
    [
        ((0, 0, 6, 8), (0, 0), "multiples of 4"),
        ((0, 0, 8, 8), (12, 0), "corner"),
        ((12, 0, 8, 8), (0, 0), "box"),
    ],
)
def test_bad_boxes(model, box, corner, message) -> None:
    hr = draw(1, 3, 16, 16)
    with pytest.raises(ValueError, match=message):
        transfer_box(
            model, hr, down(hr), box=box, latents=model.encode(hr, down(hr)), corner=corner, lr=down(hr)
        )
