"""What the contract does not cover: initialisation, bounds, errors, the defects other libraries have."""

from functools import partial

import pytest
import torch

from nflib.testing import check_transform
from nflib.transforms import (
    ActNorm,
    Affine,
    AffineCoupling,
    AffineInjector,
    BoundedScale,
    ExponentialScale,
    InvertibleConv1x1,
    Multiscale,
    Sequential,
    SigmoidScale,
    Split,
    Squeeze,
    mlp,
)


def draw(*shape, seed=0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


class TestActNorm:
    def test_first_training_batch_is_normalised(self) -> None:
        layer = ActNorm(3)
        z, _ = layer(5 + 3 * draw(8, 3, 4, 4))
        assert layer.initialised
        torch.testing.assert_close(z.mean((0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
        torch.testing.assert_close(z.std((0, 2, 3), correction=0), torch.ones(3))

    def test_second_batch_does_not_initialise(self) -> None:
        layer = ActNorm(3)
        layer(draw(8, 3))
        before = {k: v.clone() for k, v in layer.state_dict().items()}
        layer(10 * draw(8, 3, seed=1))
        assert all(torch.equal(before[k], v) for k, v in layer.state_dict().items())

    def test_evaluation_and_the_inverse_never_initialise(self) -> None:
        layer = ActNorm(3)
        layer.inverse(7 + draw(8, 3))
        layer.eval()
        z, log_det = layer(7 + draw(8, 3))
        assert not layer.initialised
        torch.testing.assert_close(z, 7 + draw(8, 3))
        assert torch.equal(log_det, torch.zeros(8))

    def test_initialised_is_saved_even_for_centred_data(self) -> None:
        layer, loaded = ActNorm(2), ActNorm(2)
        values = draw(64, 2)
        layer(
            (values - values.mean(0)) / values.std(0, correction=0)
        )  # bias 0 and scale 1: nothing to guess from
        loaded.load_state_dict(layer.state_dict())
        loaded(5 * draw(8, 2, seed=1))
        torch.testing.assert_close(loaded.log_scale, layer.log_scale)

    @pytest.mark.parametrize(
        "batch",
        [torch.full((4, 2, 3, 3), 0.1), torch.zeros(4, 2), draw(1, 2), torch.full((4, 2), torch.nan)],
        ids=["constant", "zero", "one vector", "nan"],
    )
    def test_no_variance_is_an_error_and_changes_nothing(self, batch) -> None:
        layer = ActNorm(2)
        with pytest.raises(ValueError, match="channel 0 is constant or not finite"):
            layer(batch)
        assert not layer.initialised
        assert torch.equal(layer.log_scale, torch.zeros(2))

    def test_one_image_is_enough(self) -> None:
        z, _ = ActNorm(3)(draw(1, 3, 8, 8))
        assert z.isfinite().all()

    def test_log_det_has_the_shape_of_the_batch(self) -> None:
        assert ActNorm(3)(draw(4, 3, 2, 2))[1].shape == (4,)


@pytest.mark.parametrize(
    ("transform", "shape"),
    [
        (AffineCoupling(4), (2, 4, 3, 3)),
        (AffineCoupling(5, net=mlp), (2, 5)),
        (Affine(5), (2, 5)),
        (ActNorm(4).eval(), (2, 4, 3, 3)),
    ],
)
def test_a_new_layer_is_the_identity(transform, shape) -> None:
    x = draw(*shape)
    z, log_det = transform(x)
    torch.testing.assert_close(z, x)
    assert torch.equal(log_det.detach(), torch.zeros(2))


def test_new_injector_and_split_are_the_identity() -> None:
    x, context = draw(2, 4, 3, 3), draw(2, 5, 3, 3)
    torch.testing.assert_close(AffineInjector(4, 5)(x, context)[0], x)
    torch.testing.assert_close(torch.cat(Split(4)(x)[0], 1), x)


class TestScales:
    @pytest.mark.parametrize("raw", [-1e4, -50.0, 0.0, 50.0, 1e4])
    def test_bounded_scale_stays_within_its_limit_both_ways(self, raw) -> None:
        scale, one, raw = BoundedScale(2.0), torch.ones(1), torch.tensor([raw])
        z, log_scale = scale.apply(one, raw, torch.zeros(1))
        assert log_scale.abs() <= 2.0
        torch.testing.assert_close(scale.invert(z, raw, torch.zeros(1))[0], one)

    def test_exponential_scale_overflows(self) -> None:
        assert ExponentialScale().apply(torch.ones(1), torch.tensor([100.0]), torch.zeros(1))[0].isinf()

    def test_sigmoid_scale_starts_at_sigmoid_two(self) -> None:
        _, log_scale = SigmoidScale(0.0 + 1e-4).apply(torch.ones(1), torch.zeros(1), torch.zeros(1))
        assert log_scale.exp().item() == pytest.approx(torch.sigmoid(torch.tensor(2.0)).item() + 1e-4)

    def test_sigmoid_scale_is_finite_for_very_negative_raw(self) -> None:
        _, log_scale = SigmoidScale(1e-4).apply(torch.ones(1), torch.tensor([-500.0]), torch.zeros(1))
        assert log_scale.exp().item() == pytest.approx(1e-4, rel=1e-5)


class TestInvertibleConv1x1:
    def test_starts_as_a_rotation(self) -> None:
        weight = InvertibleConv1x1(6, torch.Generator().manual_seed(3)).double().weight()
        torch.testing.assert_close(weight @ weight.T, torch.eye(6, dtype=torch.float64), atol=1e-6, rtol=0)
        assert (weight - torch.eye(6)).abs().max() > 0.1

    def test_generator_decides_the_start(self) -> None:
        first, same, other = (
            InvertibleConv1x1(4, torch.Generator().manual_seed(s)).weight() for s in (1, 1, 2)
        )
        assert torch.equal(first, same)
        assert not torch.equal(first, other)

    @pytest.mark.parametrize(
        ("weight", "message"), [(torch.eye(3), r"shape \(4, 4\)"), (torch.zeros(4, 4), "singular")]
    )
    def test_bad_weight(self, weight, message) -> None:
        with pytest.raises(ValueError, match=message):
            InvertibleConv1x1(4).set_weight(weight)

    def test_is_a_1x1_convolution(self) -> None:
        conv, x = InvertibleConv1x1(4), draw(2, 4, 3, 5)
        torch.testing.assert_close(conv(x)[0], torch.nn.functional.conv2d(x, conv.weight()[:, :, None, None]))


def test_squeeze_is_pixel_unshuffle() -> None:
    x = draw(2, 3, 4, 6)
    torch.testing.assert_close(Squeeze()(x)[0], torch.nn.functional.pixel_unshuffle(x, 2))


def test_latents_of_a_trained_start_are_decodable() -> None:
    """Draws wider than any training latent decode to finite values: no division by a vanishing scale."""
    flow = Multiscale(
        [
            Sequential(Squeeze(), ActNorm(12), AffineCoupling(12), Split(12)),
            Sequential(Squeeze(), ActNorm(24), AffineCoupling(24)),
        ]
    )
    flow(torch.rand(8, 3, 8, 8, generator=torch.Generator().manual_seed(0)))
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.add_(0.3 * draw(*parameter.shape, seed=parameter.numel()))
    z = tuple(1.2 * draw(8, *shape[1:], seed=i) for i, shape in enumerate(flow.latent_shape((8, 3, 8, 8))))
    assert flow.inverse(z)[0].isfinite().all()


class TestErrors:
    @pytest.mark.parametrize(
        ("call", "message"),
        [
            (
                lambda: ActNorm(3)(draw(2, 4)),
                "ActNorm was made for 3 channels.*got a tensor of shape \\(2, 4\\)",
            ),
            (lambda: Affine(3)(draw(2, 4)), "Affine was made for 3"),
            (lambda: AffineCoupling(4)(draw(2, 6, 2, 2)), "AffineCoupling was made for 4"),
            (lambda: AffineCoupling(1), "at least 2 channels"),
            (
                lambda: AffineCoupling(4, 2)(draw(2, 4, 2, 2)),
                r"expected a context of shape \(2, 2, 2, 2\), got none",
            ),
            (lambda: AffineCoupling(4, 2)(draw(2, 4, 2, 2), draw(2, 2, 3, 2)), r"got \(2, 2, 3, 2\)"),
            (
                lambda: AffineInjector(4, 2)(draw(2, 4, 2, 2), [draw(2, 2, 1, 1), draw(1, 2, 2, 2)]),
                r"got \(2, 2, 1, 1\), \(1, 2, 2, 2\)",
            ),
            (lambda: Squeeze()(draw(2, 3, 5, 4)), r"multiples of 2, got shape \(2, 3, 5, 4\)"),
            (lambda: Squeeze().inverse(draw(2, 3, 4, 4)), "multiple of 4 channels"),
            (lambda: Squeeze(1), "factor must be at least 2"),
            (lambda: Split(1), "keep must be between"),
            (lambda: Split(4, keep=4), "keep must be between 1 and 3, got 4"),
            (lambda: Multiscale([Split(4)]), "at least 2 levels"),
            (
                lambda: Multiscale([Split(4), ActNorm(2)]).inverse((draw(2, 2, 2, 2),)),
                "one latent per level, 2, got 1",
            ),
        ],
    )
    def test_one_clear_message(self, call, message) -> None:
        with pytest.raises(ValueError, match=message):
            call()


class TestCheckTransform:
    """The checker itself: each broken promise is caught with its own message."""

    class Broken(AffineCoupling):
        def __init__(self, break_forward=None, break_inverse=None):
            super().__init__(4, net=partial(mlp, hidden=4))
            self.break_forward, self.break_inverse = break_forward, break_inverse

        def forward(self, x, context=None) -> tuple[torch.Tensor, torch.Tensor]:
            result = super().forward(x)
            return self.break_forward(*result) if self.break_forward else result

        def inverse(self, z, context=None) -> tuple[torch.Tensor, torch.Tensor]:
            result = super().inverse(z)
            return self.break_inverse(*result) if self.break_inverse else result

    @pytest.mark.parametrize(
        ("forward", "inverse", "message"),
        [
            (lambda z, ld: (z, ld[:1]), None, "shape"),
            (lambda z, ld: (z, 2 * ld), lambda x, ld: (x, 2 * ld), "log_det of forward is not log|det|"),
            (lambda z, ld: (z, 2 * ld), None, "not minus"),
            (None, lambda x, ld: (x + 1, ld), "is not x"),
            (lambda z, ld: (z + z.mean(0), ld), lambda x, ld: (x, ld), "not x"),
            (lambda z, ld: (z.detach(), ld), None, "log_det of forward is not"),
        ],
    )
    def test_catches(self, forward, inverse, message) -> None:
        with pytest.raises(AssertionError, match=message):
            check_transform(self.Broken(forward, inverse), draw(3, 4))

    def test_catches_what_depends_on_the_rest_of_the_batch(self) -> None:
        class BatchCentred(Affine):
            def forward(self, x, context=None) -> tuple[torch.Tensor, torch.Tensor]:
                z, log_det = super().forward(x - self.mean(x))
                return z, log_det

            def inverse(self, z, context=None) -> tuple[torch.Tensor, torch.Tensor]:
                x, log_det = super().inverse(z)
                return x + self.shift, log_det

            def mean(self, x) -> torch.Tensor:
                self.shift = x.detach().mean(0)
                return self.shift

        with pytest.raises(AssertionError):
            check_transform(BatchCentred(3), draw(4, 3))

    def test_catches_an_initialisation_flag_that_is_not_saved(self) -> None:
        layer = ActNorm(3)
        del layer.initialised
        layer.register_buffer("initialised", torch.tensor(False), persistent=False)
        with pytest.raises(AssertionError, match="a loaded transform gives another latent"):
            check_transform(layer, draw(4, 3))

    def test_catches_an_unused_parameter(self) -> None:
        layer = Affine(3)
        layer.unused = torch.nn.Parameter(torch.zeros(1))
        with pytest.raises(AssertionError, match="unused gets no finite gradient"):
            check_transform(layer, draw(4, 3))

    def test_leaves_the_transform_alone(self) -> None:
        layer = ActNorm(3)
        check_transform(layer, draw(4, 3))
        assert not layer.initialised
        assert layer.bias.dtype == torch.float32

    def test_needs_a_batch(self) -> None:
        with pytest.raises(ValueError, match="at least 2, got 1"):
            check_transform(Affine(3), draw(1, 3))
