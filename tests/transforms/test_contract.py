"""Every transform keeps the contract: Jacobians, round trips, batches, saving.
tests/transforms/test_mutations.py relies on this file.
"""

from functools import partial

import pytest
import torch

from nflib.testing import check_transform
from nflib.transforms import (
    ActNorm,
    Affine,
    AffineCoupling,
    AffineInjector,
    CircularConvolution,
    ExponentialScale,
    FullConv1x1,
    Inverse,
    InvertibleConv1x1,
    Multiscale,
    Sequential,
    SigmoidScale,
    Spline,
    Split,
    Squeeze,
    convnet,
    mlp,
)
from nflib.transforms.scales import GaussianScale, InverseScale
from tests.helpers.transforms import exported_transforms

small_conv, small_mlp = partial(convnet, hidden=5), partial(mlp, hidden=5)


def draw(*shape, seed=0) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) * 1.3 + 0.2


torch.manual_seed(0)  # so few units may all be dead, by chance
IMAGE, VECTOR = (3, 4, 2, 2), (4, 5)
CASES = {
    "Affine": (Affine(5), VECTOR, None),
    "Affine-1d": (Affine(1), (3, 1), None),
    "ActNorm": (ActNorm(4), IMAGE, None),
    "ActNorm-vector": (ActNorm(5), VECTOR, None),
    "InvertibleConv1x1": (InvertibleConv1x1(4, torch.Generator().manual_seed(0)), IMAGE, None),
    "InvertibleConv1x1-vector": (InvertibleConv1x1(5, torch.Generator().manual_seed(0)), VECTOR, None),
    "FullConv1x1": (FullConv1x1(4, torch.Generator().manual_seed(0)), IMAGE, None),
    "CircularConvolution": (CircularConvolution(2, reach=1), (3, 2, 4, 3), None),
    "CircularConvolution-wraps": (CircularConvolution(2, reach=2), (3, 2, 3, 4), None),
    "Spline": (Spline(4, bins=5, bound=2.0), IMAGE, None),
    "Spline-vector": (Spline(5, bins=3), VECTOR, None),
    "AffineCoupling": (AffineCoupling(4, net=small_conv), IMAGE, None),
    "AffineCoupling-odd-swap": (AffineCoupling(5, net=small_mlp, swap=True), VECTOR, None),
    "AffineCoupling-context": (AffineCoupling(4, 2, net=small_conv), IMAGE, (3, 2, 2, 2)),
    "AffineCoupling-exponential": (AffineCoupling(4, net=small_conv, scale=ExponentialScale()), IMAGE, None),
    "AffineCoupling-sigmoid": (AffineCoupling(4, net=small_conv, scale=SigmoidScale()), IMAGE, None),
    "AffineCoupling-inverse": (
        AffineCoupling(4, net=small_conv, scale=InverseScale(SigmoidScale())),
        IMAGE,
        None,
    ),
    "AffineInjector": (AffineInjector(4, 3, net=small_conv), IMAGE, (3, 3, 2, 2)),
    "AffineInjector-sigmoid": (AffineInjector(5, 2, net=small_mlp, scale=SigmoidScale()), VECTOR, (4, 2)),
    "Squeeze": (Squeeze(), (2, 2, 4, 2), None),
    "Squeeze-3": (Squeeze(3), (2, 1, 3, 6), None),
    "Split": (Split(4, net=small_conv), IMAGE, None),
    "Split-gaussian": (Split(4, net=small_conv, scale=GaussianScale()), IMAGE, None),
    "Split-context": (Split(5, keep=1, context_channels=2, net=small_mlp), VECTOR, (4, 2)),
    "Sequential": (
        Sequential(ActNorm(4), AffineInjector(4, 2, net=small_conv), AffineCoupling(4, 2, net=small_conv)),
        IMAGE,
        (3, 2, 2, 2),
    ),
    "Inverse": (Inverse(AffineCoupling(4, 2, net=small_conv)), IMAGE, (3, 2, 2, 2)),
    "Multiscale": (
        Multiscale(
            [
                Sequential(
                    Squeeze(), ActNorm(4), AffineCoupling(4, net=small_conv), Split(4, net=small_conv)
                ),
                Sequential(AffineCoupling(2, net=small_conv), Split(2, net=small_conv)),
                ActNorm(1),
            ]
        ),
        (3, 1, 4, 4),
        None,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_contract(name) -> None:
    transform, shape, context_shape = CASES[name]
    check_transform(transform, draw(*shape), None if context_shape is None else draw(*context_shape, seed=1))


def test_pyramid_context() -> None:
    torch.manual_seed(0)
    levels = [
        Sequential(Squeeze(), AffineInjector(4, 2, net=small_conv), Split(4, net=small_conv)),
        Sequential(Squeeze(), AffineCoupling(8, 3, net=small_conv)),
    ]
    check_transform(
        Multiscale(levels), draw(2, 1, 4, 4), (draw(2, 2, 2, 2, seed=1), draw(2, 3, 1, 1, seed=2))
    )


def test_every_exported_transform_has_a_case() -> None:
    assert {name.partition("-")[0] for name in CASES} == set(exported_transforms())
