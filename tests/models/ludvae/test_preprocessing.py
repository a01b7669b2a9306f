"""What LUD-VAE's code does before and after the network, with the official helpers' results: colours,
pre-noise, KL, metrics.
"""

from typing import Any

import pytest
import torch

from nflib.closed_form.divergences import kl_normal
from nflib.data import ChannelStatistics, ColourMatch
from nflib.images import as_images
from nflib.metrics import crop_border, psnr, ssim
from tests.helpers import golden

pytestmark = golden.needed
EXACT = dict(rtol=0, atol=2e-6)  # the fixtures are in float32


@pytest.fixture(scope="module")
def t() -> Any:
    return golden.tensors("ludvae_preproc")[1]


@pytest.fixture(scope="module")
def match() -> ColourMatch:
    stats = golden.description("ludvae_preproc")["aim19_stats_255"]
    degraded, clean = (
        ChannelStatistics(
            tuple(v / 255 for v in stats[f"mean_{name}"]), tuple(v / 255 for v in stats[f"std_{name}"]), 1
        )
        for name in ("noisy", "clean")
    )
    return ColourMatch(degraded, clean)


def image(t) -> Any:
    return as_images(t["img_u8_hwc"].byte().numpy())[0].double()


def test_image(t) -> None:
    torch.testing.assert_close(image(t), t["uint2tensor"], **EXACT)
    torch.testing.assert_close(image(t), t["aim19_clean_x"], **EXACT)


def test_colours_of_aim(t, match) -> None:
    torch.testing.assert_close(match(image(t)), t["aim19_noisy_x"], **EXACT)
    # the published code adds the pre-noise first; it is then scaled and clipped with the image
    torch.testing.assert_close(match(image(t) + 10 / 255 * t["noise"]), t["aim19_noisy_hx"], **EXACT)
    torch.testing.assert_close(image(t) + 15 / 255 * t["noise"], t["aim19_clean_hx"], **EXACT)
    torch.testing.assert_close(match.inverse(t["denorm_in"]), t["denorm_out"].clamp(0, 1), **EXACT)


def test_kl(t) -> None:
    found = kl_normal(t["kl_mu_q"], t["kl_logsigma_q"], t["kl_mu_p"], t["kl_logsigma_p"])
    torch.testing.assert_close(found, t["kl_out"], rtol=2e-5, atol=1e-6)


def test_metrics(t) -> None:
    a, b = (as_images(t[name].byte().numpy()) for name in ("metric_a", "metric_b"))
    assert psnr(a, b).item() == pytest.approx(t["psnr_ab"].item(), abs=1e-5)
    assert psnr(crop_border(a, 2), crop_border(b, 2)).item() == pytest.approx(
        t["psnr_ab_border2"].item(), abs=1e-5
    )
    assert ssim(a, b).item() == pytest.approx(t["ssim_ab"].item(), abs=1e-6)


def test_rounding(t) -> None:
    rounded = (t["denorm_in"].clamp(0, 1) * 255).round()
    assert torch.equal(rounded, t["tensor2uint_out"].permute(2, 0, 1))
