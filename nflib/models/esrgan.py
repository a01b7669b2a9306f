"""ESRGAN (Wang et al. 2018): what an :class:`~nflib.models.RRDBNet`, its generator, is trained against to
look natural.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..files import damaged, read_pickled
from ..metrics.weights import checked_file

__all__ = [
    "ESRGANDiscriminator",
    "ESRGANDiscriminatorConfig",
    "discriminator_loss",
    "generator_loss",
    "perceptual_loss",
    "vgg19_features",
]

KINDS = ("vgg", "patch")
# Smaller images leave a patch discriminator nothing to judge.
SMALLEST = 24
# torchvision's file, with the beginning of its SHA-256.
VGG19 = "vgg19-dcbb9e9d.pth"
# Convolutions of VGG19 between its poolings.
VGG19_WIDTHS = ((64,) * 2, (128,) * 2, (256,) * 4, (512,) * 4, (512,) * 4)


@dataclass(frozen=True)
class ESRGANDiscriminatorConfig:
    """Size of an :class:`ESRGANDiscriminator`.

    >>> ESRGANDiscriminatorConfig("patch").channels
    64

    Attributes:
        kind: "vgg" judges a whole crop by one number, as in ESRGAN; "patch" judges every place by the 70x70
            pixels around it, as in RealSR (Ji et al. 2020), and takes images of any size.
        channels: of the first convolution; the widest have eight times as many.
        crop: side of the images that "vgg" takes, a multiple of 32; "patch" takes no account of it.
    """

    kind: str = "vgg"
    channels: int = 64
    crop: int = 128

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {self.kind!r}")
        if self.channels < 1:
            raise ValueError(f"channels must be at least 1, got {self.channels}")
        if self.kind == "vgg" and (self.crop < 32 or self.crop % 32):
            raise ValueError(
                f"crop must be a multiple of 32 for a discriminator of kind 'vgg', got {self.crop}"
            )


class ESRGANDiscriminator(nn.Module):
    """How real an image looks: (B, 3, H, W) in [0, 1] -> (B, 1) logits, or (B, 1, h, w) of kind "patch".

    Only differences between the logits of real and made images mean something
    (:func:`~nflib.models.esrgan.discriminator_loss`).

    >>> discriminator = ESRGANDiscriminator(ESRGANDiscriminatorConfig("patch", channels=4))
    >>> discriminator(torch.rand(2, 3, 32, 32)).shape
    torch.Size([2, 1, 2, 2])
    """

    def __init__(self, config: ESRGANDiscriminatorConfig = ESRGANDiscriminatorConfig()):
        super().__init__()
        self.config = config
        self.net = nn.Sequential(*(_whole(config) if config.kind == "vgg" else _patches(config)))

    def forward(self, images: Tensor) -> Tensor:
        sides, crop = images.shape[2:], self.config.crop
        if self.config.kind == "vgg" and sides != (crop, crop):
            raise ValueError(f"images must be {crop}x{crop}, got {sides[0]}x{sides[1]}")
        if min(sides) < SMALLEST:
            raise ValueError(f"images must be at least {SMALLEST}x{SMALLEST}, got {sides[0]}x{sides[1]}")
        return self.net(images)


def _whole(config: ESRGANDiscriminatorConfig) -> list[nn.Module]:
    """Five times: a convolution, and one that halves the size. Then two linear layers."""
    layers, width = [], 3
    for level in range(5):
        wider = config.channels * 2 ** min(level, 3)
        norm = "batch" if level else "none"
        layers += [*_convolution(width, wider, 3, 1, norm=norm), *_convolution(wider, wider, 4, 2)]
        width = wider
    side = config.crop // 32
    return [*layers, nn.Flatten(), nn.Linear(width * side * side, 100), nn.LeakyReLU(0.2), nn.Linear(100, 1)]


def _patches(config: ESRGANDiscriminatorConfig) -> list[nn.Module]:
    """Three convolutions that halve the size, two that do not."""
    return patch_layers(3, config.channels, strides=(2, 2, 2, 1), norm="batch")


def patch_layers(inputs: int, channels: int, *, strides: tuple[int, ...], norm: str) -> list[nn.Module]:
    """The layers of a discriminator that judges every place: 4x4 convolutions of these strides, each twice as
    wide as the one before, up to eight times ``channels``, and one that gives the logits.

    Args:
        inputs: channels of what is judged.
        channels: of the first convolution.
        strides: of all convolutions but the last.
        norm: "batch", "instance" or "none", of all convolutions between the first and the last.
    """
    layers, width = [], inputs
    for level, stride in enumerate(strides):
        wider = channels * 2 ** min(level, 3)
        layers += _convolution(width, wider, 4, stride, norm=norm if level else "none")
        width = wider
    return [*layers, nn.Conv2d(width, 1, 4, padding=1)]


def _convolution(width: int, wider: int, side: int, stride: int, norm: str = "batch") -> list[nn.Module]:
    # the shift of a normalisation makes a bias idle
    conv = nn.Conv2d(width, wider, side, stride, padding=1, bias=norm == "none")
    kinds: dict[str, type[nn.Module]] = {"batch": nn.BatchNorm2d, "instance": nn.InstanceNorm2d}
    norms = [kinds[norm](wider)] if norm in kinds else []
    return [conv, *norms, nn.LeakyReLU(0.2)]


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Relativistic average loss of the discriminator: real images should look more real than made ones do on
    average.

    With ``D(a, b) = sigmoid(a - mean(b))``, ``L = -1/2 (E log D(real, fake) + E log(1 - D(fake, real)))``:
    ESRGAN, eq. 1, halved as in the authors' code. ``log 2`` if it cannot tell.

    Args:
        real, fake: logits of an :class:`ESRGANDiscriminator`, of any shape; the means are over all of them.

    Returns:
        A scalar, in nats.
    """
    return (F.softplus(fake.mean() - real).mean() + F.softplus(fake - real.mean()).mean()) / 2


def generator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Relativistic average loss of the generator:
    ``L = -1/2 (E log(1 - D(real, fake)) + E log D(fake, real))``, ESRGAN, eq. 2, halved.

    It is the loss of a discriminator that takes one for the other, and both parts have a gradient. Arguments
    as for :func:`discriminator_loss`.
    """
    return discriminator_loss(fake, real)


def perceptual_loss(images: Tensor, reference: Tensor, features: nn.Module) -> Tensor:
    """``mean |features(images) - features(reference)|``, a scalar (ESRGAN, section 3.3).

    Args:
        images: (B, 3, H, W) in [0, 1].
        reference: the same shape; has no gradient.
        features: from :func:`vgg19_features`, or any network of images.
    """
    with torch.no_grad():
        wanted = features(reference)
    return (features(images) - wanted).abs().mean()


def vgg19_features(file: str | os.PathLike | None = None, pretrained: bool = True) -> nn.Module:
    """VGG19 up to conv5_4, before its activation (``features[:35]`` of torchvision's): (B, 3, H, W) in [0, 1]
    -> (B, 512, H/16, W/16).

    Args:
        file: the weights of torchvision's ``vgg19``; by default where torch keeps them. Nothing is ever
            downloaded.
        pretrained: False gives a random network with a fixed seed, without any file. Its distances are good
            for testing and mean nothing else.

    Raises:
        MissingWeights: no file is named and none is there; says which one is needed, from where, and where to
            put it.
        ValueError: the file that is named has other weights.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = _vgg19()
    if pretrained:
        path = (
            checked_file(VGG19, "https://download.pytorch.org/models", "the perceptual loss")
            if file is None
            else file
        )
        wrong = "expected the weights of torchvision's vgg19"
        state = read_pickled(path, wrong)
        with damaged(path, wrong):
            network[1].load_state_dict(
                {key.removeprefix("features."): state[key] for key in state if key.startswith("features.")}
            )
    return network.eval().requires_grad_(False)


def _vgg19() -> nn.Sequential:
    layers: list[nn.Module] = []
    width = 3
    for widths in VGG19_WIDTHS:
        for wider in widths:
            conv = nn.Conv2d(width, wider, 3, padding=1)
            nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
            assert conv.bias is not None
            nn.init.zeros_(conv.bias)
            layers += [conv, nn.ReLU()]
            width = wider
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(_Normalise(), nn.Sequential(*layers[:-2]))  # no activation and pooling at the end


class _Normalise(nn.Module):
    """Images in [0, 1] as torchvision's networks were trained on."""

    mean: Tensor
    std: Tensor

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        return (images - self.mean) / self.std
