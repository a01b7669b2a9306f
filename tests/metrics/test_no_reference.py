"""NIQE, BRISQUE, PIQE against stated values, and against plain loops after the papers."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import convolve, correlate
from scipy.special import gamma

from nflib import data, degraders, images
from nflib.metrics import brisque, brisque_features, luma, niqe, piqe
from nflib.metrics.no_reference import _parameters

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


def reference_image(name) -> torch.Tensor:
    if not (SHARED / name).is_file():
        pytest.skip(f"the reference image {name} is not here")
    return images.read(SHARED / name)[None]


@pytest.fixture(scope="module")
def photo() -> torch.Tensor:
    return data.photos()["chelsea"][None, :, :200, :300]


def test_niqe_of_the_reference_image() -> None:
    """MATLAB R2021a 5.72957338, BasicSR 5.7295763, both as stated in BasicSR."""
    assert niqe(reference_image("niqe_ref/baboon.png")).item() == pytest.approx(5.72957338, abs=1e-6)


@pytest.mark.parametrize(
    ("number", "value"), [(1, 3.37149), (5, 2.92751), (8, 3.0995), (15, 3.95725), (19, 2.6353), (23, 4.41848)]
)
def test_niqe_of_kodak_is_near_that_of_basicsr(number, value) -> None:
    """Measured with BasicSR's code, which computes in float32: flat areas (15 has many) make this visible."""
    found = niqe(reference_image(f"kodak/kodim{number:02d}.png")).item()
    assert found == pytest.approx(value, abs=0.02 if number == 15 else 5e-4)


WINDOW = np.outer(*2 * (np.exp(-(np.arange(-3, 4) ** 2) / (2 * (7 / 6) ** 2)),))
WINDOW /= WINDOW.sum()
SHAPES = np.arange(0.2, 10.0005, 0.001)
RATIOS = gamma(2 / SHAPES) ** 2 / (gamma(1 / SHAPES) * gamma(3 / SHAPES))


def asymmetric(values) -> tuple[float, float, float]:
    """shape, left, right root mean square, by exhaustive search."""
    values = values.ravel()
    left, right = np.sqrt(np.mean(values[values < 0] ** 2)), np.sqrt(np.mean(values[values > 0] ** 2))
    g = left / right
    ratio = np.mean(np.abs(values)) ** 2 / np.mean(values**2) * (g**3 + 1) * (g + 1) / (g**2 + 1) ** 2
    return SHAPES[np.argmin((RATIOS - ratio) ** 2)], left, right


def test_niqe_equals_plain_loops(photo) -> None:
    def features(block) -> list:
        shape, left, right = asymmetric(block)
        width = np.sqrt(gamma(1 / shape) / gamma(3 / shape))
        out = [shape, (left + right) / 2 * width]
        for shift in ((0, 1), (1, 0), (1, 1), (1, -1)):
            shape, left, right = asymmetric(block * np.roll(block, shift, (0, 1)))
            width = np.sqrt(gamma(1 / shape) / gamma(3 / shape))
            out += [
                shape,
                (right - left) * width * gamma(2 / shape) / gamma(1 / shape),
                left * width,
                right * width,
            ]
        return out

    y = np.round(255 * luma(photo.double())[0, 0].numpy())[:192, :288]
    rows = []
    for size in (96, 48):
        mean = convolve(y, WINDOW, mode="nearest")
        values = (y - mean) / (np.sqrt(np.abs(convolve(y**2, WINDOW, mode="nearest") - mean**2)) + 1)
        rows.append(
            [
                features(values[i : i + size, j : j + size])
                for i in range(0, 2 * size, size)
                for j in range(0, 3 * size, size)
            ]
        )
        y = images.resize(torch.tensor(y), 0.5).numpy()
    rows = np.concatenate(rows, 1)
    pristine = _parameters("niqe", torch.device("cpu"))
    difference = rows.mean(0) - pristine["mean"].numpy()
    inverse = np.linalg.pinv((np.cov(rows.T) + pristine["covariance"].numpy()) / 2)
    assert niqe(photo).item() == pytest.approx(np.sqrt(difference @ inverse @ difference), rel=1e-6)


def test_brisque_features_equal_plain_loops(photo) -> None:
    def features(x) -> list:
        mean = correlate(x, WINDOW, mode="constant")
        values = (x - mean) / (np.sqrt(np.abs(correlate(x**2, WINDOW, mode="constant") - mean**2)) + 1)
        ratio = np.mean(values**2) / np.mean(np.abs(values)) ** 2
        out = [SHAPES[np.argmin(np.abs(1 / RATIOS - ratio))], np.mean(values**2)]
        for shift in ((0, 1), (1, 0), (1, 1), (-1, 1)):
            shape, left, right = asymmetric(values * np.roll(values, shift, (0, 1)))
            width = np.sqrt(gamma(1 / shape) / gamma(3 / shape))
            out += [shape, (right - left) * width * gamma(2 / shape) / gamma(1 / shape), left**2, right**2]
        return out

    rgb = photo[0].double().numpy()
    x = np.round(255 * np.tensordot([0.298936021293776, 0.587043074451121, 0.114020904255103], rgb, 1))
    expected = features(x) + features(images.resize(torch.tensor(x), 0.5).numpy())
    np.testing.assert_allclose(brisque_features(photo)[0], expected, rtol=1e-6)


def test_the_regression_of_brisque_equals_libsvm(monkeypatch) -> None:
    """libsvm's svm_predict gave 17.465700113147903 for these scaled features and the model file as
    published."""
    low, high = _parameters("brisque", torch.device("cpu"))["range"]
    features = 0.5 * (low + high) + 0.1 * (high - low) * torch.sin(torch.arange(36, dtype=torch.float64))
    monkeypatch.setattr("nflib.metrics.no_reference.brisque_features", lambda images: features[None])
    assert brisque(torch.zeros(1, 3, 16, 16)).item() == pytest.approx(17.465700113147903, rel=1e-9)


@pytest.mark.parametrize(
    ("number", "value"),
    [
        (1, 47.53990522939379),
        (5, 29.053901824562118),
        (8, 47.861808129195374),
        (15, 25.132463845851383),
        (23, 15.030887289169058),
    ],
)
def test_piqe_equals_pypiqe_on_grey_photos(number, value) -> None:
    """Values of pypiqe 1.2, a port of MATLAB's function, for Kodak photos that OpenCV made grey."""
    levels = (reference_image(f"kodak/kodim{number:02d}.png") * 255).round().long()
    grey = torch.einsum(
        "c,bchw->bhw", torch.tensor([9798, 19235, 3735]), levels
    )  # OpenCV's integer arithmetic
    grey = ((grey + 16384) >> 15).double()[:, None] / 255
    assert piqe(grey.expand(-1, 3, -1, -1)).item() == pytest.approx(value, rel=1e-9)


def test_piqe_equals_its_rules_block_by_block(photo) -> None:
    x = photo[..., :39, :53]  # padded by repetition to 48 x 64
    grey = np.round(
        255
        * np.tensordot([0.298936021293776, 0.587043074451121, 0.114020904255103], x[0].double().numpy(), 1)
    )
    grey = np.pad(grey, ((0, 9), (0, 11)), "edge")
    mean = convolve(grey, WINDOW, mode="nearest")
    values = (grey - mean) / (np.sqrt(np.abs(convolve(grey**2, WINDOW, mode="nearest") - mean**2)) + 1)
    total, active = 0.0, 0
    for i in range(0, 48, 16):
        for j in range(0, 64, 16):
            block = values[i : i + 16, j : j + 16]
            variance = block.var(ddof=1)
            if variance <= 0.1:
                continue
            active += 1
            edges = (block[0], block[-1], block[:, 0], block[:, -1])
            if any(edge[k : k + 6].std(ddof=1) < 0.1 for edge in edges for k in range(11)):
                total += 1 - variance
            quotient = block[:, 7:9].std(ddof=1) / np.delete(block, (7, 9), 1).std(ddof=1)
            deviation = np.sqrt(variance)
            if deviation > 2 * abs(deviation - quotient) / max(deviation, quotient):
                total += variance
    assert active > 0
    assert piqe(x).item() == pytest.approx(100 * (1 + total) / (1 + active), rel=1e-9)
    assert piqe(torch.full((1, 3, 32, 32), 0.4)).item() == 100


def test_damage_raises_the_scores_and_batches_are_independent(photo) -> None:
    noisy = degraders.White(25 / 255)(photo, generator=torch.Generator().manual_seed(0))
    for metric in (niqe, brisque, piqe):
        found = metric(torch.cat([photo, noisy]))
        assert found.shape == (2,)
        assert found.dtype == torch.float64
        assert found[1] > found[0]
        assert found[0].item() == pytest.approx(metric(photo).item(), rel=1e-9)


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match="two blocks of 96x96 pixels, got 191x100"):
        niqe(torch.rand(1, 3, 100, 191))
    with pytest.raises(ValueError, match="two blocks that are not flat, got 0"):
        niqe(torch.full((1, 3, 96, 192), 0.5))
    with pytest.raises(ValueError, match="16x16 pixels, got 20x15"):
        brisque(torch.rand(1, 3, 15, 20))
    for metric in (niqe, brisque, piqe):
        with pytest.raises(ValueError, match="images must be a floating tensor"):
            metric(torch.rand(1, 1, 200, 200))
