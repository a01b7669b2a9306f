"""DeFlow beyond the fixtures: configurations, degrading, restoring, sampling, errors."""

import json
from dataclasses import replace

import pytest
import torch

from nflib.checkpoints import official_state
from nflib.checkpoints.official import UNUSED
from nflib.data import ChannelStatistics, ColourMatch
from nflib.models import DeFlow, DeFlowConfig, RRDBConfig
from tests.helpers import golden

TINY = DeFlowConfig(RRDBConfig(2, 4, 2, 2), taps=(0,), levels=3, steps=1, transitions=1, hidden=4, noise=0.3)


def draw(*shape, seed=0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture(
    scope="module",
    params=[TINY, replace(TINY, local=True), replace(TINY, splits=True, centred=False)],
    ids=["ours", "local", "published form"],
)
def model(request) -> DeFlow:
    torch.manual_seed(0)
    model = DeFlow(request.param).double()
    image = draw(4, 3, 16, 16)
    model.nll(image, model.condition(image), ["clean", "degraded"] * 2)  # ActNorm
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.02 * torch.randn(parameter.shape, dtype=parameter.dtype))
    return model.eval().requires_grad_(False)


def generator(seed) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@golden.needed
def test_the_aim_model_has_the_official_tensors() -> None:
    shapes = {
        name: tuple(shape)
        for name, shape in json.loads((golden.FOLDER / "deflow_aim_state_shapes.json").read_text()).items()
    }
    model = DeFlow(DeFlowConfig.aim())
    unused = {name: torch.Size(shape).numel() for name, shape in shapes.items() if UNUSED.fullmatch(name)}
    assert {name: tuple(tensor.shape) for name, tensor in official_state(model).items()} == {
        n: s for n, s in shapes.items() if n not in unused
    }
    # the published count: trainable tensors, the constant identities and a convolution that nothing uses
    assert sum(p.numel() for p in model.parameters()) + sum(unused.values()) == 62_935_305


def test_a_centred_flow_models_the_difference_to_the_enlarged_condition(model) -> None:
    image, condition = draw(1, 3, 16, 16), draw(1, 3, 8, 8, seed=1)
    known = model.prepare(condition)
    centre = known.conditioning.centre
    assert (centre is not None) == model.config.centred
    if model.config.centred:
        expected = model.encode(
            image - centre, known._replace(conditioning=known.conditioning._replace(centre=None))
        )
        torch.testing.assert_close(model.encode(image, known), expected)


def test_only_local_noise_has_a_gain(model) -> None:
    known = model.prepare(draw(2, 3, 8, 12))
    (*_, deepest) = model.flow.transform.latent_shape((2, 3, *known.conditioning.size))
    assert (known.gain.shape == deepest) if model.config.local else known.gain is None


@pytest.mark.parametrize("domain", ["clean", "degraded"])
def test_a_prepared_condition_is_as_good_as_the_condition(model, domain) -> None:
    image, condition = draw(2, 3, 16, 24), draw(2, 3, 8, 12, seed=1)
    known = model.prepare(condition)
    assert model.nll(image, known, domain).equal(model.nll(image, condition, domain))
    assert model.sample(known, domain, generator(0)).equal(model.sample(condition, domain, generator(0)))
    z = model.encode(image, known)
    assert all(one.equal(other) for one, other in zip(z, model.encode(image, condition)))
    assert model.decode(z, known).equal(model.decode(z, condition))


def test_no_strength_returns_the_input_exactly(model) -> None:
    image = draw(1, 3, 10, 13)
    assert torch.equal(model.degrade(image, tau=0.0), image)


@pytest.mark.parametrize(("height", "width"), [(16, 24), (13, 9)])
def test_degrade_any_size(model, height, width) -> None:
    image = draw(2, 3, height, width)
    first, same, other = (model.degrade(image, generator=generator(s)) for s in (0, 0, 1))
    assert first.shape == image.shape
    assert first.min() >= 0
    assert first.max() <= 1
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


def test_a_given_condition_is_padded_with_its_image(model) -> None:
    image = draw(1, 3, 20, 12)
    assert model.degrade(image, condition=draw(1, 3, 10, 6), generator=generator(0)).shape == image.shape


def test_more_strength_is_farther_away(model) -> None:
    image, condition = draw(1, 3, 16, 16), draw(1, 3, 8, 8, seed=1)
    moved = [
        (model.degrade(image, tau, condition, generator(0)) - image).abs().mean() for tau in (0.3, 1.0, 1.6)
    ]
    assert moved[0] < moved[1] < moved[2]


def test_degrade_is_encode_shift_decode(model) -> None:
    image, condition = draw(1, 3, 16, 16), draw(1, 3, 8, 8, seed=1)
    z = model.encode(image, condition)
    base = model.base(model.prepare(condition))
    shifted = tuple(a + u for a, u in zip(z, base.shift(z, 0.7, generator(3))))
    expected = model.decode(shifted, condition).clamp(0, 1)
    torch.testing.assert_close(model.degrade(image, 0.7, condition, generator(3)), expected)


def test_restored_latents_have_the_posterior(model) -> None:
    z = tuple(
        torch.randn(s, dtype=torch.float64, generator=generator(0))
        for s in model.flow.transform.latent_shape((1, 3, 120, 120))
    )
    means, covariances = model.flow.base.posterior(z)
    if model.config.local:  # variances along the axes, here the same at all positions
        axes = model.flow.base.axes0
        covariances = [axes @ torch.diag(variances[0, :, 0, 0]) @ axes.T for variances in covariances]
    drawn = model.flow.base.sample_posterior(z, generator(1))
    for mean, covariance, sample in zip(means, covariances, drawn):
        residual = (sample - mean)[0].flatten(1)
        n = residual.shape[1]
        found = residual @ residual.T / n
        limit = 6 * covariance.diagonal().max() / n**0.5
        assert (found - covariance).abs().max() < limit


def test_restore_and_sample(model) -> None:
    image = draw(1, 3, 13, 16)
    restored = [model.restore(image, generator=generator(s)) for s in (0, 0, 1)]
    assert restored[0].shape == image.shape
    assert torch.equal(restored[0], restored[1])
    assert not torch.equal(restored[0], restored[2])
    condition = draw(2, 3, 8, 12)
    clean, degraded = (model.sample(condition, domain, generator(0)) for domain in ("clean", "degraded"))
    assert clean.shape == (2, 3, 16, 24)
    assert not torch.equal(clean, degraded)


def test_the_noise_factor_starts_small_and_not_at_zero() -> None:
    assert all(power > 0 for power in DeFlow(TINY).flow.base.noise_power())
    assert DeFlowConfig.ntire().noise == 0  # as published, for loading


def test_colours_are_matched_before_and_given_back_after() -> None:
    statistics = [
        ChannelStatistics(tuple(draw(3, seed=s).tolist()), tuple((0.1 + draw(3, seed=s + 1)).tolist()), 1)
        for s in (0, 2)
    ]
    match = ColourMatch(source=statistics[1], target=statistics[0])
    torch.manual_seed(0)
    plain = DeFlow(replace(TINY, local=True)).double().eval()
    model = DeFlow(replace(TINY, local=True, matched=True)).double().eval()
    model.load_state_dict({**plain.state_dict(), "colours": model.colours})
    image = draw(1, 3, 16, 16)
    assert torch.equal(
        model.degrade(image, generator=generator(0)), plain.degrade(image, generator=generator(0))
    )
    model.set_colours(match)
    torch.testing.assert_close(model.match(image), match(image))
    # a small shift of the clean image in its own colours, then the colours of the other domain
    made = plain.degrade(image, generator=generator(0))
    inside = (made > 0) & (made < 1)
    torch.testing.assert_close(
        model.degrade(image, generator=generator(0))[inside], match.inverse(made)[inside]
    )
    assert torch.equal(
        model.restore(image, generator=generator(0)), plain.restore(match(image), generator=generator(0))
    )
    with pytest.raises(ValueError, match="matched=True"):
        plain.set_colours(match)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.degrade(draw(1, 3, 8, 8), tau=-1), "tau must not be negative"),
        (
            lambda m: m.degrade(draw(1, 3, 16, 16), condition=draw(1, 3, 4, 8)),
            r"condition must have shape \(1, 3, 8, 8\)",
        ),
        (lambda m: m.nll(draw(1, 3, 12, 16), draw(1, 3, 6, 8), "clean"), "multiples of 8"),
        (
            lambda m: m.nll(draw(1, 3, 16, 16), draw(1, 3, 4, 4), "clean"),
            r"condition must have shape \(1, 3, 8, 8\)",
        ),
        (lambda m: m.nll(draw(1, 3, 16, 16), draw(1, 3, 8, 8), "noisy"), "domain must be"),
        (lambda m: replace(TINY, affine="multiply"), "affine must be"),
        (lambda m: replace(TINY, noise=-1.0), "must not be negative"),
        (lambda m: replace(TINY, taps=(5,)), "taps"),
        (lambda m: replace(TINY, local=True, splits=True), "local needs splits=False"),
    ],
)
def test_errors(model, call, message) -> None:
    with pytest.raises(ValueError, match=message):
        call(model)
