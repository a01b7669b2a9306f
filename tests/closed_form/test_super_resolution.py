"""Interpolation, and de-aliasing of shifted frames: exact for a scene in closed form, in between with found
shifts and with noise.
"""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image

from nflib import data
from nflib.closed_form import super_resolution as traditional
from nflib.metrics import psnr


def generator(seed=0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def waves(height, width) -> Callable[..., torch.Tensor]:
    """A scene without an end: a sum of waves with whole periods, below the highest frequency of height x
    width pixels.
    """
    g = generator()
    top = torch.tensor([(height - 1) // 2, (width - 1) // 2])
    numbers = torch.cat(
        [(torch.rand(60, 2, generator=g, dtype=torch.float64) * 2 - 1) * top, torch.diag(top)]
    ).round()
    phases = 2 * math.pi * torch.rand(3, len(numbers), generator=g, dtype=torch.float64)

    def scene(rows, columns) -> torch.Tensor:
        turns = (
            numbers[:, 0, None, None] * rows[:, None] / height + numbers[:, 1, None, None] * columns / width
        )
        return 0.5 + torch.cos(2 * math.pi * turns + phases[..., None, None]).mean(1)

    return scene


def seen(scene, height, width, scale, shifts) -> tuple[torch.Tensor, torch.Tensor]:
    """The scene at the pixels of the high resolution, and frames of height x width pixels."""
    pixels = [torch.arange(scale * side, dtype=torch.float64) for side in (height, width)]
    places = [
        [scale * (torch.arange(side) + shift[i]) + (scale - 1) / 2 for i, side in enumerate((height, width))]
        for shift in shifts
    ]
    return scene(*pixels), torch.stack([scene(*place) for place in places])


def drawn_shifts(count, reach, seed=1) -> torch.Tensor:
    shifts = reach * (2 * torch.rand(count, 2, generator=generator(seed), dtype=torch.float64) - 1)
    shifts[0] = 0
    return shifts


def rms(x) -> float:
    return x.square().mean().sqrt().item()


@pytest.mark.parametrize(("scale", "height", "width", "count"), [(2, 12, 15, 5), (3, 8, 7, 11)])
def test_a_band_limited_scene_is_recovered_from_known_shifts(scale, height, width, count) -> None:
    shifts = drawn_shifts(count, 3)
    truth, frames = seen(waves(scale * height, scale * width), height, width, scale, shifts)
    found = traditional.dealias(frames, shifts, scale, regularisation=0)
    assert found.shape == (3, scale * height, scale * width)
    torch.testing.assert_close(found, truth, rtol=0, atol=1e-6)
    assert rms(traditional.enlarge(frames[0], scale) - truth) > 0.05  # one frame does not know


def test_frames_of_a_scene_are_its_waves_at_their_places() -> None:
    shifts = drawn_shifts(4, 3)
    truth, frames = seen(waves(24, 30), 12, 15, 2, shifts)
    torch.testing.assert_close(traditional.sample_frames(truth, 2, shifts), frames, rtol=0, atol=1e-9)
    still = traditional.sample_frames(truth, 3, torch.zeros(1, 2))[0]
    torch.testing.assert_close(still, truth[:, 1::3, 1::3], rtol=0, atol=1e-9)  # the middle of 3x3 pixels


def frames_of_a_photo(scale=2, count=6, sides=(96, 104)) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Mirrored to be periodic; the frames are smaller than that, as a camera's are: what they see enters and
    leaves at borders.
    """
    photo = data.photos("clean")["motorcycle"].double()[:, : scale * sides[0], : scale * sides[1]]
    mirrored = torch.cat((photo, photo.flip(1)), 1)
    mirrored = torch.cat((mirrored, mirrored.flip(2)), 2)
    shifts = drawn_shifts(count, 1.5)
    return photo, traditional.sample_frames(mirrored, scale, shifts)[..., : sides[0], : sides[1]], shifts


def inner_psnr(image, truth) -> float:
    return psnr(*(x[None, :, 16:-16, 16:-16].clamp(0, 1) for x in (image, truth))).item()


def test_shifts_of_a_photo_are_found_and_good_enough() -> None:
    photo, frames, shifts = frames_of_a_photo()
    found = traditional.register(frames)
    assert torch.equal(found[0], torch.zeros(2, dtype=torch.float64))
    assert (found - shifts).abs().max() < 0.05
    scores = {
        "one frame": inner_psnr(traditional.enlarge(frames[0], 2), photo),
        "found": inner_psnr(traditional.dealias(frames, found, 2), photo),
        "known": inner_psnr(traditional.dealias(frames, shifts, 2), photo),
        "wrong": inner_psnr(traditional.dealias(frames, 0 * shifts, 2), photo),
    }
    assert scores["found"] > scores["one frame"] + 6
    assert scores["known"] > scores["found"] - 0.5
    assert scores["wrong"] < scores["one frame"]


def test_large_shifts_and_colours() -> None:
    _photo, frames, _ = frames_of_a_photo(count=1)
    moved = torch.stack([frames[0], frames[0].roll((-7, 12), (1, 2))])
    torch.testing.assert_close(
        traditional.register(moved)[1], torch.tensor([7.0, -12.0], dtype=torch.float64), rtol=0, atol=0.05
    )
    assert traditional.register(moved.float()).dtype == torch.float32


def test_noise_is_that_of_a_mean_where_frames_interlace() -> None:
    """With frames half a pixel apart the equations only sort pixels: the noise stays; from n such sets it
    falls by sqrt(n).
    """
    grid = torch.tensor([[0, 0], [0, 0.5], [0.5, 0], [0.5, 0.5]], dtype=torch.float64)
    scene = waves(64, 80)
    for sets in (1, 4):
        truth, frames = seen(scene, 32, 40, 2, grid.repeat(sets, 1))
        noisy = frames + 0.1 * torch.randn(frames.shape, generator=generator(), dtype=torch.float64)
        error = rms(traditional.dealias(noisy, grid.repeat(sets, 1), 2, regularisation=0) - truth)
        assert error == pytest.approx(
            0.1 / sets**0.5, rel=0.03
        )  # 15,360 values: five deviations of their root mean square


def test_frames_at_nearly_the_same_place_need_regularisation() -> None:
    shifts = torch.tensor([[0, 0], [0, 0.1], [0.1, 0], [0.1, 0.1]], dtype=torch.float64)
    photo = data.photos("clean")["motorcycle"].double()[:, :96, :96]
    frames = traditional.sample_frames(photo, 2, shifts)
    noisy = frames + 0.02 * torch.randn(frames.shape, generator=generator(), dtype=torch.float64)
    errors = [rms(traditional.dealias(noisy, shifts, 2, strength) - photo) for strength in (0, 1e-2, 1, 1e4)]
    assert errors[0] > 0.2 > errors[1]
    assert min(errors) < errors[3]


@pytest.mark.parametrize(
    ("method", "filter_"),
    [
        ("nearest", Image.Resampling.NEAREST),
        ("bilinear", Image.Resampling.BILINEAR),
        ("bicubic", Image.Resampling.BICUBIC),
    ],
)
@pytest.mark.parametrize("scale", [2, 3])
def test_interpolation_is_pillows(method, filter_, scale) -> None:
    image = torch.rand(2, 9, 12, generator=generator())
    found = traditional.enlarge(image, scale, method)
    inner = (slice(2 * scale, -2 * scale),) * 2  # borders are treated in other ways
    for channel, large in zip(image, found, strict=True):
        expected = np.asarray(Image.fromarray(channel.numpy()).resize((12 * scale, 9 * scale), filter_))
        torch.testing.assert_close(large[inner], torch.tensor(expected)[inner], rtol=0, atol=1e-5)
    assert traditional.enlarge(image[None], scale, method).shape == (1, 2, 9 * scale, 12 * scale)


def test_bad_input() -> None:
    frames, shifts = torch.rand(3, 1, 8, 8), torch.zeros(3, 2)
    for call, message in (
        (
            lambda: traditional.enlarge(frames, 2, "spline"),
            "method must be one of nearest, bilinear, bicubic, got 'spline'",
        ),
        (lambda: traditional.enlarge(frames, 0, "nearest"), "scale must be at least 1, got 0"),
        (
            lambda: traditional.dealias(frames, shifts[:2], 2),
            r"shifts must be \(3, 2\) for 3 frames, got \(2, 2\)",
        ),
        (lambda: traditional.dealias(frames, shifts, 1), "scale must be at least 2"),
        (
            lambda: traditional.dealias(frames[0], shifts, 2),
            r"frames must be a floating tensor \(K, C, H, W\)",
        ),
        (lambda: traditional.register(frames[:0]), "frames must be"),
        (
            lambda: traditional.sample_frames(frames[0], 3, shifts),
            "scene must have sides that are multiples of 3, got 8x8",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            call()
