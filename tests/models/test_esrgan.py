"""ESRGAN's discriminators and losses: sizes of the published networks, equations, the path of VGG19's
weights.

Trained VGG19 weights are a download and are not used here: a seeded random network stands in, whose distances
mean nothing.
"""

import hashlib
import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from nflib._compat import import_torchvision
from nflib.metrics import MissingWeights
from nflib.models import ESRGANDiscriminator, ESRGANDiscriminatorConfig
from nflib.models.esrgan import discriminator_loss, generator_loss, perceptual_loss, vgg19_features


@pytest.fixture(scope="module")
def features() -> Any:
    return vgg19_features(pretrained=False)


@pytest.mark.parametrize(("kind", "parameters"), [("vgg", 14_499_401), ("patch", 2_768_705 - 3 * 64 * 16)])
def test_the_published_sizes(kind, parameters) -> None:
    """The first as the authors' code counts it for 128x128, the second as pix2pix counts it for six channels,
    less three.
    """
    with torch.device("meta"):
        net = ESRGANDiscriminator(ESRGANDiscriminatorConfig(kind))
    assert sum(p.numel() for p in net.parameters()) == parameters


@pytest.mark.parametrize("crop", [32, 64, 96])
def test_crops_of_other_sizes(crop) -> None:
    images = torch.rand(2, 3, crop, crop, generator=torch.Generator().manual_seed(0))
    assert ESRGANDiscriminator(ESRGANDiscriminatorConfig("vgg", 4, crop))(images).shape == (2, 1)
    assert ESRGANDiscriminator(ESRGANDiscriminatorConfig("patch", 4))(images).shape == (
        2,
        1,
        crop // 8 - 2,
        crop // 8 - 2,
    )


def test_a_patch_is_70_pixels_wide() -> None:
    net = ESRGANDiscriminator(ESRGANDiscriminatorConfig("patch", 4)).eval()
    images = torch.rand(1, 3, 160, 160, generator=torch.Generator().manual_seed(0)).requires_grad_(True)
    net(images)[0, 0, 9, 9].backward()
    seen = images.grad[0].abs().sum(0) > 0
    assert [int(seen.any(side).sum()) for side in (0, 1)] == [70, 70]


def test_the_losses_are_the_equations() -> None:
    real, fake = torch.randn(2, 5, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    more_real, more_fake = torch.sigmoid(real - fake.mean()), torch.sigmoid(fake - real.mean())
    wanted = -(more_real.log().mean() + (1 - more_fake).log().mean()) / 2
    torch.testing.assert_close(discriminator_loss(real, fake), wanted)
    # as the authors' code has it
    generator = (
        F.binary_cross_entropy_with_logits(real - fake.mean(), torch.zeros_like(real))
        + F.binary_cross_entropy_with_logits(fake - real.mean(), torch.ones_like(fake))
    ) / 2
    torch.testing.assert_close(generator_loss(real, fake), generator)
    for loss in (discriminator_loss, generator_loss):
        assert loss(real, real.mean().expand(5, 1)) > 0
        assert loss(torch.zeros(3), torch.zeros(3)).item() == pytest.approx(math.log(2))
        torch.testing.assert_close(loss(real + 7, fake + 7), loss(real, fake))  # only differences count
        assert torch.isfinite(loss(torch.tensor([2e4]), torch.tensor([-2e4])))


@pytest.mark.parametrize("kind", ["vgg", "patch"])
def test_a_discriminator_learns_to_tell_noise_from_flat_images(kind) -> None:
    torch.manual_seed(0)
    net = ESRGANDiscriminator(ESRGANDiscriminatorConfig(kind, 4, 32))
    # slow enough for a smooth descent: at five times this rate single steps jump, and which ones do depends
    # on rounding
    optimiser = torch.optim.Adam(net.parameters(), 2e-3)
    losses = []
    for _ in range(80):
        real, fake = torch.rand(8, 3, 32, 32), torch.rand(8, 3, 1, 1).expand(8, 3, 32, 32)
        loss = discriminator_loss(net(real), net(fake))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[0] > 0.6
    assert losses[-1] < 0.1


def test_the_features_are_those_of_torchvision(features, tmp_path) -> None:
    """The same numbers from torchvision's own layers, whose state dict is also the file a user would name."""
    import_torchvision()
    from torchvision.models import VGG19_Weights, vgg19

    with torch.device("meta"):
        theirs = vgg19()
    layers = theirs.features.to_empty(device="cpu")
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in layers.parameters():
            parameter.normal_(0, parameter[0].numel() ** -0.5, generator=generator)
    file = tmp_path / "mine.pth"
    torch.save(
        {f"features.{name}": tensor for name, tensor in layers.state_dict().items()}
        | {"classifier.0.bias": torch.zeros(1)},
        file,
    )
    images = torch.rand(1, 3, 32, 48, generator=generator)
    normalised = VGG19_Weights.IMAGENET1K_V1.transforms()
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (normalised.mean, normalised.std))
    network = vgg19_features(file)
    with torch.no_grad():
        found = network(images)
        torch.testing.assert_close(found, layers[:35]((images - mean) / std))
    assert found.shape == (1, 512, 2, 3)
    assert found.min() < 0
    assert not any(p.requires_grad for p in network.parameters())
    assert VGG19_Weights.IMAGENET1K_V1.url == "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"


def test_the_perceptual_loss(features) -> None:
    a, b = torch.rand(2, 2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    a.requires_grad_(True)
    loss = perceptual_loss(a, b, features)
    with torch.no_grad():
        torch.testing.assert_close(loss, F.l1_loss(features(a), features(b)))
        assert perceptual_loss(b, b, features).item() == 0
    loss.backward()
    assert a.grad.abs().max() > 0
    assert all(p.grad is None for p in features.parameters())


def test_the_random_network_is_always_the_same_and_leaves_the_seed_alone(features) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    again = vgg19_features(pretrained=False)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(again[1][0].weight, features[1][0].weight)


def test_weights_that_are_missing_or_wrong(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    monkeypatch.setattr(torch.hub, "download_url_to_file", None)  # using it would be an error
    with pytest.raises(
        MissingWeights,
        match=r"the perceptual loss needs the file vgg19-dcbb9e9d\.pth .* Download https://download",
    ):
        vgg19_features()
    for name, content in (("other", {"conv1.weight": torch.zeros(1)}), ("list", [1])):
        torch.save(content, tmp_path / f"{name}.pth")
        with pytest.raises(ValueError, match=rf"{name}\.pth: expected the weights of torchvision's vgg19"):
            vgg19_features(tmp_path / f"{name}.pth")
    (tmp_path / "text.pth").write_text("no weights")
    with pytest.raises(ValueError, match=r"text\.pth: expected the weights"):
        vgg19_features(tmp_path / "text.pth")


def test_weights_where_torch_keeps_them(tmp_path, monkeypatch, features) -> None:
    """With a stand-in for the trained file, whose hash is put in the place of the true one."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    state = {f"features.{name}": 2 * tensor for name, tensor in features[1].state_dict().items()}
    torch.save(state, folder / "vgg19-dcbb9e9d.pth")

    class Digest:
        def hexdigest(self) -> str:
            return "dcbb9e9d" + "0" * 56

    monkeypatch.setattr(hashlib, "file_digest", lambda file, name: Digest())
    assert torch.equal(vgg19_features()[1][0].weight, 2 * features[1][0].weight)


def test_bad_input() -> None:
    for arguments, message in (
        (("gan",), "kind must be one of vgg, patch, got 'gan'"),
        (("vgg", 0), "channels must be at least 1, got 0"),
        (("vgg", 4, 48), "crop must be a multiple of 32 for a discriminator of kind 'vgg', got 48"),
    ):
        with pytest.raises(ValueError, match=message):
            ESRGANDiscriminatorConfig(*arguments)
    for config, message in (
        (ESRGANDiscriminatorConfig("vgg", 4, 32), "images must be 32x32, got 16x16"),
        (ESRGANDiscriminatorConfig("patch", 4), "images must be at least 24x24, got 16x16"),
    ):
        with pytest.raises(ValueError, match=message):
            ESRGANDiscriminator(config)(torch.rand(1, 3, 16, 16))
