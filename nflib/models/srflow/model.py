"""SRFlow: many high-resolution images for one low-resolution image (Lugmayr et al., ECCV 2020)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, cast

import torch
from torch import Tensor

from ...flow import Dequantize, Flow
from ...images import pad_to_multiple
from ...images.tiling import Window, joined_strips, overlap_of
from ...transforms.base import Latent
from ..conditional.condition import Conditioning, LevelFeatures, level_features
from ..conditional.flow import ConditionalFlow, check_sizes
from ..conditional.size import FlowSize
from ..conditional.steps import Step
from ..model import ImageModel, check_finite, check_samples
from ..rrdb import RRDBConfig, RRDBNet

# Samples of an image that are decoded as one batch: faster than one by one, and bounds the memory.
TOGETHER = 8


@dataclass(frozen=True)
class SRFlowConfig(FlowSize):
    """Size and form of an :class:`SRFlow`, with what :class:`~nflib.models.FlowSize` says.

    >>> SRFlowConfig.df2k_x8().scale, SRFlowConfig.df2k_x8().multiple
    (8, 16)

    Attributes:
        lu: 1x1 convolutions by LU factors, or by the matrix itself as published.
        dequantised: trained on the values of :class:`~nflib.flow.Dequantize`; the published models were on
            the images as they are.
    """

    FORMS: ClassVar[tuple[str, ...]] = ("bounded", "multiply")

    lu: bool = True
    dequantised: bool = True

    @classmethod
    def df2k_x4(cls) -> SRFlowConfig:
        """The published 4x model for general photos: 39.3 M parameters that are used."""
        return cls(affine="multiply", lu=False, dequantised=False)

    @classmethod
    def df2k_x8(cls) -> SRFlowConfig:
        """The published 8x model for general photos."""
        return cls(
            encoder=RRDBConfig(scale=8),
            taps=(1, 3, 5, 7),
            levels=4,
            affine="multiply",
            lu=False,
            dequantised=False,
        )

    @classmethod
    def celeba_x8(cls) -> SRFlowConfig:
        """The published 8x model for faces."""
        encoder = RRDBConfig(scale=8, blocks=8)
        return cls(
            encoder=encoder, taps=(1, 3, 5, 7), levels=4, affine="multiply", lu=False, dequantised=False
        )


class SRFlow(ImageModel):
    """``p(hr | lr)`` as a flow that is told about the low-resolution image.

    High-resolution images are (B, 3, scale*h, scale*w), low-resolution ones (B, 3, h, w), in [0, 1]. Wherever
    ``lr`` is asked for, the result of :meth:`prepare` may be given instead: then the work on it is not done
    again.

    >>> encoder = RRDBConfig(scale=4, channels=4, growth=2, blocks=1)
    >>> model = SRFlow(SRFlowConfig(encoder, taps=(), levels=2, steps=1, transitions=0, hidden=4)).eval()
    >>> model.super_resolve(torch.rand(1, 3, 5, 6), tau=0.8, n=2).shape
    torch.Size([2, 1, 3, 20, 24])
    """

    purpose = "super-resolve"
    repeated = (Step,)
    largest_overlap = 32

    def __init__(self, config: SRFlowConfig = SRFlowConfig()):
        super().__init__()
        self.config = config
        self.encoder = RRDBNet(config.encoder)
        self.flow = Flow(config.flow(lu=config.lu))

    @property
    def scale(self) -> int:
        return self.config.scale

    def prepare(self, lr: Tensor) -> Conditioning:
        """All that the flow needs to know of the low-resolution images (B, 3, h, w), computed once."""
        return self._transform.prepare(self._features(lr))

    def _features(self, lr: Tensor) -> list[LevelFeatures]:
        # the topmost map has the full resolution, at which no step works
        features = self.encoder.features(lr, self.config.taps, ups=max(self.config.scale.bit_length() - 2, 0))
        return level_features(features, self.config.scale, self.config.levels)

    def nll(self, hr: Tensor, lr: Tensor | Conditioning) -> Tensor:
        """Negative log-likelihood in nats, shape (B,), of the values as they are: dequantise before
        (``nflib.flow.Dequantize``).
        """
        check_sizes(self.config, hr=hr, lr=lr)
        return -self.flow.log_prob(
            hr, self._transform.tell(self._features(lr)) if isinstance(lr, Tensor) else lr
        )

    def encode(self, hr: Tensor, lr: Tensor | Conditioning) -> Latent:
        """Latents of the high-resolution images: a tuple, the finest first."""
        check_sizes(self.config, hr=hr, lr=lr)
        return self.flow.encode(hr, self._conditioning(lr))

    def decode(self, latents: Latent, lr: Tensor | Conditioning) -> Tensor:
        """High-resolution values of latents (:meth:`to_image` makes images of them). n times as many latents
        as low-resolution images give n for each, in the order first all images once, then all again.
        """
        context = self._conditioning(lr)
        return self.flow.decode(latents, context.repeat(len(latents[0]) // context.batch))

    def to_values(self, image: Tensor) -> Tensor:
        """Images in [0, 1] on the scale the model was trained on, for :meth:`encode`; without noise."""
        return Dequantize().mean(image) if self.config.dequantised else image

    def to_image(self, values: Tensor) -> Tensor:
        """Decoded values as images in [0, 1]: brought back from the scale the model was trained on, and
        clipped.
        """
        return Dequantize().to_image(values) if self.config.dequantised else values.clamp(0, 1)

    @torch.no_grad()
    def super_resolve(
        self,
        lr: Tensor,
        tau: float = 0.8,
        n: int = 1,
        generator: torch.Generator | None = None,
        *,
        tile: int | None = None,
        overlap: int | None = None,
    ) -> Tensor:
        """n high-resolution images for each low-resolution image of any size: (n, B, 3, scale*h, scale*w),
        clipped to [0, 1].

        The latents of the whole image are drawn before anything is computed. So neighbouring tiles agree, up
        to what a network misses beyond the border of its tile. The memory that grows with the image is that
        of the latents and the results; of the latents alone with :meth:`super_resolve_strips`.

        Args:
            lr: (B, 3, h, w) in [0, 1]. Sizes that do not fit are padded by reflection and cropped back.
            tau: temperature, multiplies the **standard deviation** of the latents; 0 gives n equal images.
            n: how many.
            generator: same seed, same result.
            tile: side of the tiles in which larger images are computed, in low-resolution pixels; by default
                there is one.
            overlap: of neighbouring tiles, in low-resolution pixels; exact where the networks reach no
                further than a quarter of it.

        Raises:
            ValueError: an argument out of range, or tiles that do not fit the model.
        """
        check_samples(n, tau)
        results = lr.new_empty(n, len(lr), 3, *(self.scale * side for side in lr.shape[2:]))
        for rows, strip in self.super_resolve_strips(lr, tau, n, generator, tile=tile, overlap=overlap):
            results[..., rows, :] = strip
        return results

    @torch.no_grad()
    def super_resolve_strips(
        self,
        lr: Tensor,
        tau: float = 0.8,
        n: int = 1,
        generator: torch.Generator | None = None,
        *,
        tile: int | None = None,
        overlap: int | None = None,
    ) -> Iterator[tuple[slice, Tensor]]:
        """What :meth:`super_resolve` returns, from top to bottom in strips: which rows, and
        (n, B, 3, rows, scale*w). Of whole images only the latents are held.

        Arguments and errors are those of :meth:`super_resolve`.
        """
        multiple = max(self.multiple // self.scale, 1)
        overlap = overlap_of(tile, overlap, most=self.largest_overlap, multiple=multiple)
        check_samples(n, tau)
        padded, _ = pad_to_multiple(lr, multiple)
        height, width = (self.scale * side for side in lr.shape[2:])
        shape = (len(lr), 3, self.scale * padded.shape[2], self.scale * padded.shape[3])
        like = tuple(lr.new_empty(s) for s in self._transform.latent_shape(shape))
        draws = [self.flow.base.sample(like, tau, generator) for _ in range(n)]

        def decoded(window: Window) -> Iterator[Tensor]:
            context = self.prepare(window(padded))
            for start in range(0, n, TOGETHER):
                together = draws[start : start + TOGETHER]
                latents = tuple(
                    torch.cat([window(z) for z in level]) for level in zip(*together, strict=True)
                )
                yield from self.decode(latents, context).chunk(len(together))

        strips = joined_strips(decoded, (n, *shape), lr, scale=self.scale, tile=tile, overlap=overlap)
        for rows, strip in strips:
            check_finite(strip)
            rows = slice(rows.start, min(rows.stop, height))
            if rows.start < rows.stop:
                yield rows, self.to_image(strip[..., : rows.stop - rows.start, :width])

    def example_loss(self, image: Tensor) -> Tensor:
        return self.nll(image, self.smaller(image)).mean()

    def example_result(self, image: Tensor) -> Tensor:
        return self.super_resolve(self.smaller(image))[0]

    @property
    def _transform(self) -> ConditionalFlow:
        return cast(ConditionalFlow, self.flow.transform)

    def _conditioning(self, lr: Tensor | Conditioning) -> Conditioning:
        return self.prepare(lr) if isinstance(lr, Tensor) else lr
