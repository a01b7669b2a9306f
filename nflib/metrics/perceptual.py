"""LPIPS: distance in the features of a network trained on ImageNet, weighted after human judgements."""

from __future__ import annotations

import functools
import warnings

import torch
from torch import Tensor

from .._compat import import_lpips
from .inputs import double, network_pair
from .weights import checked_file

# torchvision's files; the digits are the beginning of the file's SHA-256.
BACKBONES = {
    "alex": "alexnet-owt-7be5be79.pth",
    "squeeze": "squeezenet1_1-b8a52dc0.pth",
    "vgg": "vgg16-397923af.pth",
}


def lpips(images: Tensor, reference: Tensor, network: torch.nn.Module | None = None) -> Tensor:
    """Learned perceptual image patch similarity, version 0.1 (Zhang et al. 2018). Lower is better, 0 for
    equal images.

    The weights of the layers come with the package lpips (``pip install "nflib[metrics]"``); those of the
    network itself have to be downloaded by you, once: see :func:`lpips_network`. Nothing is ever downloaded
    here.

    Memory grows with the image, for the network sees it as a whole: with AlexNet a quarter of a gigabyte for
    each megapixel of a pair. Score large photos in pieces.

    Args:
        images: (B, 3, H, W) in [0, 1], RGB, at least 32x32, whole image; they are brought to [-1, 1] here.
        reference: the same shape.
        network: from :func:`lpips_network`; AlexNet by default, as in SRFlow, DeFlow and LUD-VAE. Numbers of
            different networks are not comparable.

    Returns:
        (B,), float64.
    """
    images, reference = network_pair(images, reference)
    network = lpips_network() if network is None else network
    like = next(network.parameters())
    with torch.no_grad():
        return double(network(*(2 * x.to(like) - 1 for x in (images, reference))).flatten()).to(images.device)


@functools.lru_cache
def lpips_network(net: str = "alex", pretrained: bool = True) -> torch.nn.Module:
    """The network behind :func:`lpips`.

    Args:
        net: "alex" (the usual one for scores), "squeeze" or "vgg".
        pretrained: False gives a random network with a fixed seed, without any file. Its distances are good
            for testing shapes and ranges and mean nothing else.

    Raises:
        MissingWeights: says which file is needed, from where, and where to put it.
    """
    if net not in BACKBONES:
        raise ValueError(f"net must be one of {', '.join(BACKBONES)}, got {net!r}")
    package = import_lpips()
    if pretrained:
        checked_file(BACKBONES[net], "https://download.pytorch.org/models", "LPIPS")
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")  # lpips 0.1.4 uses arguments that torchvision has deprecated
        torch.manual_seed(0)
        network = package.LPIPS(net=net, pnet_rand=not pretrained, verbose=False)
    return network.requires_grad_(False)
