"""Models of two domains whose colours differ for other reasons than the degradation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from .model import ImageModel

if TYPE_CHECKING:
    from ..data import ColourMatch


class RecolouredModel(ImageModel):
    """A model that sees degraded images in the colours of clean ones, where ``config.matched`` says so, as in
    the published work on AIM: in training they are brought to those first, and what it degrades later gets
    theirs back.
    """

    config: Any
    colours: Tensor

    def _prepare_colours(self) -> None:
        """A place for the colours of both domains; equal ones change nothing."""
        if self.config.matched:
            # mean and deviation of the clean and of the degraded domain
            self.register_buffer("colours", torch.tensor([0.0, 1.0]).view(1, 2, 1).repeat(2, 1, 3))

    def set_colours(self, match: ColourMatch) -> None:
        """Say how degraded images were brought to the colours of clean ones in training: ``degrade`` then
        gives them back theirs.
        """
        if not self.config.matched:
            raise ValueError(
                "the model was made for colours as they are; matched=True in its configuration says otherwise"
            )
        pairs = [(one.mean, one.deviation) for one in (match.target, match.source)]
        self.colours.copy_(torch.tensor(pairs, dtype=torch.float64))

    def match(self, degraded: Tensor) -> Tensor:
        """Degraded images (B, 3, H, W) in the colours in which the model sees them, in [0, 1]."""
        return self._recoloured(degraded, 1, 0).clamp(0, 1)

    def to_image(self, values: Tensor, domain: str) -> Tensor:
        """What was decoded, (B, 3, H, W), as images of a domain: in its colours, in [0, 1]."""
        return (self._recoloured(values, 0, 1) if domain == "degraded" else values).clamp(0, 1)

    def _recoloured(self, values: Tensor, source: int, target: int) -> Tensor:
        if not self.config.matched:
            return values
        (mean, deviation), (new_mean, new_deviation) = self.colours.unsqueeze(-1).unsqueeze(-1)[
            [source, target]
        ]
        return (values - mean) / deviation * new_deviation + new_mean
