"""FID: Fréchet distance between two sets of images in the features of the Inception network."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .._compat import import_torchvision
from ..files import read_pickled
from .inputs import double, valid
from .weights import checked_file

# The weights that the FID was defined with, TensorFlow's of 2015, as the package pytorch-fid made them
# loadable for torch.
FILE = "pt_inception-2015-12-05-6726825d.pth"
ADDRESS = "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights"
SIDE = 299
# Blocks of torchvision's network whose pooling differs from TensorFlow's: that takes no account of the
# padding, and the last one takes the largest value instead of the mean.
MEAN_POOLED = ("Mixed_5b", "Mixed_5c", "Mixed_5d", "Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e", "Mixed_7b")
MAX_POOLED = ("Mixed_7c",)

Images = Tensor | Iterable[Tensor]


def fid(images: Images, reference: Images, network: nn.Module | None = None) -> Tensor:
    """Fréchet inception distance of two sets of images (Heusel et al. 2017). Lower is closer, 0 for equal
    sets.

    Features are the 2048 means of the last pooling, images being resized to 299x299 bilinearly without
    antialiasing, as pytorch-fid does. The sets need not have the same size. With N images the covariance of
    the 2048 features is estimated from N values each: the result is too large by something that falls as 1/N,
    and only sets of equal N are comparable (papers use 10,000 or more). The weights have to be downloaded by
    you, once: see :func:`inception_network`. Images are resized first: large ones cost no more than small
    ones.

    Args:
        images, reference: (N, 3, H, W) in [0, 1], or an iterable of such batches, whose images may differ in
            size; at least two images.
        network: from :func:`inception_network`, the trained one by default, or any (B, 3, 299, 299) in [-1,
            1] -> (B, d).

    Returns:
        A scalar, float64.
    """
    network = inception_network() if network is None else network
    return frechet_distance(_features(images, "images", network), _features(reference, "reference", network))


def frechet_distance(x: Tensor, y: Tensor) -> Tensor:
    """``|mean_x - mean_y|^2 + tr(C_x + C_y - 2 (C_x C_y)^(1/2))``: between the normal laws with the moments
    of two sets.

    Args:
        x, y: (N, d) and (M, d), N and M at least 2. Covariances are divided by N - 1.

    Returns:
        A scalar, float64.
    """
    if x.dim() != 2 or y.dim() != 2 or x.shape[1] != y.shape[1] or min(len(x), len(y)) < 2:
        raise ValueError(
            f"x and y must be (N, d) and (M, d) with at least two rows, got {tuple(x.shape)} and "
            f"{tuple(y.shape)}"
        )
    x, y = double(x), double(y)
    a, b = ((s - s.mean(0)) / (len(s) - 1) ** 0.5 for s in (x, y))
    # tr (C_x C_y)^(1/2) is the sum of the singular values of b a^T, for C_x = a^T a and C_y = b^T b: no
    # square root of a matrix
    cross = torch.linalg.svdvals(b @ a.mT).sum()
    return (x.mean(0) - y.mean(0)).square().sum() + a.square().sum() + b.square().sum() - 2 * cross


@functools.lru_cache
def inception_network(pretrained: bool = True) -> nn.Module:
    """The network behind :func:`fid`: (B, 3, 299, 299) in [-1, 1] -> (B, 2048).

    Args:
        pretrained: False gives a random network with a fixed seed, without any file. Its distances are good
            for testing shapes and signs and mean nothing else.

    Raises:
        MissingWeights: says which file is needed, from where, and where to put it.
    """
    file = checked_file(FILE, ADDRESS, "FID") if pretrained else None
    try:
        import_torchvision()
    except ModuleNotFoundError as error:
        raise ValueError(f'FID needs the package {error.name}: pip install "nflib[metrics]"') from error
    from torchvision.models import inception_v3

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = inception_v3(
            weights=None, num_classes=1008, aux_logits=False, transform_input=False, init_weights=False
        )
    if file is not None:
        network.load_state_dict(read_pickled(file))
    for name in MEAN_POOLED:
        setattr(
            network, name, _Pooled(getattr(network, name), nn.AvgPool2d(3, 1, 1, count_include_pad=False))
        )
    for name in MAX_POOLED:
        setattr(network, name, _Pooled(getattr(network, name), nn.MaxPool2d(3, 1, 1)))
    network.fc = nn.Identity()
    return network.eval().requires_grad_(False)


class _Pooled(nn.Module):
    """A block of torchvision's network with another pooling in its last branch."""

    def __init__(self, block: nn.Module, pool: nn.Module):
        super().__init__()
        self.block: Any = block  # with the methods of torchvision's blocks
        self.pool = pool

    def forward(self, x: Tensor) -> Tensor:
        branches = self.block._forward(x)
        return torch.cat((*branches[:-1], self.block.branch_pool(self.pool(x))), 1)


@torch.no_grad()
def _features(images: Images, name: str, network: nn.Module) -> Tensor:
    like = next(network.parameters(), torch.zeros(()))
    batches = images.split(16) if isinstance(images, Tensor) else images
    found = [
        network(
            2
            * F.interpolate(
                valid(batch, name, (3,)).to(like), (SIDE, SIDE), mode="bilinear", align_corners=False
            )
            - 1
        )
        for batch in batches
    ]
    if sum(map(len, found)) < 2:
        raise ValueError(f"{name} must hold at least two images, got {sum(map(len, found))}")
    return torch.cat(found)
