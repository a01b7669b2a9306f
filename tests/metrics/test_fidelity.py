import numpy as np
import pytest
import torch

from nflib import data, degraders, images, units
from nflib.metrics import crop_border, diversity, lr_psnr, luma, psnr, ssim, ssim_map
from tests.helpers.vectors import ATOL, RTOL, case


def image_of(values, peak) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)[None, None] / peak


@pytest.fixture(scope="module")
def pair() -> tuple[torch.Tensor, torch.Tensor]:
    clean = data.photos()["chelsea"][None, :, 50:130, 100:201]
    return degraders.degrade_ntire(clean, generator=units.generator(0)), clean


@pytest.mark.parametrize("name", ["psnr_8bit", "psnr_unit_range"])
def test_psnr_of_the_vectors(name) -> None:
    inputs, expected = case(name)
    a, b = (image_of(inputs[k], inputs["peak"]) for k in "ab")
    np.testing.assert_allclose(psnr(a, b), [expected["psnr"]], rtol=RTOL)
    mse = (a - b).square().mean() * inputs["peak"] ** 2
    np.testing.assert_allclose(mse, expected["mse"], rtol=RTOL)


def test_ssim_of_the_vectors() -> None:
    inputs, expected = case("ssim_gaussian")
    a, b = (image_of(inputs[k], inputs["data_range"]) for k in "ab")
    np.testing.assert_allclose(ssim(a, b), [expected["ssim"]], rtol=RTOL, atol=ATOL)
    found = ssim_map(a, b)
    assert found.numel() == expected["count"]
    np.testing.assert_allclose(found[0, 0, 0, 0], expected["top_left"], rtol=RTOL, atol=ATOL)
    inputs, expected = case("ssim_uniform7")
    a, b = (image_of(inputs[k], inputs["data_range"]) for k in "ab")
    np.testing.assert_allclose(ssim(a, b, "uniform"), [expected["ssim"]], rtol=RTOL, atol=ATOL)
    assert ssim_map(a, b, "uniform").numel() == expected["count"]


def test_psnr_and_both_ssims_equal_scikit_image(pair) -> None:
    from skimage.metrics import peak_signal_noise_ratio, structural_similarity

    a, b = (x[0].double().permute(1, 2, 0).numpy() for x in pair)
    assert psnr(*pair).item() == pytest.approx(peak_signal_noise_ratio(b, a, data_range=1))
    uniform = structural_similarity(a, b, data_range=1, channel_axis=2)
    assert ssim(*pair, window="uniform").item() == pytest.approx(uniform, rel=1e-9)
    gaussian = structural_similarity(
        a, b, data_range=1, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert ssim(*pair).item() == pytest.approx(gaussian, rel=1e-9)
    assert abs(uniform - gaussian) > 0.005  # they are different numbers


def test_every_image_of_a_batch_has_its_own_score(pair) -> None:
    degraded, clean = pair
    both = torch.cat([degraded, clean]), torch.cat([clean, clean])
    for metric in (psnr, ssim, lambda *p: ssim(*p, window="uniform")):
        found = metric(*both)
        assert found.shape == (2,)
        assert found.dtype == torch.float64
        assert found[0] == pytest.approx(metric(*pair).item(), rel=1e-12)
    assert psnr(*both)[1] == torch.inf
    assert ssim(*both)[1] == pytest.approx(1, abs=1e-12)


def test_luma_is_that_of_scikit_image(pair) -> None:
    from skimage.color import rgb2ycbcr

    clean = pair[1]
    expected = rgb2ycbcr(clean[0].permute(1, 2, 0).double().numpy())[..., 0] / 255
    np.testing.assert_allclose(luma(clean.double())[0, 0], expected, rtol=1e-6)


def test_crop_border() -> None:
    x = torch.arange(42.0).view(1, 1, 6, 7)
    assert torch.equal(crop_border(x, 2), x[..., 2:4, 2:5])
    assert torch.equal(crop_border(x, 0), x)
    for border in (-1, 3):
        with pytest.raises(ValueError, match="border must be at least 0 and leave something of 7x6 pixels"):
            crop_border(x, border)


def test_lr_psnr_sees_only_what_shrinking_keeps(pair) -> None:
    """Detail that lies in the null space of shrinking is free, a shift of brightness is not."""
    hr = pair[1][..., :80, :80] * 0.5 + 0.25
    lr = (images.resize(hr, 1 / 4) * 255).round() / 255
    assert lr_psnr(hr, lr).item() > 45  # what rounding to 8 bits costs
    noise = 0.05 * torch.randn(hr.shape, generator=units.generator(1))
    steps = 30
    for _ in range(steps):  # remove what can be seen at low resolution
        noise = noise - images.resize(images.resize(noise, 1 / 4), 4)
    assert psnr(hr + noise, hr) < 30
    assert lr_psnr(hr + noise, lr) > 45
    brighter = hr + 5 / 255
    assert lr_psnr(brighter, lr).item() == pytest.approx(20 * np.log10(255 / 5), abs=0.3)


def test_lr_psnr_rounds_to_eight_bits() -> None:
    lr = torch.full((1, 3, 4, 4), 100 / 255)
    assert lr_psnr(torch.full((1, 3, 16, 16), 100.4 / 255), lr).item() == torch.inf
    assert lr_psnr(torch.full((1, 3, 16, 16), 100.6 / 255), lr).item() == pytest.approx(20 * np.log10(255))


def test_diversity_is_the_sample_deviation_in_grey_levels() -> None:
    samples = 0.5 + torch.randn(40, 2, 3, 16, 16, generator=units.generator(0)) * torch.tensor(
        [0.02, 0.05]
    ).view(2, 1, 1, 1)
    found = diversity(samples)
    expected = [np.std(samples[:, i].double().numpy(), axis=0, ddof=1).mean() * 255 for i in range(2)]
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert diversity(samples[:1].expand(3, -1, -1, -1, -1)).tolist() == [0, 0]


def test_bad_input_is_named(pair) -> None:
    a, b = pair
    with pytest.raises(ValueError, match=r"images must lie in \[0, 1\], got values from 0.*to 2"):
        psnr((b * 0).index_fill(3, torch.tensor([0]), 2.0), b)
    with pytest.raises(ValueError, match="images must be finite, got 24240 NaN"):
        psnr(torch.full_like(b, torch.nan), b)
    with pytest.raises(ValueError, match="must have the same shape"):
        psnr(a[..., 1:], b)
    with pytest.raises(ValueError, match="reference must be a floating tensor"):
        ssim(a, (b * 255).to(torch.uint8))
    with pytest.raises(ValueError, match="images must be a tensor, got ndarray"):
        ssim(a.numpy(), b)
    with pytest.raises(ValueError, match="window must be one of gaussian, uniform, got 'square'"):
        ssim(a, b, "square")
    with pytest.raises(ValueError, match="at least 11x11, got 10x80"):
        ssim(a[..., :10], b[..., :10])
    with pytest.raises(ValueError, match="whole multiple of low_resolution"):
        lr_psnr(a, b[..., :30, :30])
    with pytest.raises(ValueError, match="n at least 2"):
        diversity(a[None])
