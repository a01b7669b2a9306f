"""RefinementNet: bicubic at the start, whatever the scale; a place depends on what is near it only; saved and
loaded.
"""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from nflib import checkpoints
from nflib.models import RefinementConfig, RefinementNet


@pytest.fixture
def lr() -> torch.Tensor:
    return torch.rand(2, 3, 9, 14, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("scale", [2, 4, 8, 16])
def test_a_new_network_is_bicubic_enlargement(lr, scale) -> None:
    """Pillow's bicubic has the same kernel; it treats borders in another way."""
    enlarged = RefinementNet(RefinementConfig(scale, 4, 1))(lr)
    size = (14 * scale, 9 * scale)
    expected = Image.fromarray(lr[0, 0].numpy()).resize(size, Image.Resampling.BICUBIC)
    border = 2 * scale
    inside = (slice(border, -border), slice(border, -border))
    assert enlarged.shape == (2, 3, 9 * scale, 14 * scale)
    torch.testing.assert_close(
        enlarged[0, 0].detach()[inside], torch.tensor(np.asarray(expected))[inside], rtol=0, atol=1e-5
    )


def test_the_refinement_is_laid_out_as_pixels(lr) -> None:
    """Moving the input by a pixel moves the output by scale pixels, and nothing else happens: no place of the
    grid is special.
    """
    torch.manual_seed(0)
    net = RefinementNet(RefinementConfig(2, 8, 1))
    nn.init.normal_(net.last.weight, std=0.1)
    x = torch.rand(1, 3, 24, 24)
    a, b = net(x)[..., 14:-14, 14:-14], net(x.roll((1, 1), (2, 3)))[..., 14:-14, 14:-14]
    torch.testing.assert_close(a[..., :-2, :-2], b[..., 2:, 2:])
    assert (a - RefinementNet(RefinementConfig(2, 8, 1))(x)[..., 14:-14, 14:-14]).abs().mean() > 0.01


def test_sizes_and_gradients(lr) -> None:
    net = RefinementNet()
    assert (
        sum(p.numel() for p in net.parameters()) == (27 + 1) * 32 + 16 * (9 * 32 + 1) * 32 + (9 * 32 + 1) * 12
    )
    net(lr).square().sum().backward()
    assert net.last.weight.grad.abs().max() > 0  # only the last layer learns in the first step


def test_saved_and_loaded(lr, tmp_path) -> None:
    torch.manual_seed(0)
    net = RefinementNet(RefinementConfig(4, 6, 2))
    nn.init.normal_(net.last.weight, std=0.1)
    checkpoints.save(net, tmp_path / "net.safetensors", {"unit": "mean absolute error", "validation": 0.03})
    loaded = checkpoints.load(tmp_path / "net.safetensors")
    assert loaded.config == net.config
    assert torch.equal(loaded(lr), net.eval()(lr))
    about = checkpoints.describe(tmp_path / "net.safetensors")
    assert (about.architecture, about.metrics) == ("RefinementNet", {"validation, mean absolute error": 0.03})


def test_bad_sizes() -> None:
    with pytest.raises(ValueError, match="scale must be 2, 4, 8 or 16, got 1"):
        RefinementConfig(1)
    with pytest.raises(ValueError, match="channels and blocks must be at least 1"):
        RefinementConfig(2, 0)
