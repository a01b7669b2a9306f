"""Large images are scored strip by strip: the same numbers, and memory for little but the images."""

import functools
import subprocess
import sys

import pytest
import torch

from nflib import data
from nflib.images import strips
from nflib.metrics import (
    akld,
    autocorrelation,
    brisque,
    brisque_features,
    channel_correlation,
    diversity,
    histogram_kl,
    lr_psnr,
    niqe,
    piqe,
    psnr,
    ssim,
    ssim_map,
)

# MB beyond the images that a pair of 4 megapixels may take, most of it for one strip. As a whole SSIM takes
# 1,100.
MOST = 500
SCORE = """
import sys, torch
from pathlib import Path
from nflib import metrics
def now(key):
    return int(Path("/proc/self/status").read_text().split(key + ":")[1].split()[0]) / 1000
generator = torch.Generator().manual_seed(0)
pair = [torch.rand(1, 3, 2000, 2000, generator=generator) for _ in range(2)]
metric = metrics.METRICS[sys.argv[1]]
given = pair if metric.needs_reference else pair[:1]
metric.function(*(image[..., :200, :200] for image in given))
before = now("VmRSS")
metric.function(*given)
print(max(now("VmHWM") - before, 0))
"""


@pytest.fixture(scope="module")
def pair() -> tuple[torch.Tensor, torch.Tensor]:
    clean = torch.stack(
        [data.photos()["chelsea"][:, 20:233, 100:315], data.photos()["coffee"][:, 60:273, 7:222]]
    )
    noise = 0.05 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    return (clean + noise).clamp(0, 1), clean


SCORES = {
    "psnr": psnr,
    "ssim": ssim,
    "ssim-uniform": functools.partial(ssim, window="uniform"),
    "ssim_map": ssim_map,
    "lr_psnr": lambda a, b: lr_psnr(a[..., :212, :212], b[..., ::4, ::4][..., :53, :53]),
    "diversity": lambda a, b: diversity(torch.stack([a, b, a.square()])),
    "akld": lambda a, b: akld(torch.stack([a, a.square()]), a.flip(0), b),
    "autocorrelation": lambda a, b: autocorrelation(a - b, lags=5),
    "channel_correlation": lambda a, b: channel_correlation(a - b),
    "histogram_kl": lambda a, b: histogram_kl(a - b, b - a.square()),
    "niqe": lambda a, b: niqe(a),
    "brisque": lambda a, b: brisque(a),
    "brisque_features": lambda a, b: brisque_features(a),
    "piqe": lambda a, b: piqe(a),
}


@pytest.mark.parametrize("name", SCORES)
def test_strips_change_nothing(pair, name, monkeypatch) -> None:
    def score() -> torch.Tensor:
        return SCORES[name](*pair)

    monkeypatch.setattr(strips, "PIXELS", 10**9)
    whole = score()
    for pixels in (1, 9000):
        monkeypatch.setattr(strips, "PIXELS", pixels)
        torch.testing.assert_close(score(), whole, rtol=1e-11, atol=1e-11)


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
@pytest.mark.parametrize("name", ["ssim", "brisque"])
def test_memory_of_four_megapixels(name) -> None:
    done = subprocess.run([sys.executable, "-c", SCORE, name], check=True, capture_output=True, text=True)
    assert float(done.stdout) < MOST
