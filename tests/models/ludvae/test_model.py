"""LUD-VAE beyond the fixtures: sizes, both graphs, the meaning of the loss, what is left out, any size of
image, errors.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from nflib import checkpoints
from nflib.checkpoints import load_official, official_state
from nflib.data import ChannelStatistics, ColourMatch
from nflib.metrics import autocorrelation
from nflib.models import LUDVAE, LUDVAEConfig
from nflib.models.ludvae.levels import Gaussian, Merge
from nflib.models.ludvae.start import follow_colours, start_near_identity
from nflib.noise.gain import NoiseGain
from nflib.noise.spectrum import SIDE

TINY = LUDVAEConfig(levels=2, width=6, sigma_clean=0.1, sigma_degraded=0.06)


def draw(*shape, seed=0) -> torch.Tensor:
    return torch.rand(shape, generator=generator(seed), dtype=torch.float64)


def generator(seed) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def build(seed=0, **changes) -> LUDVAE:
    torch.manual_seed(seed)
    return LUDVAE(replace(TINY, **changes)).double().eval()


@pytest.fixture(scope="module")
def model() -> LUDVAE:
    return build()


@pytest.mark.parametrize(("levels", "millions"), [(1, 1.838), (2, 3.774), (3, 5.710), (4, 7.646), (5, 9.581)])
def test_sizes_of_table_7(levels, millions) -> None:
    with torch.device("meta"):
        count = sum(p.numel() for p in LUDVAE(LUDVAEConfig(levels=levels)).parameters())
    assert count / 1e6 == pytest.approx(millions, abs=5e-4)
    assert count == 1_838_339 + (levels - 1) * 1_935_744


@pytest.mark.parametrize("levels", [1, 2, 4])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 12)])
def test_any_size_and_same_seed_same_result(levels, height, width) -> None:
    model, images = build(levels=levels), draw(2, 3, height, width)
    first, same, other = (model.degrade(images, generator=generator(s)) for s in (0, 0, 1))
    assert first.shape == images.shape
    assert first.min() >= 0
    assert first.max() <= 1
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
    assert model.denoise(images, generator=generator(0)).shape == images.shape


def test_no_strength_returns_the_input_and_with_given_prenoise_the_reconstruction(model) -> None:
    images = draw(2, 3, 8, 8)
    assert torch.equal(model.degrade(images, tau=0.0), images)
    prenoised = model.prenoise(images, "clean", generator=generator(1))
    assert torch.equal(
        model.degrade(images, 0.0, prenoised=prenoised), model.denoise(images, prenoised=prenoised)
    )


def test_translation_draws_the_prenoise_of_its_domain(model) -> None:
    images = draw(1, 3, 8, 8)
    for domain, sigma, translate in (
        ("clean", 0.1, lambda g: model.degrade(images, 1.0, g)),
        ("degraded", 0.06, lambda g: model.denoise(images, g)),
    ):
        g = generator(4)
        prenoised = images + sigma * torch.randn(images.shape, generator=g, dtype=images.dtype)
        expected = (
            model.degrade(images, 1.0, g, prenoised)
            if domain == "clean"
            else model.denoise(images, g, prenoised)
        )
        assert torch.equal(translate(generator(4)), expected)
        assert torch.equal(model.prenoise(images, domain, generator=generator(4)), prenoised)
        assert torch.equal(model.prenoise(images, domain, sigma=0), images)
    assert torch.equal(
        model.degrade(images, 1.0, generator(4), sigma=0.1), model.degrade(images, 1.0, generator(4))
    )


def test_difference_keeps_the_content() -> None:
    """The clean image plus what the latent changes: an offset of the decoder does not matter."""
    plain, difference = build(), build(difference=True)
    difference.load_state_dict(plain.state_dict())
    images = draw(2, 3, 8, 8)
    features, white = (
        plain.features(plain.prenoise(images, "clean", generator=generator(0))),
        plain.white(images, generator(1)),
    )
    with torch.no_grad():
        expected = (
            images
            + plain.translate(images, features, 1.0, white)
            - plain.translate(images, features, 0.0, white)
        )
        torch.testing.assert_close(difference.translate(images, features, 1.0, white), expected)
        difference.out.bias += 0.3
        torch.testing.assert_close(difference.translate(images, features, 1.0, white), expected)


@pytest.mark.parametrize("shaped", [False, True])
def test_tiles_make_no_difference(shaped) -> None:
    model, images = build(shaped=shaped), draw(1, 3, 150, 170)
    if shaped:
        model.shape_noise(filters())
    whole = model.degrade(images, 1.3, generator(0))
    tiled = model.samples(images, 1.3, 2, generator=generator(0), tile=130, overlap=124)
    assert tiled.shape == (2, *images.shape)
    assert not torch.equal(tiled[0], tiled[1])
    torch.testing.assert_close(tiled[0], whole)
    assert torch.equal(model.samples(images, 0.0, 2)[1], images)
    with pytest.raises(ValueError, match="tile and overlap"):
        model.samples(images, tile=100, overlap=100)


@pytest.mark.parametrize("priors", ["content", "latents"])
@pytest.mark.parametrize("levels", [1, 3])
def test_the_loss_is_the_elbo_with_the_kl_weight_as_variance(priors, levels) -> None:
    """2 w / D times the mean of -ELBO over a balanced batch, constants aside (section 6.5 of the notes:
    decoder variance w).
    """
    model, clean, degraded = (
        build(priors=priors, levels=levels, decoder_sd=0.3),
        draw(3, 3, 6, 5),
        draw(3, 3, 6, 5, seed=1),
    )
    dims, variance = clean[0].numel(), 0.3**2

    g = generator(0)
    loss = model.loss(clean, degraded, generator=generator(0)).item()
    prenoised = model.prenoise(clean, "clean", generator=g), model.prenoise(degraded, "degraded", generator=g)
    bounds = (
        model.negative_elbo(clean, "clean", g, prenoised[0]),
        model.negative_elbo(degraded, "degraded", g, prenoised[1]),
    )
    bound = torch.cat(bounds).mean().item()
    constant = dims / 2 * math.log(2 * math.pi * variance)
    assert loss == pytest.approx(2 * variance / dims * (bound - constant), rel=1e-9)
    terms = model.terms(clean, degraded, generator(0))
    assert loss == pytest.approx((terms.reconstruction + variance * terms.kl).item())
    assert model.loss(clean, degraded, kl_weight=0.0, generator=generator(0)).item() == pytest.approx(
        terms.reconstruction.item()
    )


def test_kl_is_that_of_torch() -> None:
    q, p = (Gaussian(draw(1, 2, 3, 3, seed=s) - 0.5, draw(1, 2, 3, 3, seed=s + 1) - 0.5) for s in (0, 2))
    theirs = [torch.distributions.Normal(law.mean, law.log_sd.exp()) for law in (q, p)]
    torch.testing.assert_close(q.kl(p), torch.distributions.kl_divergence(*theirs))
    standard = torch.distributions.Normal(torch.zeros_like(q.mean), 1.0)
    torch.testing.assert_close(q.kl(), torch.distributions.kl_divergence(theirs[0], standard))


@pytest.mark.parametrize(("priors", "sees_content"), [("content", True), ("latents", False)])
def test_what_the_priors_see(priors, sees_content) -> None:
    model, first, second = build(priors=priors, levels=3), draw(1, 3, 8, 8), draw(1, 3, 8, 8, seed=1)
    found = []
    for images in (first, second):
        laws = []
        for level in model.levels[1:]:
            level.prior.register_forward_hook(lambda module, inputs, law, laws=laws: laws.append(law))
        model.degrade(images, generator=generator(0), prenoised=images)
        found.append(laws[:2])
        for level in model.levels[1:]:
            level.prior._forward_hooks.clear()
    same = [
        torch.equal(a.mean, b.mean) and torch.equal(a.log_sd, b.log_sd) for a, b in zip(*found, strict=True)
    ]
    assert same == [not sees_content] * 2
    # both read the layers above
    changed = []
    for level in model.levels[1:]:
        level.prior.register_forward_hook(lambda module, inputs, law: changed.append(law))
    model.degrade(second, generator=generator(1), prenoised=second)
    assert not torch.equal(changed[0].mean, found[1][0].mean)


def spoil(model) -> Any:
    """Whatever has to do with z_n gives numbers that are not finite."""
    with torch.no_grad():
        for level in model.levels:
            for law in (level.posterior, level.prior):
                if law is not None:
                    law.log_sd.bias.fill_(1e30)
        for block in model.degradation:
            block.convs[-1].bias.fill_(float("nan"))
    return model


def test_nothing_leaks_from_the_latent_into_clean_images() -> None:
    model, clean, degraded = spoil(build(levels=3)), draw(2, 3, 6, 6), draw(2, 3, 6, 6, seed=1)
    assert not model.loss(clean, degraded).isfinite()
    output, _ = model._reconstruct(torch.cat((clean, degraded)), degraded, None)
    assert output[:2].isfinite().all()
    assert not output[2:].isfinite().any()
    assert model.denoise(degraded).isfinite().all()
    assert model.negative_elbo(clean, "clean").isfinite().all()
    loss = model.loss(clean, degraded[:0])
    loss.backward()
    assert loss.isfinite()
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


def test_gradients_of_clean_images_are_untouched_by_degraded_ones() -> None:
    """Reconstructions of clean images, in a batch with degraded ones that are not finite."""
    model, clean, degraded = spoil(build(levels=3)), draw(2, 3, 6, 6).requires_grad_(), draw(1, 3, 6, 6)
    output, _ = model._reconstruct(torch.cat((clean, degraded)), degraded, None)
    output[:2].square().sum().backward()
    assert clean.grad.isfinite().all()


@pytest.mark.parametrize("priors", ["content", "latents"])
def test_work_whose_result_is_discarded_is_not_done(priors) -> None:
    model, clean, degraded = build(priors=priors, levels=3), draw(2, 3, 6, 6), draw(3, 3, 6, 6, seed=1)
    seen = {}

    def watch(name, images) -> Callable[..., Any]:
        def hook(module, inputs, output) -> None:
            images.append((name, len(inputs[0])))

        return hook

    calls = []
    for name, module in model.named_modules():
        module.register_forward_hook(watch(name, calls))
    for what, call in {
        "c2n": lambda: model.degrade(clean),
        "n2c": lambda: model.denoise(clean),
        "clean": lambda: model.terms(clean, degraded[:0]),
        "both": lambda: model.terms(clean, degraded),
    }.items():
        calls.clear()
        call()
        seen[what] = dict(calls)

    def of(what, *words) -> list:
        return [name for name in seen[what] if any(word in name for word in words)]

    assert not of("c2n", "degradation", "posterior", "witness")
    assert of("c2n", "prior")
    for what in ("n2c", "clean"):
        assert not of(what, "degradation", "posterior", "witness", "prior", "chain", "carry")
    for name in of("both", "degradation", "posterior", "witness", "prior", "chain", "carry"):
        assert seen["both"][name] == 3, name  # the degraded images alone
    assert seen["both"]["content.0"] == seen["both"]["out"] == 5


def test_merge_is_a_convolution_of_both() -> None:
    merge = Merge(4).double()
    a, b = draw(3, 4, 5, 5), draw(3, 4, 5, 5, seed=1)
    torch.testing.assert_close(merge(a, b), merge.conv(torch.cat((a, b), 1)))
    with_nothing = merge.conv(torch.cat((a, torch.zeros_like(b)), 1))
    torch.testing.assert_close(merge(a, None), with_nothing)
    torch.testing.assert_close(merge(a, b[1:]), torch.cat((with_nothing[:1], merge(a[1:], b[1:]))))


@pytest.mark.parametrize("levels", [2, 3])
def test_start_near_identity(levels) -> None:
    model = build(levels=levels, width=8, difference=True)
    start_near_identity(model, generator(0))
    images = 0.2 + 0.6 * draw(4, 3, 32, 32)
    residual = model.denoise(images, prenoised=images) - images
    assert residual.abs().max() < 0.25  # hardly anything comes from the channels that start at random
    noise = model.degrade(images, generator=generator(0)) - images
    assert noise.std().item() == pytest.approx(math.sqrt(0.1**2 - 0.06**2), rel=0.2)
    latent = model.terms(images[:0], images, generator(0))
    assert (
        latent.reconstruction < residual.square().mean() + 0.06**2
    )  # the posterior knows what the content lacks


def filters() -> torch.Tensor:
    """A filter with a spectrum: neighbours along the diagonal, and channels that go together."""
    taps = torch.zeros(3, 3, SIDE, SIDE, dtype=torch.float64)
    for shift in (-1, 0, 1):
        taps[:, :, SIDE // 2 + shift, SIDE // 2 + shift] = 0.8 * torch.eye(3) + 0.2
    return taps / taps.square().sum((1, 2, 3)).mean().sqrt()


def test_shaped_noise_has_its_spectrum_at_the_start() -> None:
    model = build(width=8, shaped=True, difference=True)
    start_near_identity(model, generator(0))
    model.shape_noise(filters())
    images = torch.full((1, 3, 200, 200), 0.5, dtype=torch.float64)
    expected = autocorrelation(F.conv2d(draw(1, 3, 240, 240) - 0.5, filters()), 1).mean(1)
    for noise, deviation in (
        (model.prenoise(images, "clean", generator=generator(0)) - images, 0.1),
        (model.prenoise(images, "degraded", generator=generator(0)) - images, 0.06),
        (model.degrade(images, generator=generator(0)) - images, 0.08),
    ):
        assert noise.std().item() == pytest.approx(deviation, rel=0.03)
        assert (autocorrelation(noise, 1).mean(1) - expected).abs().max() < 0.04
        border = torch.cat((noise[..., 0, :].flatten(), noise[..., -1].flatten()))
        assert border.std().item() == pytest.approx(deviation, rel=0.25)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 20)])
def test_shaped_noise_of_small_images(height, width) -> None:
    model = build(shaped=True)
    model.shape_noise(filters())
    images = draw(2, 3, height, width)
    assert model.degrade(images).shape == images.shape
    assert model.terms(images, images).kl.isfinite()


def test_only_a_shaped_model_can_be_told_a_shape(model) -> None:
    with pytest.raises(ValueError, match="needs shaped=True"):
        model.shape_noise(filters())
    with pytest.raises(ValueError, match=r"taps \(3, 3, 15, 15\)"):
        build(shaped=True).shape_noise(torch.zeros(3, 3, 5, 5))


def test_round_trips(tmp_path) -> None:
    model = build(levels=4)
    loaded = load_official(official_state(model), "ludvae")
    assert loaded.config.levels == 4
    assert loaded.config.width == 6
    assert all(torch.equal(a, b) for a, b in zip(loaded.state_dict().values(), model.state_dict().values()))
    shaped = build(shaped=True, priors="latents")
    shaped.shape_noise(filters())
    checkpoints.save(shaped, tmp_path / "m.safetensors")
    again = checkpoints.load(tmp_path / "m.safetensors")
    assert again.config == shaped.config
    assert torch.equal(again.levels[-1].shape.colour.double(), filters().float().double())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.degrade(draw(1, 3, 8, 8), tau=-1), "tau must not be negative"),
        (lambda m: m.degrade(draw(3, 8, 8)), r"clean must be a floating tensor \(B, 3, H, W\)"),
        (lambda m: m.denoise(draw(1, 1, 8, 8)), r"degraded must be a floating tensor"),
        (lambda m: m.denoise(draw(1, 3, 8, 8), sigma=-0.1), "sigma must not be negative"),
        (lambda m: m.prenoise(draw(1, 3, 8, 8), "noisy"), 'domain must be "clean" or "degraded"'),
        (
            lambda m: m.loss(draw(1, 3, 8, 8), torch.zeros(1, 3, 8, 8, dtype=torch.uint8)),
            "degraded must be a floating tensor",
        ),
        (lambda m: replace(TINY, levels=6), "levels must be 1 to 5"),
        (lambda m: replace(TINY, priors="both"), "priors must be"),
        (lambda m: replace(TINY, decoder_sd=0.0), "decoder_sd must be positive"),
        (lambda m: official_state(build(priors="latents")), "have official names"),
        (lambda m: load_official({"a": torch.zeros(1)}, "ludvae"), "no tensor inconv.weight"),
    ],
)
def test_errors(model, call, message) -> None:
    with pytest.raises(ValueError, match=message):
        call(model)


def test_a_started_model_follows_the_colours() -> None:
    """Noise of twice the deviation where a colour is bright."""
    model = LUDVAE(
        LUDVAEConfig(
            levels=2, width=8, sigma_clean=math.hypot(0.04, 0.03), sigma_degraded=0.04, difference=True
        )
    )
    start_near_identity(model, generator(0))
    slope = torch.diag(torch.tensor([math.log(2) / 0.4, 0.0, 0.0]))
    follow_colours(model, NoiseGain(torch.tensor([0.03, 0.02, 0.01]), slope, torch.full((3,), 0.5)))
    for brightness, red in ((0.3, 0.03 / 2**0.5), (0.7, 0.03 * 2**0.5)):
        image = torch.full((1, 3, 160, 160), brightness)
        residual = (model.degrade(image, generator=generator(1), prenoised=image) - image)[0].flatten(1)
        torch.testing.assert_close(residual.std(1), torch.tensor([red, 0.02, 0.01]), rtol=0.05, atol=0)


def test_a_drawn_prenoise_is_one_for_each_image(monkeypatch) -> None:
    """Uniform between both numbers, the same again with the same generators, and one that is named wins."""
    model = build(sigma_drawn=(0.1, 0.3))
    seen = []
    usual = LUDVAE.prenoise

    def watched(self, images, domain, sigma=None, generator=None) -> torch.Tensor:
        seen.append(sigma)
        return usual(self, images, domain, sigma, generator)

    monkeypatch.setattr(LUDVAE, "prenoise", watched)
    clean = draw(200, 3, 4, 4)
    model.degrade(clean, generator=generator(0))
    model.degrade(clean, generator=generator(0))
    drawn = seen[0].flatten()
    assert torch.equal(drawn, seen[1].flatten())
    assert 0.1 <= drawn.min() < 0.11
    assert 0.29 < drawn.max() <= 0.3
    assert abs(drawn.mean() - 0.2) < 5 * 0.2 / 12**0.5 / 200**0.5
    model.degrade(clean[:2], generator=[generator(4), generator(5)])
    model.degrade(clean[1:2], generator=[generator(5)])
    assert torch.equal(seen[2][1:], seen[3])
    model.degrade(clean[:1], sigma=0.7, generator=generator(0))
    assert seen[4] == 0.7
    with pytest.raises(
        ValueError, match=r"sigma_drawn must be two numbers from low to high, got \(0.3, 0.1\)"
    ):
        LUDVAEConfig(sigma_drawn=(0.3, 0.1))


def test_the_prenoise_of_an_image_has_its_deviation() -> None:
    model = build()
    flat = torch.full((2, 3, 64, 64), 0.5)
    sigma = torch.tensor([0.05, 0.2]).view(2, 1, 1, 1)
    found = (model.prenoise(flat, "clean", sigma, generator(0)) - flat).flatten(1).std(1)
    torch.testing.assert_close(found, sigma.flatten(), rtol=0.03, atol=0)


def test_published_settings() -> None:
    """Those of section 4.2 in grey levels, and for C2N what section 4.5 and the code say."""
    found = {
        name: [round(255 * s) for s in (c.sigma_clean, c.sigma_degraded, *c.sigma_drawn)]
        for name in ("aim", "ntire", "sidd", "dnd", "lol")
        for c in [getattr(LUDVAEConfig, name)()]
    }
    assert found == {
        "aim": [15, 10],
        "ntire": [8, 3, 10, 10],
        "sidd": [40, 20, 30, 70],
        "dnd": [20, 10, 10, 30],
        "lol": [3, 2],
    }
    assert LUDVAEConfig.aim().matched


def test_matched_colours_go_in_and_come_back() -> None:
    """C2N as in plain colours, moved to those of degraded images; N2C sees their images in clean colours."""
    source = ChannelStatistics((0.3, 0.4, 0.5), (0.1, 0.1, 0.1), 1)
    target = ChannelStatistics((0.5, 0.5, 0.5), (0.2, 0.2, 0.2), 1)
    plain, model = build(difference=True), build(difference=True, matched=True)
    model.load_state_dict({**model.state_dict(), **plain.state_dict()})
    clean = draw(2, 3, 8, 8).sigmoid()
    in_plain = plain.degrade(clean, generator=generator(1))
    assert torch.equal(model.degrade(clean, generator=generator(1)), in_plain)
    model.set_colours(ColourMatch(source, target))
    means = torch.tensor(source.mean).view(3, 1, 1)
    found = model.degrade(clean, generator=generator(1))
    unclipped = (in_plain > 0) & (in_plain < 1)
    wanted = (in_plain - 0.5) / 2 + means
    torch.testing.assert_close(found[unclipped], wanted[unclipped], rtol=0, atol=1e-5)
    ours = model.denoise((clean - 0.5) / 2 + means, generator=generator(2))
    torch.testing.assert_close(ours, plain.denoise(clean, generator=generator(2)), rtol=0, atol=1e-5)
