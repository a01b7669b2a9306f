"""The linear start is chapter 1's closed form, in as many dimensions as a block has."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from nflib.closed_form.gaussian import fit_moments
from nflib.domain import parse
from nflib.models import DeFlow, DeFlowConfig, RRDBConfig
from nflib.models.deflow import linear_start

TINY = DeFlowConfig(
    RRDBConfig(2, 4, 2, 1),
    taps=(),
    levels=2,
    steps=2,
    transitions=1,
    hidden=4,
    h=parse("downsample:2+noise:0.0"),
)


def generator(seed) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def crops(seed, noise=0.0, n=100) -> torch.Tensor:
    """Smooth colour fields, with noise of neighbours on a diagonal."""
    g = generator(seed)
    smooth = torch.nn.functional.interpolate(
        torch.rand(n, 3, 4, 4, generator=g, dtype=torch.float64), size=16, mode="bicubic"
    )
    white = torch.randn(n, 3, 17, 17, generator=g, dtype=torch.float64)
    grain = white[:, :, 1:, 1:] + white[:, :, :-1, :-1]
    return smooth + 0.02 * torch.randn(n, 3, 16, 16, generator=g, dtype=torch.float64) + noise * grain


def started(config=TINY, **how) -> DeFlow:
    torch.manual_seed(0)
    model = DeFlow(config).double().eval()
    linear_start(model, crops(0), crops(1, 0.05), flattest=1.0, generator=generator(2), **how)
    return model.requires_grad_(False)


def blocks(images, model) -> torch.Tensor:
    """Residuals to the enlarged condition as vectors of 4 x 4 x 3."""
    return (
        torch.nn.functional.unfold(
            images - model.prepare(model.condition(images)).conditioning.centre, 4, stride=4
        )
        .transpose(1, 2)
        .flatten(0, 1)
    )


@pytest.mark.parametrize("local", [False, True])
def test_it_is_the_closed_form(local) -> None:
    model = started(replace(TINY, local=local))
    residuals = [blocks(images, model) for images in (crops(0), crops(1, 0.05))]
    means, covariances = zip(*((r.mean(0), r.T.cov(correction=0)) for r in residuals))
    expected = fit_moments(means[0].numpy(), covariances[0].numpy(), means[1].numpy(), covariances[1].numpy())
    # clean latents are white, and degraded minus clean images have the closed form's moments
    clean = crops(0)
    (z,) = model.encode(clean, model.condition(clean))
    values = z.transpose(0, 1).flatten(1)
    torch.testing.assert_close(values.mean(1), torch.zeros(48, dtype=torch.float64), atol=1e-9, rtol=0)
    torch.testing.assert_close(
        values.cov(correction=0), torch.eye(48, dtype=torch.float64), atol=1e-8, rtol=0
    )
    many = torch.full((2000, 3, 16, 16), 0.5, dtype=torch.float64)
    context = model.prepare(model.condition(many))
    latents = model.encode(many, context)
    shifted = tuple(a + u for a, u in zip(latents, model.base(context).shift(latents, 1.0, generator(3))))
    added = (
        torch.nn.functional.unfold(model.decode(shifted, context) - many, 4, stride=4)
        .transpose(1, 2)
        .flatten(0, 1)
    )
    scale = torch.as_tensor(expected.cov_u).trace()
    assert (added.T.cov() - torch.as_tensor(expected.cov_u)).norm() < 0.08 * scale
    torch.testing.assert_close(
        added.mean(0),
        torch.as_tensor(expected.mean_u),
        atol=6 * float(scale) ** 0.5 / len(added) ** 0.5,
        rtol=0,
    )


def test_splits_are_whitened_too() -> None:
    model = started(replace(TINY, levels=3, splits=True, encoder=RRDBConfig(2, 4, 2, 1)))
    clean = crops(0)
    latents = model.encode(clean, model.condition(clean))
    assert len(latents) == 2
    for z in latents:
        values = z.transpose(0, 1).flatten(1)
        torch.testing.assert_close(
            values.cov(correction=0), torch.eye(len(values), dtype=torch.float64), atol=1e-8, rtol=0
        )


def test_the_noise_can_be_left_to_learning() -> None:
    model = started(closed_form=False)
    assert torch.equal(model.flow.base.factor[0], 0.5 * torch.eye(48, dtype=torch.float64))
    assert not model.flow.base.mean[0].any()


def flat_and_textured(seed, noise=None) -> torch.Tensor:
    """Half of each crop is flat, half has strong texture; with noise, everywhere the same or a function of
    brightness.
    """
    g = generator(seed)
    brightness = torch.rand(300, 1, 1, 1, generator=g, dtype=torch.float64) * 0.6 + 0.2
    images = brightness + 0.004 * torch.randn(300, 3, 32, 32, generator=g, dtype=torch.float64)
    contrast = 0.1 if noise is None else 0.2  # the two sets differ in content
    images[..., 16:] += contrast * torch.randn(300, 3, 32, 16, generator=g, dtype=torch.float64)
    return (
        images
        if noise is None
        else images + noise(brightness) * torch.randn(images.shape, generator=g, dtype=torch.float64)
    )


def added_deviation(model, value) -> float:
    image = torch.full((200, 3, 16, 16), value, dtype=torch.float64)
    return (model.degrade(image, generator=generator(3)) - image).std().item()


def test_flat_blocks_show_the_noise_though_the_contents_differ() -> None:
    found = {}
    for share in (1.0, 0.3):
        torch.manual_seed(0)
        model = DeFlow(TINY).double().eval()
        linear_start(
            model,
            flat_and_textured(0),
            flat_and_textured(1, lambda _: 0.03),
            flattest=share,
            generator=generator(2),
        )
        found[share] = added_deviation(model, 0.5)
    assert found[0.3] == pytest.approx(0.03, rel=0.1)
    assert found[1.0] > 0.08


def test_the_gain_follows_the_brightness() -> None:
    torch.manual_seed(0)
    model = DeFlow(replace(TINY, local=True)).double().eval()

    def noise(x) -> Any:
        return 0.01 + 0.05 * x

    linear_start(
        model, flat_and_textured(0), flat_and_textured(1, noise), flattest=0.3, generator=generator(2)
    )
    dark, bright = (added_deviation(model, value) for value in (0.3, 0.7))
    assert dark == pytest.approx(noise(0.3), rel=0.15)
    assert bright == pytest.approx(noise(0.7), rel=0.15)


def test_it_round_trips_and_has_no_scales_yet() -> None:
    model, image = started(), crops(5, n=2)
    condition = model.condition(image)
    torch.testing.assert_close(
        model.decode(model.encode(image, condition), condition), image, rtol=0, atol=1e-10
    )
    # linear: the latent of a mean is the mean of the latents
    mixed = model.encode(image.mean(0, keepdim=True), condition.mean(0, keepdim=True))
    torch.testing.assert_close(mixed[0], model.encode(image, condition)[0].mean(0, keepdim=True))


def test_few_crops_give_a_larger_share() -> None:
    """Of 100 crops of 16 pixels, 1,600 blocks, one in a hundred would not do for 48 channels."""
    model = started_at(0.01)
    assert model.flow.base.factor[0].isfinite().all()
    assert added_deviation(model, 0.5) == pytest.approx(0.05 * 2**0.5, rel=0.15)


def started_at(flattest) -> DeFlow:
    torch.manual_seed(0)
    model = DeFlow(TINY).double().eval()
    linear_start(model, crops(0), crops(1, 0.05), flattest=flattest, generator=generator(2))
    return model.requires_grad_(False)


def test_errors() -> None:
    with pytest.raises(ValueError, match="affine"):
        linear_start(DeFlow(replace(TINY, affine="divide")).double(), crops(0), crops(1))
    with pytest.raises(ValueError, match="positions cannot whiten 48 channels"):
        linear_start(DeFlow(TINY).double(), crops(0, n=2), crops(1))
    stripes = crops(0)[..., :1].expand(-1, -1, -1, 16)
    with pytest.raises(ValueError, match="dequantise"):
        linear_start(DeFlow(TINY).double().eval(), stripes, crops(1))
