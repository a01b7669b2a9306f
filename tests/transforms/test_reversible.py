"""Reversible training: the gradients of plain training, and nothing kept for each transform."""

import copy
import warnings
from functools import partial
from typing import Any

import pytest
import torch

from nflib.transforms import (
    ActNorm,
    Affine,
    AffineCoupling,
    AffineInjector,
    FullConv1x1,
    Inverse,
    InvertibleConv1x1,
    Multiscale,
    Sequential,
    SigmoidScale,
    Split,
    Squeeze,
    Transform,
    convnet,
    mlp,
)
from nflib.transforms.context import tensors
from nflib.transforms.scales import GaussianScale, InverseScale
from tests.helpers.tiny_flows import bytes_kept

small_conv, small_mlp = partial(convnet, hidden=5), partial(mlp, hidden=5)
# largest difference of two gradients, relative to the largest value of their tensor
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-9}


def draw(*shape, seed=0, dtype=torch.float64) -> torch.Tensor:
    return (
        torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) * 1.3 + 0.2
    ).to(dtype)


def conv(channels) -> InvertibleConv1x1:
    return InvertibleConv1x1(channels, torch.Generator().manual_seed(channels))


def level(channels, *end, reversible=True) -> Sequential:
    """Every kind of transform, on images (B, channels/4, 2h, 2w) with a context of 3 channels at (h, w)."""
    return Sequential(
        Squeeze(),
        ActNorm(channels),
        conv(channels),
        AffineInjector(channels, 3, net=small_conv),
        AffineCoupling(channels, 3, net=small_conv),
        Sequential(ActNorm(channels), FullConv1x1(channels, torch.Generator().manual_seed(1))),
        AffineCoupling(channels, net=small_conv, swap=True, scale=InverseScale(SigmoidScale())),
        Inverse(AffineCoupling(channels, 3, net=small_conv)),
        *end,
        reversible=reversible,
    )


CASES = {
    "level": (lambda r: level(8, reversible=r), (3, 2, 4, 6), [(3, 3, 2, 3)]),
    "split": (
        lambda r: level(8, Split(8, net=small_conv, context_channels=3, scale=GaussianScale()), reversible=r),
        (3, 2, 4, 6),
        [(3, 3, 2, 3)],
    ),
    "multiscale": (
        lambda r: Multiscale([level(8, Split(8, net=small_conv), reversible=r), level(16, reversible=r)]),
        (3, 2, 4, 8),
        [(3, 3, 2, 4), (3, 3, 1, 2)],
    ),
    "vectors": (
        lambda r: Sequential(
            ActNorm(5),
            conv(5),
            AffineCoupling(5, 2, net=small_mlp),
            AffineInjector(5, 2, net=small_mlp),
            Affine(5),
            ActNorm(5),
            FullConv1x1(5, torch.Generator().manual_seed(1)),
            Split(5, 2, net=small_mlp),
            reversible=r,
        ),
        (6, 5),
        [(6, 2)],
    ),
}


def both(make, x, context, dtype) -> tuple[Any, Any]:
    """The same transform twice, plain and reversible, initialised by the data and then moved off
    its start."""
    torch.manual_seed(0)
    plain = make(False).to(dtype)
    plain(x, context)
    with torch.no_grad():
        for parameter in plain.parameters():
            parameter.add_(
                0.1 / max(parameter.shape[-1:], default=1) ** 0.5 * torch.randn(parameter.shape, dtype=dtype)
            )
    reversible = make(True).to(dtype)
    reversible.load_state_dict(plain.state_dict())
    return plain, reversible


def run(transform, x, context) -> tuple[tuple, Any]:
    """Latents, log_det, and all gradients of a loss in which every one of them has its own weight."""
    x, context = x.clone().requires_grad_(), tuple(c.clone().requires_grad_() for c in context)
    z, log_det = transform(x, context)
    outputs = (*tensors(z), log_det)
    loss = sum(
        (draw(*out.shape, seed=i, dtype=out.dtype) * (out + out.square() / 3)).sum()
        for i, out in enumerate(outputs)
    )
    transform.zero_grad()
    loss.backward()
    gradients = {name: p.grad for name, p in transform.named_parameters()}
    return outputs, {"x": x.grad} | {f"context{i}": c.grad for i, c in enumerate(context)} | gradients


def difference(found, expected) -> float:
    """The largest difference of any two gradients, relative to the largest value of their tensor."""
    assert found.keys() == expected.keys()
    return max(
        float((found[name] - expected[name]).abs().max() / expected[name].abs().max()) for name in expected
    )


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("case", CASES)
def test_gradients_are_those_of_plain_training(case, dtype) -> None:
    make, shape, contexts = CASES[case]
    x, context = (
        draw(*shape, dtype=dtype),
        tuple(draw(*c, seed=i + 1, dtype=dtype) for i, c in enumerate(contexts)),
    )
    plain, reversible = both(make, x, context, dtype)
    outputs, expected = run(plain, x, context)
    recomputed, found = run(reversible, x, context)
    assert any("_Recompute" in type(out.grad_fn).__name__ for out in recomputed[:-1])
    torch.testing.assert_close(
        recomputed, outputs
    )  # torch may choose other kernels where nothing asks for a gradient
    assert difference(found, expected) < TOLERANCE[dtype]


@pytest.mark.parametrize("split", [False, True])
def test_what_is_kept_does_not_grow_with_the_number_of_transforms(split) -> None:
    def kept(reversible, count) -> int:
        torch.manual_seed(0)
        layers = [
            layer
            for k in range(count)
            for layer in (ActNorm(4), conv(4), AffineCoupling(4, 2, net=small_conv, swap=bool(k % 2)))
        ]
        transform = Sequential(*layers, *[Split(4, net=small_conv)] * split, reversible=reversible)
        x, context = draw(2, 4, 8, 8, dtype=torch.float32), draw(2, 2, 8, 8, seed=1, dtype=torch.float32)
        transform(x, context)
        return bytes_kept(transform, lambda: transform(x, context)[1])

    assert kept(True, 2) == kept(True, 8)
    assert kept(False, 8) > 3 * kept(False, 2) > 3 * kept(True, 8)


def test_one_evaluation_of_each_network_in_either_pass() -> None:
    transform = level(8, Split(8, net=small_conv))
    x, context = draw(3, 2, 4, 6, dtype=torch.float32), draw(3, 3, 2, 3, dtype=torch.float32)
    transform(x, context)  # the first batch also looks whether everything is invertible
    calls = []
    for name, layer in transform.named_modules():
        if name.endswith(".net"):
            layer.register_forward_hook(lambda layer, inputs, output, name=name: calls.append(name))
    _z, log_det = transform(x, context)
    forward = calls.copy()
    log_det.sum().backward()
    assert sorted(forward) == sorted(set(forward))
    assert len(forward) == 5
    # Inverse knows no shortcut: its transform runs once in each direction
    assert sorted(calls[5:]) == sorted([*forward, "transforms.7.transform.net"])


def test_actnorm_initialises_as_in_plain_training() -> None:
    torch.manual_seed(0)
    plain = level(8, reversible=False)
    reversible = level(8)
    reversible.load_state_dict(plain.state_dict())
    x, context = draw(3, 2, 4, 6, dtype=torch.float32), draw(3, 3, 2, 3, dtype=torch.float32)
    z, _ = plain(x, context)
    again, _ = reversible(x, context)
    torch.testing.assert_close(again, z)
    torch.testing.assert_close(reversible.state_dict(), plain.state_dict())
    assert reversible.transforms[1].initialised


def test_only_training_with_gradients_recomputes() -> None:
    transform, x, context = (
        level(8),
        draw(3, 2, 4, 6, dtype=torch.float32),
        draw(3, 3, 2, 3, dtype=torch.float32),
    )
    transform(x, context)
    name = "_RecomputeBackward"
    assert name in type(transform(x, context)[0].grad_fn).__name__
    with torch.no_grad():
        assert not transform(x, context)[0].requires_grad
    assert name not in type(transform.eval()(x, context)[0].grad_fn).__name__


def test_frozen_shared_and_unused() -> None:
    """Parameters that are frozen get no gradient, shared ones the sum; a context that nobody looks at gets
    none.
    """

    def make(reversible) -> Sequential:
        torch.manual_seed(0)
        shared = AffineCoupling(4, net=small_conv)
        transform = Sequential(conv(4), shared, conv(4), shared, ActNorm(4), reversible=reversible)
        transform.transforms[0].requires_grad_(False)
        return transform

    x = draw(3, 4, 2, 2)
    plain, reversible = both(make, x, None, torch.float64)
    gradients = []
    for transform in (plain, reversible):
        unused = draw(3, 1, 2, 2).requires_grad_()
        z, log_det = transform(x, unused)
        (z.square().sum() - log_det.sum()).backward()
        assert unused.grad is None
        gradients.append({n: p.grad for n, p in transform.named_parameters() if p.grad is not None})
    assert difference(*gradients) < 1e-9
    assert not any(name.startswith("transforms.0") for name in gradients[1])


def test_a_step_between_the_passes_is_an_error() -> None:
    transform, x, context = (
        level(8),
        draw(3, 2, 4, 6, dtype=torch.float32),
        draw(3, 3, 2, 3, dtype=torch.float32),
    )
    _z, log_det = transform(x, context)
    with torch.no_grad():
        transform.transforms[1].bias.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        log_det.sum().backward()


class Rounded(Affine):
    """Its inverse is only nearly one."""

    def inverse(self, z, context=None) -> tuple[torch.Tensor, torch.Tensor]:
        x, log_det = super().inverse(z)
        return x.to(torch.bfloat16).to(x), log_det


class OneWay(Transform):
    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor(1.5))

    def forward(self, x, context=None) -> tuple[torch.Tensor, torch.Tensor]:
        return x * self.scale, (x[0].numel() * self.scale.log()).expand(len(x))


@pytest.mark.parametrize(
    ("odd", "message"),
    [
        (partial(Rounded, 5), "Rounded gives back its input with an error of .*e-"),
        (OneWay, "OneWay has no inverse"),
    ],
)
def test_what_is_not_invertible_runs_plainly(odd, message) -> None:
    def make(reversible) -> Sequential:
        return Sequential(ActNorm(5), conv(5), odd(), AffineCoupling(5, net=small_mlp), reversible=reversible)

    x = draw(6, 5)
    plain, reversible = both(make, x, None, torch.float64)
    expected = run(plain, x, ())[1]
    with pytest.warns(UserWarning, match=f"not reversible, activations are kept: {message}") as caught:
        found = run(reversible, x, ())[1]
    assert len(caught) == 1
    assert reversible.recomputation.plain == {2}
    assert difference(found, expected) < 1e-9
    assert (
        difference(run(reversible, x, ())[1], expected) < 1e-9
    )  # no second warning: warnings are errors in these tests


def test_errors_that_grow_later_end_it() -> None:
    """A matrix that becomes nearly singular in training: the step after notices, says so once and goes on
    plainly.
    """
    torch.manual_seed(0)
    plain, reversible = (
        Sequential(FullConv1x1(4, torch.Generator().manual_seed(1)), ActNorm(4), reversible=r)
        for r in (False, True)
    )
    x = draw(8, 4, dtype=torch.float32)
    for transform in (plain, reversible):
        run(transform, x, ())
        with torch.no_grad():
            transform.transforms[0].weight[0] = transform.transforms[0].weight[1] * (1 + 1e-6)
    run(reversible, x, ())
    with pytest.warns(
        UserWarning,
        match="reversible training stops here: the input recovered through 2 transforms was wrong by",
    ):
        found = run(reversible, x, ())[1]
    assert difference(found, run(plain, x, ())[1]) < 1e-5
    run(reversible, x, ())


def test_copies_and_files() -> None:
    transform, x, context = (
        level(8),
        draw(3, 2, 4, 6, dtype=torch.float32),
        draw(3, 3, 2, 3, dtype=torch.float32),
    )
    transform(x, context)[1].sum().backward()
    assert transform.state_dict().keys() == level(8, reversible=False).state_dict().keys()
    twin = copy.deepcopy(transform)
    assert torch.equal(twin(x, context)[0], transform(x, context)[0])
    assert twin.recomputation is not transform.recomputation
    with warnings.catch_warnings(record=True) as caught:
        twin(x, context)
    assert not caught
