"""Every metric of inputs on which its formula divides by zero: a finite number, or one plain error."""

import pytest
import torch

from nflib import metrics

FLAT = torch.full((1, 3, 192, 192), 0.5, dtype=torch.float64)
PHOTO = torch.rand(1, 3, 192, 192, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("name", [name for name in metrics.METRICS if name != "lpips"])
@pytest.mark.parametrize("image", [FLAT, FLAT * 0, FLAT * 2, PHOTO], ids=["grey", "black", "white", "photo"])
def test_no_metric_is_nan(name, image) -> None:
    metric = metrics.METRICS[name]
    other = (1 - PHOTO,) if metric.needs_reference else ()
    try:
        found = metric.function(image, *other)
    except ValueError as error:
        if "nflib[perceptual]" in str(error):
            pytest.skip("the extra is not installed")
        assert str(error).split()[0] in ("NIQE", "BRISQUE")  # noqa: PT017 - it may also be a number
        assert image is not PHOTO
    else:
        assert torch.isfinite(found).all()


def test_brisque_names_the_flat_ones_of_a_batch() -> None:
    with pytest.raises(ValueError, match="not one that is flat; without: 1 of 2"):
        metrics.brisque(torch.cat([PHOTO, FLAT]))


def test_mmd_of_equal_sets_is_zero_and_says_when_it_has_no_bandwidth() -> None:
    points = torch.zeros(5, 3, dtype=torch.float64)
    assert metrics.mmd(points, points) == 0
    assert metrics.mmd(points, points, estimator="biased") == 0
    two = torch.cat([points, points[:2] + 1])
    with pytest.raises(ValueError, match="median distance is no bandwidth"):
        metrics.mmd(two, points)
    assert torch.isfinite(metrics.mmd(two, points, metrics.GaussianKernel((1.0,))))


def test_what_has_no_variation_has_no_correlation_and_no_spectrum() -> None:
    half = PHOTO[..., :32, :32].clone()
    half[:, 1] = 0.3
    for measure in (metrics.autocorrelation, metrics.channel_correlation):
        with pytest.raises(ValueError, match="constant in channel 1 of image 0"):
            measure(half)
    for fake, real, name in ((FLAT, FLAT, "fake"), (FLAT, PHOTO, "fake"), (PHOTO, FLAT, "real")):
        with pytest.raises(ValueError, match=f"{name} has no power at some frequencies"):
            metrics.spectrum_error(fake, real)


def test_rounding_beyond_the_range_is_clipped() -> None:
    above = PHOTO.clone()
    above[0, 0, 0, 0] = 1 + 1.2e-7
    inside = above.clamp(0, 1)
    assert metrics.psnr(above, FLAT) == metrics.psnr(inside, FLAT)
    above[0, 0, 0, 0] = 1.001
    with pytest.raises(ValueError, match=r"images must lie in \[0, 1\], got values from .* to 1.001"):
        metrics.psnr(above, FLAT)
