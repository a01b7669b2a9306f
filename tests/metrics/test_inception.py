"""FID without its trained weights, a download: the distance itself is exact, a random network shows the way
through.
"""

import hashlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from scipy.linalg import sqrtm

from nflib.metrics import MissingWeights, fid, frechet_distance, inception, inception_network

vision = pytest.mark.skipif(
    importlib.util.find_spec("torchvision") is None, reason="torchvision is not installed"
)


def draw(*shape, seed=0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


class Means(torch.nn.Module):
    """A stand-in for the network: mean and deviation of each channel."""

    def forward(self, x) -> torch.Tensor:
        return torch.cat((x.mean((2, 3)), x.std((2, 3))), 1)


@pytest.mark.parametrize(("n", "m", "d"), [(50, 60, 4), (5, 7, 9)])  # more samples than features, and fewer
def test_frechet_distance_with_a_matrix_root(n, m, d) -> None:
    x, y = draw(n, d) @ draw(d, d, seed=1) + 1, 0.5 * draw(m, d, seed=2)
    a, b = torch.cov(x.T), torch.cov(y.T)
    root = sqrtm(a.numpy() @ b.numpy()).real
    expected = (x.mean(0) - y.mean(0)).square().sum() + a.trace() + b.trace() - 2 * root.trace()
    # with few samples the product is singular, and the root of it known to about the square root of the
    # rounding error
    assert frechet_distance(x, y).item() == pytest.approx(expected.item(), rel=1e-9 if n > d else 1e-5)


def test_frechet_distance_in_one_dimension() -> None:
    x, y = draw(200, 1), 2 * draw(300, 1, seed=1) + 3
    expected = (x.mean() - y.mean()) ** 2 + (x.std() - y.std()) ** 2
    assert frechet_distance(x, y).item() == pytest.approx(expected.item())
    assert frechet_distance(x, x).item() == pytest.approx(0, abs=1e-12)
    assert frechet_distance(y, x).item() == pytest.approx(expected.item())


def test_sets_of_any_kind() -> None:
    a, b = torch.rand(2, 5, 3, 20, 30, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    network = Means()
    found = fid(a, b, network)
    resized = [2 * F.interpolate(s, (299, 299), mode="bilinear", align_corners=False) - 1 for s in (a, b)]
    torch.testing.assert_close(
        found,
        frechet_distance(network(resized[0].float()), network(resized[1].float())),
        rtol=1e-4,
        atol=1e-8,
    )
    torch.testing.assert_close(fid(iter([a[:2], a[2:]]), [b[:1], b[1:]], network), found)
    assert fid(a, b[:3], network) > 0


@vision
def test_the_way_through_the_network() -> None:
    a, b = torch.rand(2, 2, 3, 40, 40, generator=torch.Generator().manual_seed(0)).double()
    network = inception_network(pretrained=False)
    features = inception._features(a, "images", network)
    assert features.shape == (2, 2048)
    assert features.isfinite().all()
    assert features.std() > 0
    assert fid(a, b, network) > 0
    assert inception_network(pretrained=False) is network
    assert not any(p.requires_grad for p in network.parameters())


@vision
def test_pooling_is_tensorflows() -> None:
    network = inception_network(pretrained=False)
    x = torch.ones(1, 192, 5, 5)
    assert torch.equal(network.Mixed_5b.pool(x), x)  # zeros of the padding do not count
    seen = []
    handle = network.Mixed_7c.block.branch_pool.register_forward_hook(
        lambda module, inputs, output: seen.append(inputs[0])
    )
    x = torch.rand(1, 2048, 8, 8)
    out = network.Mixed_7c(x)
    handle.remove()
    assert torch.equal(seen[-1], F.max_pool2d(x, 3, 1, 1))
    assert out.shape == (1, 2048, 8, 8)


@pytest.fixture
def home(tmp_path, monkeypatch) -> Iterator[Path]:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    monkeypatch.setattr(torch.hub, "download_url_to_file", None)  # using it would be an error
    inception_network.cache_clear()
    yield tmp_path / "hub" / "checkpoints"
    inception_network.cache_clear()


def test_missing_weights_say_what_to_do(home) -> None:
    with pytest.raises(MissingWeights) as error:
        fid(torch.rand(2, 3, 8, 8), torch.rand(2, 3, 8, 8))
    for part in (
        "FID needs the file",
        inception.FILE,
        inception.ADDRESS,
        "6726825d",
        str(home),
        "TORCH_HOME",
    ):
        assert part in str(error.value)
    home.mkdir(parents=True)
    (home / inception.FILE).write_bytes(b"x")
    with pytest.raises(MissingWeights, match="SHA-256 begins with 2d711642, expected 6726825d"):
        inception_network()


@vision
def test_weights_that_are_there_are_used(home, monkeypatch) -> None:
    from nflib._compat import import_torchvision

    import_torchvision()
    from torchvision.models import inception_v3

    torch.manual_seed(3)
    stand_in = inception_v3(weights=None, num_classes=1008, aux_logits=False, init_weights=False)
    home.mkdir(parents=True)
    torch.save(stand_in.state_dict(), home / inception.FILE)

    class Digest:
        def hexdigest(self) -> str:
            return "6726825d" + "0" * 56

    monkeypatch.setattr(hashlib, "file_digest", lambda file, name: Digest())
    assert torch.equal(inception_network().Conv2d_1a_3x3.conv.weight, stand_in.Conv2d_1a_3x3.conv.weight)


def test_bad_input_is_named() -> None:
    a = torch.rand(3, 3, 8, 8)
    with pytest.raises(ValueError, match="images must hold at least two images, got 1"):
        fid(a[:1], a, Means())
    with pytest.raises(ValueError, match="reference must lie in"):
        fid(a, 2 * a - 1, Means())
    with pytest.raises(ValueError, match="must be .N, d. and .M, d."):
        frechet_distance(torch.zeros(2, 3), torch.zeros(2, 4))
