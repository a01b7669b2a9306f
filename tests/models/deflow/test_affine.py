"""DeFlow in image units: its density is that of a Gaussian with a dense covariance, and training cannot bend
its noise.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from nflib import units
from nflib.models import AffineDeFlow, AffineDeFlowConfig, NoiseLaw, NoiseLawConfig, RRDBConfig, white_start
from nflib.models.conditional.steps import StepCoupling
from nflib.models.deflow.log_ratio import LogRatio
from nflib.models.deflow.noise_units import FLOOR
from nflib.transforms import BoundedScale

LAW = NoiseLawConfig(reach=3)
TINY = AffineDeFlowConfig(
    RRDBConfig(2, 4, 2, 1), taps=(), levels=2, steps=2, transitions=1, hidden=4, law=LAW
)


def law(seed=0) -> NoiseLaw:
    """Noise that is correlated over blocks and colours, and stronger where it is bright."""
    generator = units.generator(seed)
    found = NoiseLaw(LAW).double()
    variance = 0.002 + 0.01 * torch.linspace(0, 1, LAW.knots).repeat(3, 1) * torch.tensor(
        [[1.0], [2.0], [0.5]]
    )
    found.set(variance=variance, taps=torch.randn(3, 3, 7, 7, generator=generator, dtype=torch.float64))
    return found


def images(n=2, height=8, width=12, seed=0) -> torch.Tensor:
    return torch.rand(n, 3, height, width, generator=units.generator(seed), dtype=torch.float64)


@pytest.fixture(scope="module")
def model() -> AffineDeFlow:
    torch.manual_seed(0)
    made = AffineDeFlow(TINY).double()
    made.hold(law())
    image = images(4)
    made.nll(image, made.condition(image, units.generator(0)), "clean")  # ActNorm of the networks
    with torch.no_grad():
        for parameter in made.parameters():
            if parameter.requires_grad:
                parameter.add_(0.03 * torch.randn(parameter.shape, dtype=parameter.dtype))
    return made.eval()


def dense(
    model: AffineDeFlow, image: torch.Tensor, condition: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Latent, Jacobian of f by autograd, and the noise's covariance by moving pixels about, of one image."""
    known = model.prepare(condition)
    size = image.numel()
    jacobian = torch.autograd.functional.jacobian(lambda x: model.encode(x, known)[0].flatten(), image)
    filtered = torch.zeros(size, size, dtype=torch.float64)
    for column, pixel in enumerate(torch.eye(size, dtype=torch.float64).view(size, *image.shape[1:])):
        moved = [
            torch.einsum(
                "oi,ihw->ohw", model.law.taps[:, :, row, place], pixel.roll((3 - row, 3 - place), (1, 2))
            )
            for row in range(7)
            for place in range(7)
        ]
        filtered[:, column] = torch.stack(moved).sum(0).flatten()
    deviation = known.units.deviation.flatten()
    correlated = filtered @ filtered.T + FLOOR * torch.eye(size, dtype=torch.float64)
    noise = deviation[:, None] * correlated * deviation
    return model.encode(image, known)[0].flatten(), jacobian.view(size, size), noise


def test_density_and_posterior_are_those_of_a_dense_covariance(model) -> None:
    image = images()
    condition = model.condition(image, units.generator(1))
    both = model.nll(image, condition, ["clean", "degraded"])
    for number, one in enumerate(image.split(1)):
        h = condition[number : number + 1]
        latent, jacobian, noise = dense(model, one, h)
        identity = torch.eye(len(latent), dtype=torch.float64)
        degraded = identity + jacobian @ noise @ jacobian.T
        for domain, covariance in (("clean", identity), ("degraded", degraded)):
            normal = torch.distributions.MultivariateNormal(torch.zeros(len(latent)).double(), covariance)
            expected = normal.log_prob(latent) + torch.linalg.slogdet(jacobian).logabsdet
            torch.testing.assert_close(-model.nll(one, h, domain)[0], expected, rtol=1e-9, atol=1e-7)
        torch.testing.assert_close(both[number], model.nll(one, h, ("clean", "degraded")[number])[0])
        mean = torch.linalg.solve(degraded, latent).view(1, 48, 2, 3)
        expected = model.decode((mean,), h).clamp(0, 1)
        torch.testing.assert_close(model.restore(one, condition=h), expected)


def test_gradients_of_the_density(model) -> None:
    generator = units.generator(0)
    z = torch.randn(2, 3, 4, generator=generator, dtype=torch.float64, requires_grad=True)
    root = torch.randn(2, 3, 4, 4, generator=generator, dtype=torch.float64, requires_grad=True)

    def ratio(z, root) -> torch.Tensor:
        return LogRatio.apply(z, torch.eye(4).double() + root @ root.mT)

    assert torch.autograd.gradcheck(ratio, (z, root))
    value = ratio(z, root)
    covariance = torch.eye(4).double() + root @ root.mT
    normal = torch.distributions.MultivariateNormal(torch.zeros(4).double(), covariance)
    plain = torch.distributions.Normal(torch.tensor(0.0).double(), 1.0)
    torch.testing.assert_close(value, normal.log_prob(z) - plain.log_prob(z).sum(-1))


def test_encoding_is_undone_and_sampling_is_what_encoding_says(model) -> None:
    image = images()
    condition = model.condition(image, units.generator(1))
    torch.testing.assert_close(model.decode(model.encode(image, condition), condition), image)
    known = model.prepare(condition)
    difference = 0.1 * images(seed=5)
    moved = model.encode(image + difference, known)[0] - model.encode(image, known)[0]
    (shift,) = model._shift((difference,), known, 1.0)
    torch.testing.assert_close(shift, moved)


def some_steps(model: AffineDeFlow, steps: int = 20) -> list[float]:
    """Losses of some steps of gradient descent on both domains."""
    model.train()
    optimiser = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], 0.01)
    losses = []
    for step in range(steps):
        image = 0.2 + 0.6 * images(4, 16, 16, seed=step)
        loss = model.nll(
            image, model.condition(image, units.generator(step)), ["clean", "degraded"] * 2
        ).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    model.eval()
    return losses


def started(seed=0) -> AffineDeFlow:
    torch.manual_seed(seed)
    made = AffineDeFlow(replace(TINY, transitions=0, steps=1)).double()
    made.hold(law())
    white_start(made, images(64, 16, 16, seed=9), units.generator(0))
    return made.eval()


def sampled(model: AffineDeFlow) -> torch.Tensor:
    clean = 0.3 + 0.4 * images(1, 20, 24, seed=3)
    return model.samples(clean, 0.5, 2, generator=units.generator(4))


def test_training_moves_the_flow_and_not_the_noise() -> None:
    made = started()
    image = images(1, 16, 16)
    condition = made.condition(image, units.generator(0))
    before, latent = sampled(made), made.encode(image, condition)[0]
    losses = some_steps(made)
    assert losses[-1] < losses[0]
    assert (made.encode(image, condition)[0] - latent).abs().max() > 0.1
    torch.testing.assert_close(sampled(made), before, rtol=0, atol=1e-10)


def test_a_coupling_that_sees_the_image_bends_the_noise() -> None:
    """The mutation: that the noise stays is due to what the flow leaves out."""
    made = started()
    before = sampled(made)
    for level in made.flow.transform.levels:
        for step in level.steps:
            channels = step.injector.last.out_channels // 2
            step.coupling = StepCoupling(channels, 4, 4, BoundedScale()).double()
    some_steps(made)
    assert (sampled(made) - before).abs().max() > 0.01


def test_no_grid() -> None:
    """Steps from pixel to pixel are as large across the borders of blocks as inside them."""
    made = AffineDeFlow(AffineDeFlowConfig.small(hidden=4))
    smooth = torch.ones(3, 3)[None, None] / 9
    held = NoiseLaw()
    taps = torch.zeros(3, 3, 3, 3)
    for channel in range(3):
        taps[channel, channel] = smooth
    held.set(variance=torch.full((3, held.config.knots), 0.001), taps=taps)
    made.hold(held)
    torch.manual_seed(0)
    noise = made.eval().samples(torch.full((1, 3, 256, 256), 0.5), 1.0, 4, generator=units.generator(0)) - 0.5
    for steps in (noise.diff(dim=-1).abs(), noise.diff(dim=-2).abs().mT):
        across = steps[..., 7::8].mean()
        inside = torch.cat([steps[..., place::8] for place in range(7)], -1).mean()
        assert abs(across / inside - 1) < 0.03
    assert noise.std().item() == pytest.approx(0.001**0.5, rel=0.05)


def test_the_degraded_law_is_sampled_with_its_noise(model) -> None:
    condition = model.condition(images(1, 64, 64), units.generator(0)).expand(16, 3, 32, 32)
    clean, degraded = (
        model.sample(condition, domain, units.generator(2)) for domain in ("clean", "degraded")
    )
    noise = (degraded - clean) / model.prepare(condition).units.deviation
    assert noise.std().item() == pytest.approx((1 + FLOOR) ** 0.5, rel=0.05)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"couplings": True}, "couplings must be False"),
        ({"splits": True}, "splits must be False"),
        ({"affine": "divide"}, "affine must be 'bounded'"),
    ],
)
def test_what_would_not_be_affine_is_refused(changes, message) -> None:
    with pytest.raises(ValueError, match=message):
        replace(TINY, **changes)


def test_a_law_of_another_form_is_refused(model) -> None:
    with pytest.raises(ValueError, match="law must have the configuration"):
        model.hold(NoiseLaw(replace(LAW, reach=2)))
