import numpy as np
import pytest
import torch
from PIL import Image

from nflib.images import as_images


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize(("dtype", "white"), [(np.uint8, 255), (np.uint16, 65535), (np.dtype(">u2"), 65535)])
def test_integer_arrays_are_scaled_by_their_white_level(dtype, white) -> None:
    pixels = rng().integers(0, white + 1, (5, 7, 3)).astype(dtype)
    images = as_images(pixels)
    assert images.shape == (1, 3, 5, 7)
    assert images.dtype == torch.float32
    np.testing.assert_allclose(images[0, 1].numpy(), pixels[..., 1].astype(float) / white, rtol=1e-6)


@pytest.mark.parametrize(
    ("shape", "batch"), [((4, 6), 1), ((4, 6, 1), 1), ((4, 6, 3), 1), ((2, 4, 6, 1), 2), ((2, 4, 6, 3), 2)]
)
def test_numpy_layouts(shape, batch) -> None:
    values = rng().random(shape)
    images = as_images(values)
    assert images.shape == (batch, 3, 4, 6)
    assert images.dtype == torch.float64
    expected = values.reshape(batch, 4, 6, -1)
    for channel in range(3):
        np.testing.assert_array_equal(
            images[:, channel].numpy(), expected[..., min(channel, expected.shape[-1] - 1)]
        )


@pytest.mark.parametrize(
    ("shape", "batch"), [((4, 6), 1), ((1, 4, 6), 1), ((3, 4, 6), 1), ((2, 1, 4, 6), 2), ((2, 3, 4, 6), 2)]
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
def test_torch_layouts_and_dtypes(shape, batch, dtype) -> None:
    values = torch.rand(shape, generator=torch.Generator().manual_seed(0)).to(dtype)
    images = as_images(values)
    assert images.shape == (batch, 3, 4, 6)
    assert images.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert torch.equal(images[0, 0].to(dtype), values.reshape(batch, -1, 4, 6)[0, 0])


def test_torch_uint8_and_a_pillow_image() -> None:
    pixels = rng().integers(0, 256, (5, 7, 3)).astype(np.uint8)
    from_torch = as_images(torch.from_numpy(pixels).permute(2, 0, 1))
    assert torch.equal(from_torch, as_images(pixels))
    assert torch.equal(as_images(Image.fromarray(pixels)), as_images(pixels))
    assert torch.equal(as_images(pixels[::-1, ::-1]), from_torch.flip(-1, -2))


def test_alpha_is_composited_over_white() -> None:
    pixels = np.zeros((1, 3, 4), np.uint8)
    pixels[0, :, 0] = 255
    pixels[0, :, 3] = (255, 0, 51)  # opaque red, nothing, red at one fifth
    images = as_images(pixels)[0, :, 0]
    torch.testing.assert_close(images, torch.tensor([[1.0, 1, 1], [0, 1, 0.8], [0, 1, 0.8]]))
    grey = as_images(np.array([[[0, 255], [0, 0]]], np.uint8))[0]
    assert torch.equal(grey, torch.tensor([[[0.0, 1]]] * 3))


def test_rounding_of_floats_is_clipped_and_gradients_pass() -> None:
    assert as_images(torch.full((3, 2, 2), 1 + 1e-7)).max() == 1
    x = torch.rand(1, 3, 2, 2, requires_grad=True)
    as_images(x).sum().backward()
    assert torch.equal(x.grad, torch.ones_like(x))


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.full((3, 2, 2), float("nan")), "12 NaN or infinite"),
        (np.array([[0.5, np.inf]]), "1 NaN or infinite"),
        (torch.full((3, 2, 2), 200.0), "from 200 to 200"),
        (torch.full((3, 2, 2), -0.1), "from -0.1 to -0.1"),
        (np.zeros((0, 5, 3), np.uint8), r"must not be empty, got shape \(0, 5, 3\)"),
        (torch.zeros(0, 3, 4, 4), "must not be empty"),
        (
            np.zeros((3, 8, 8), np.uint8),
            r"\(H, W, C\) or \(B, H, W, C\) with 1 to 4 channels C, got shape \(3, 8, 8\)",
        ),
        (
            torch.zeros(8, 8, 3),
            r"\(C, H, W\) or \(B, C, H, W\) with 1 to 4 channels C, got shape \(8, 8, 3\)",
        ),
        (torch.zeros(8), "got shape"),
        (torch.zeros(1, 1, 3, 8, 8), "got shape"),
        (np.zeros((4, 4), np.int64), "uint8, uint16 or float, got int64"),
        (np.zeros((4, 4), bool), "got bool"),
        (np.zeros((4, 4), complex), "got complex128"),
        (["a.png"], "uint8, uint16 or float"),
    ],
)
def test_bad_arrays_end_in_one_clear_error(images, message) -> None:
    with pytest.raises(ValueError, match=message):
        as_images(images)
