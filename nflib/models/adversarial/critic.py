"""The critic: how real every part of an image looks."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from ..esrgan import patch_layers

NORMS = ("none", "batch", "instance")


@dataclass(frozen=True)
class PatchCriticConfig:
    """Size of a :class:`PatchCritic`.

    >>> PatchCriticConfig().sees
    70

    Attributes:
        inputs: channels of what it is shown.
        width: channels of the first convolution; every further one has twice as many, up to eight times.
        strides: of its 4x4 convolutions, 1 or 2 each; one more gives the result.
        norm: "instance" or "batch" normalisation of all convolutions between the first and the last, or
            "none", which a gradient penalty needs.
    """

    inputs: int = 3
    width: int = 64
    strides: tuple[int, ...] = (2, 2, 2, 1)
    norm: str = "instance"

    def __post_init__(self):
        if min(self.inputs, self.width) < 1 or not self.strides or not set(self.strides) <= {1, 2}:
            raise ValueError(f"inputs and width must be at least 1 and strides be of 1 and 2, got {self}")
        if self.norm not in NORMS:
            raise ValueError(f"norm must be one of {', '.join(NORMS)}, got {self.norm!r}")

    @property
    def sees(self) -> int:
        """Side of the square that each of its results is about, in pixels of what it is shown."""
        side = 4
        for stride in reversed(self.strides):
            side = (side - 1) * stride + 4
        return side


class PatchCritic(nn.Module):
    """How real every part of an image looks: (B, inputs, H, W) -> (B, 1, h, w) logits. As published with
    CycleGAN, which has the 70x70 pixels around every place judged (Isola et al., CVPR 2017, appendix 6.1.2).

    >>> import torch
    >>> critic = PatchCritic(PatchCriticConfig(width=4, strides=(2, 1)))
    >>> critic(torch.rand(2, 3, 32, 32)).shape
    torch.Size([2, 1, 14, 14])
    """

    def __init__(self, config: PatchCriticConfig = PatchCriticConfig()):
        super().__init__()
        self.config = config
        self.net = nn.Sequential(
            *patch_layers(config.inputs, config.width, strides=config.strides, norm=config.norm)
        )

    def forward(self, images: Tensor) -> Tensor:
        # in [-1, 1], where networks start best
        return self.net(2 * images - 1)
