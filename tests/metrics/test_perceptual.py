"""LPIPS without its trained backbone, a download: a random one shows shapes, ranges, errors, and no true
distance.
"""

import hashlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from nflib.metrics import MissingWeights, lpips, lpips_network, perceptual

pytestmark = pytest.mark.skipif(importlib.util.find_spec("lpips") is None, reason="lpips is not installed")


@pytest.fixture(scope="module")
def pair() -> tuple[torch.Tensor, ...]:
    return torch.rand(2, 2, 3, 64, 48, generator=torch.Generator().manual_seed(0)).unbind()


@pytest.fixture
def home(tmp_path, monkeypatch) -> Iterator[Path]:
    """An empty torch home, so that weights a developer has do not matter."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    lpips_network.cache_clear()
    yield tmp_path / "hub" / "checkpoints"
    lpips_network.cache_clear()


@pytest.mark.parametrize("net", ["alex", "squeeze"])
def test_a_random_backbone_gives_distances(pair, net) -> None:
    a, b = pair
    network = lpips_network(net, pretrained=False)
    found = lpips(a, b, network)
    assert found.shape == (2,)
    assert found.dtype == torch.float64
    assert (found > 0).all()
    assert lpips(a, a, network).tolist() == [0, 0]
    torch.testing.assert_close(lpips(a[1:], b[1:], network), found[1:])
    torch.testing.assert_close(lpips(b, a, network), found)
    assert lpips_network(net, pretrained=False) is network
    assert not any(p.requires_grad for p in network.parameters())


def test_images_reach_the_network_in_minus_one_to_one(pair) -> None:
    a, b = pair
    network = lpips_network("alex", pretrained=False)
    with torch.no_grad():
        expected = network(2 * a - 1, 2 * b - 1).flatten().double()
    torch.testing.assert_close(lpips(a, b, network), expected)
    with torch.no_grad():
        assert (network(a, b).flatten() - expected).abs().max() > 1e-4  # [0, 1] would be something else


def test_the_random_backbone_is_always_the_same_and_leaves_the_seed_alone(pair) -> None:
    lpips_network.cache_clear()
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = lpips(*pair, lpips_network("alex", pretrained=False))
    assert torch.equal(torch.get_rng_state(), before)
    lpips_network.cache_clear()
    assert torch.equal(lpips(*pair, lpips_network("alex", pretrained=False)), first)


def test_the_heads_are_those_of_the_package() -> None:
    """Trained on human judgements, not negative; the random part is the backbone alone."""
    network = lpips_network("alex", pretrained=False)
    folder = Path(importlib.util.find_spec("lpips").origin).parent
    saved = torch.load(folder / "weights" / "v0.1" / "alex.pth", weights_only=True, map_location="cpu")
    for number, head in enumerate(network.lins):
        assert (head.model[-1].weight >= 0).all()
        assert torch.equal(head.model[-1].weight, saved[f"lin{number}.model.1.weight"])


def test_missing_weights_say_what_to_do_and_nothing_is_downloaded(pair, home, monkeypatch) -> None:
    monkeypatch.setattr(torch.hub, "download_url_to_file", None)  # using it would be an error
    with pytest.raises(MissingWeights) as error:
        lpips(*pair)
    message = str(error.value)
    for part in (
        "alexnet-owt-7be5be79.pth",
        "https://download.pytorch.org/models/",
        "7be5be79",
        str(home),
        "TORCH_HOME",
    ):
        assert part in message
    assert not home.exists()


def test_a_damaged_file_is_refused(pair, home) -> None:
    home.mkdir(parents=True)
    (home / "alexnet-owt-7be5be79.pth").write_bytes(b"x")
    with pytest.raises(MissingWeights, match="SHA-256 begins with 2d711642, expected 7be5be79"):
        lpips(*pair)


def test_weights_that_are_there_are_used(pair, home, monkeypatch) -> None:
    """With a stand-in for the trained file, whose hash is put in the place of the true one."""
    from torchvision import models

    home.mkdir(parents=True)
    torch.manual_seed(1)
    stand_in = home / "alexnet-owt-7be5be79.pth"
    torch.save(models.alexnet(weights=None).state_dict(), stand_in)

    class Digest:
        def hexdigest(self) -> str:
            return "7be5be79" + "0" * 56

    monkeypatch.setattr(hashlib, "file_digest", lambda file, name: Digest())
    monkeypatch.setattr(torch.hub, "download_url_to_file", None)
    found = lpips(*pair)
    first = lpips_network("alex").net.slice1[0].weight
    assert torch.equal(first, torch.load(stand_in, weights_only=True)["features.0.weight"])
    assert (found > 0).all()
    assert not torch.equal(found, lpips(*pair, lpips_network("alex", pretrained=False)))


def test_bad_input_is_named(pair) -> None:
    a, b = pair
    with pytest.raises(ValueError, match="net must be one of alex, squeeze, vgg, got 'resnet'"):
        lpips_network("resnet")
    with pytest.raises(ValueError, match="at least 32x32, got"):
        lpips(a[..., :31], b[..., :31])
    with pytest.raises(ValueError, match="must lie in"):
        lpips(2 * a - 1, b)


def test_the_files_are_those_torchvision_asks_for() -> None:
    from nflib._compat import import_torchvision

    import_torchvision()
    from torchvision.models import AlexNet_Weights, SqueezeNet1_1_Weights, VGG16_Weights

    for net, weights in (
        ("alex", AlexNet_Weights),
        ("squeeze", SqueezeNet1_1_Weights),
        ("vgg", VGG16_Weights),
    ):
        assert weights.IMAGENET1K_V1.url == f"https://download.pytorch.org/models/{perceptual.BACKBONES[net]}"
