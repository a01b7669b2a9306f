import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from nflib.images import resize


def keys(t) -> float:
    """Keys' cubic kernel, a = -1/2, written as its two polynomials."""
    t = abs(t)
    if t < 1:
        return (1.5 * t - 2.5) * t * t + 1
    return ((-0.5 * t + 2.5) * t - 4) * t + 2 if t < 2 else 0.0


def dense_matrix(length, out, factor) -> np.ndarray:
    """Weights of every input for every output, with the mirrored copies of the input added up;
    plain loops."""
    matrix = np.zeros((out, length))
    shrink = min(factor, 1)
    for i in range(out):
        centre = (i + 0.5) / factor - 0.5
        for j in range(-4 * length - 20, 5 * length + 20):
            source = j
            while not 0 <= source < length:
                source = -1 - source if source < 0 else 2 * length - 1 - source
            matrix[i, source] += keys((centre - j) * shrink)
        matrix[i] /= matrix[i].sum()
    return matrix


@pytest.mark.parametrize("factor", [1 / 4, 1 / 3, 0.5, 0.7, 1.5, 2, 4])
@pytest.mark.parametrize("shape", [(12, 9), (16, 24), (3, 2), (1, 5)])
def test_equals_a_dense_matrix(factor, shape) -> None:
    x = torch.rand(2, 3, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    height, width = (math.ceil(n * factor - 1e-9) for n in shape)
    expected = dense_matrix(shape[0], height, factor) @ x.numpy() @ dense_matrix(shape[1], width, factor).T
    np.testing.assert_allclose(resize(x, factor).numpy(), expected, atol=1e-13)


def test_size_may_change_the_sides_differently() -> None:
    x = torch.rand(3, 10, 14, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    expected = dense_matrix(10, 4, 0.4) @ x.numpy() @ dense_matrix(14, 21, 1.5).T
    np.testing.assert_allclose(resize(x, size=(4, 21)).numpy(), expected, atol=1e-13)


@pytest.mark.parametrize("factor", [0.25, 0.5])
def test_agrees_with_torch_inside(factor) -> None:
    """torch's anti-aliased bicubic is the same filter but ends the sum at the border instead of mirroring."""
    x = torch.rand(1, 3, 64, 48, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    reference = F.interpolate(x, scale_factor=factor, mode="bicubic", antialias=True)
    torch.testing.assert_close(
        resize(x, factor)[..., 3:-3, 3:-3], reference[..., 3:-3, 3:-3], atol=1e-12, rtol=0
    )


def test_known_weights_of_doubling() -> None:
    """A one at position 4 doubled: the published weights of bicubic x2, in 128ths -3 -9 29 111 111
    29 -9 -3."""
    x = torch.zeros(1, 9, dtype=torch.float64)
    x[0, 4] = 1
    row = resize(x, size=(1, 18))[0]
    assert (row[5:13] * 128).tolist() == [-3, -9, 29, 111, 111, 29, -9, -3]
    assert row[:5].abs().sum() + row[13:].abs().sum() == 0


@pytest.mark.parametrize("factor", [0.25, 0.6, 3])
def test_keeps_constants(factor) -> None:
    constant = resize(torch.full((1, 20, 30), 0.3, dtype=torch.float64), factor)
    torch.testing.assert_close(constant, torch.full_like(constant, 0.3))


@pytest.mark.parametrize("factor", [0.25, 0.5, 1.7, 3])
def test_keeps_ramps(factor) -> None:
    """Inside, where no mirrored pixel counts; exact when enlarging and when shrinking by a whole number."""
    ramp = torch.arange(40, dtype=torch.float64).expand(40, 40)
    out = resize(ramp, factor)
    expected = (torch.arange(out.shape[1], dtype=torch.float64) + 0.5) / factor - 0.5
    inside = slice(math.ceil(3 * max(factor, 1)), -math.ceil(3 * max(factor, 1)))
    torch.testing.assert_close(out[5, inside], expected[inside], atol=1e-10, rtol=0)


def test_no_aliasing_when_shrinking() -> None:
    """The finest checkerboard is above what a quarter-size image can show: it becomes flat grey."""
    board = (torch.arange(64)[:, None] + torch.arange(64)) % 2
    small = resize(board.double(), 0.25)
    assert (small[2:-2, 2:-2] - 0.5).abs().max() < 1e-3


def test_identity_flips_dtype_and_gradients() -> None:
    x = torch.rand(3, 8, 11, generator=torch.Generator().manual_seed(3))
    assert torch.equal(resize(x, 1), x)
    assert torch.equal(resize(x, size=(8, 11)), x)
    assert resize(x, 0.5).dtype == torch.float32
    torch.testing.assert_close(resize(x.flip(-1), 2), resize(x, 2).flip(-1))
    assert resize(torch.rand(30, 30), 0.1).shape == (3, 3)
    y = x.double().requires_grad_()
    assert torch.autograd.gradcheck(lambda v: resize(v, 0.5), y[:1, :4, :4].detach().requires_grad_())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(), "either factor or size"),
        (dict(factor=2, size=(4, 4)), "either factor or size"),
        (dict(factor=0), "factor must be positive, got 0"),
        (dict(factor=float("nan")), "factor must be positive"),
        (dict(size=(0, 4)), "two positive numbers"),
    ],
)
def test_bad_arguments(arguments, message) -> None:
    with pytest.raises(ValueError, match=message):
        resize(torch.rand(3, 4, 4), **arguments)


@pytest.mark.parametrize("x", [torch.rand(4), torch.rand(3, 0, 4), torch.zeros(3, 4, 4, dtype=torch.uint8)])
def test_bad_images(x) -> None:
    with pytest.raises(ValueError, match="floating tensor"):
        resize(x, 2)
