"""What every degrader promises, whatever it does."""

import pickle
from typing import Any

import pytest
import torch

from nflib import degraders, units
from nflib.data import PairedImages
from nflib.degraders import Learned, NoisePatches
from nflib.models import LUDVAE, DeFlow, DeFlowConfig, LUDVAEConfig, RRDBConfig, RRDBNet, start_near_identity


def ludvae() -> Any:
    net = LUDVAE(LUDVAEConfig(levels=2, width=6, difference=True))
    start_near_identity(net, units.generator(0))
    return net.eval()


def deflow() -> DeFlow:
    torch.manual_seed(0)
    net = DeFlow(
        DeFlowConfig(RRDBConfig(2, 4, 2, 1), taps=(), levels=2, steps=1, transitions=0, hidden=4, noise=0.3)
    )
    image = torch.rand(4, 3, 16, 16)
    net.nll(image, net.condition(image), ["clean", "degraded"] * 2)  # ActNorm
    return net.eval()


DEGRADERS = {
    "simulated": degraders.degrade_ntire,
    "white": degraders.White(12 / 255),
    "patches": NoisePatches(0.05 * torch.randn(5, 3, 16, 16, generator=units.generator(0))),
    "low light": degraders.degrade_low_light,
    "dark": degraders.LowLight(),
    "learned": Learned(deflow(), tile=32),
    "learned by LUD-VAE": Learned(ludvae(), tile=32),
}


@pytest.fixture(params=DEGRADERS)
def degrade(request) -> Any:
    return DEGRADERS[request.param]


@pytest.mark.parametrize("shape", [(3, 24, 40), (2, 3, 17, 33), (3, 1, 1), (3, 70, 5)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_any_size_in_8_bits_and_range(degrade, shape, dtype) -> None:
    clean = torch.rand(shape, generator=units.generator(0)).to(dtype)
    degraded = degrade(clean, generator=units.generator(1))
    assert degraded.shape == clean.shape
    assert degraded.dtype == clean.dtype
    assert degraded.min() >= 0
    assert degraded.max() <= 1
    torch.testing.assert_close(degraded * 255, (degraded * 255).round(), atol=1e-4, rtol=0)


def test_strength(degrade) -> None:
    clean = torch.full((3, 40, 40), 0.5)
    assert torch.equal(degrade(clean, strength=0), clean)
    assert torch.equal(degrade(clean, 0.0), clean)
    weak, strong = ((degrade(clean, s, units.generator(0)) - clean).square().mean() for s in (0.5, 1.0))
    assert 0 < weak < 0.5 * strong


def test_seeds_and_independence_within_a_batch(degrade) -> None:
    clean = torch.full((2, 3, 32, 32), 0.5)
    first = degrade(clean, generator=units.generator(3))
    assert torch.equal(first, degrade(clean, generator=units.generator(3)))
    assert not torch.equal(first, degrade(clean, generator=units.generator(4)))
    assert not torch.equal(first[0], first[1])


def test_the_first_sample_is_what_a_call_returns(degrade) -> None:
    clean = torch.rand(3, 30, 50, generator=units.generator(0))
    samples = list(degrade.samples(clean, 0.7, 3, units.generator(5)))
    assert len(samples) == 3
    assert torch.equal(samples[0], degrade(clean, 0.7, units.generator(5)))
    assert not torch.equal(samples[0], samples[1])
    assert not torch.equal(samples[1], samples[2])
    fewer = list(degrade.samples(clean, 0.7, 2, units.generator(5)))
    assert all(torch.equal(a, b) for a, b in zip(fewer, samples))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((torch.zeros(1, 8, 8),), "clean must be a floating tensor"),
        ((torch.full((3, 8, 8), 200.0),), r"clean must lie in \[0, 1\]"),
        ((torch.zeros(3, 8, 8), -1.0), "strength must be a number, 0 or more, got -1"),
        ((torch.zeros(3, 8, 8), float("nan")), "strength"),
    ],
)
def test_bad_input(degrade, arguments, message) -> None:
    with pytest.raises(ValueError, match=message):
        degrade(*arguments)
    with pytest.raises(ValueError, match="n must be at least 1"):
        degrade.samples(torch.zeros(3, 8, 8), n=0)


def test_strength_zero_gives_copies_of_their_own(degrade) -> None:
    clean = torch.rand(3, 20, 20, generator=units.generator(0))
    one, other = degrade.samples(clean, 0.0, 2)
    assert torch.equal(one, clean)
    assert torch.equal(other, clean)
    one.zero_()
    assert not torch.equal(other, one)
    assert not torch.equal(clean, one)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_low_precision_is_single_precision_rounded(degrade, dtype) -> None:
    clean = torch.rand(3, 24, 24, generator=units.generator(0)).to(dtype)
    found = degrade(clean, 1.0, units.generator(1))
    assert found.dtype == dtype
    assert torch.equal(found, degrade(clean.float(), 1.0, units.generator(1)).to(dtype))
    if hasattr(degrade, "noise"):
        with pytest.raises(ValueError, match="clean must be float32 or float64"):
            degrade.noise(clean)


@pytest.mark.parametrize("usual", [torch.float64, torch.float16, torch.bfloat16])
def test_the_usual_dtype_of_torch_changes_nothing(degrade, usual) -> None:
    clean = torch.rand(3, 24, 24, generator=units.generator(0))
    expected = degrade(clean, 0.7, units.generator(1))
    before = torch.get_default_dtype()
    torch.set_default_dtype(usual)
    try:
        found = degrade(clean, 0.7, units.generator(1))
    finally:
        torch.set_default_dtype(before)
    assert found.dtype == clean.dtype
    assert torch.equal(found, expected)


@pytest.mark.parametrize("strength", [1e10, 1e30, 1e300])
def test_any_strength_is_finite_or_refused(degrade, strength) -> None:
    clean = torch.rand(3, 24, 24, generator=units.generator(0))
    try:
        said = "" if torch.isfinite(degrade(clean, strength, units.generator(1))).all() else "NaN came out"
    except ValueError as error:
        said = str(error)
    assert not said or "not finite" in said


def test_rounding_beyond_the_range_is_taken_and_more_is_not(degrade) -> None:
    clean = torch.rand(3, 20, 20, generator=units.generator(0))
    clean[0, 0, 0] = 1 + 1.2e-7
    assert degrade(clean, generator=units.generator(1)).max() <= 1
    clean[0, 0, 0] = 1.001
    with pytest.raises(ValueError, match=r"clean must lie in \[0, 1\], got values from .* to 1.001"):
        degrade(clean)


def test_as_the_transform_of_a_dataset(degrade) -> None:
    images = [torch.rand(3, 40, 48, generator=units.generator(i)) for i in range(3)]
    pairs = PairedImages(images, crop=16, degrader=degrade, seed=1)
    (clean, degraded), (again, same) = pairs[4], pairs[4]
    assert clean.shape == degraded.shape == (3, 16, 16)
    assert torch.equal(clean, again)
    assert torch.equal(degraded, same)
    assert not torch.equal(clean, degraded)


def test_workers_can_have_a_copy(degrade) -> None:
    copy = pickle.loads(pickle.dumps(degrade))
    clean = torch.rand(3, 20, 20, generator=units.generator(0))
    assert torch.equal(copy(clean, 1.0, units.generator(1)), degrade(clean, 1.0, units.generator(1)))


# ---- learned


def test_learned_is_the_model_in_8_bits() -> None:
    net, clean = deflow(), torch.rand(2, 3, 24, 20, generator=units.generator(0))
    whole = net.degrade(clean, 0.6, generator=units.generator(2))
    assert torch.equal(Learned(net)(clean, 0.6, units.generator(2)), (whole * 255).round() / 255)
    tiled = net.samples(clean, 0.6, generator=units.generator(2), tile=16, overlap=4)[0]
    assert torch.equal(Learned(net, tile=16)(clean, 0.6, units.generator(2)), (tiled * 255).round() / 255)


def test_a_tile_that_cannot_be() -> None:
    with pytest.raises(ValueError, match="tile must be a multiple of 4, got 30"):
        Learned(deflow(), tile=30)


def test_a_model_that_does_not_degrade() -> None:
    with pytest.raises(ValueError, match="model is a RRDBNet, expected one that degrades"):
        Learned(RRDBNet(RRDBConfig(2, 4, 2, 1)))


def test_a_batch_with_a_generator_for_each_image_is_each_image_alone(degrade) -> None:
    clean = torch.rand(3, 3, 20, 24, generator=units.generator(0))
    together = degrade.each(clean, 0.7, [units.generator(i) for i in (1, 2, 3)])
    for image, made, seed in zip(clean, together, (1, 2, 3)):
        alone = degrade(image, 0.7, units.generator(seed))
        torch.testing.assert_close(
            made, alone, rtol=0, atol=1.01 / 255
        )  # a sum in another order may round to the next grey level
        assert (made == alone).float().mean() > 0.99
