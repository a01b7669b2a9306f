"""SRFlow: many high-resolution images for one low-resolution image (Lugmayr et al., ECCV 2020)."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from ..flow import Dequantize, Flow
from ..transforms.base import Latent
from .condition import LevelFeatures, level_features
from .conditional import ConditionalFlow, Conditioning, StepContext, check_config, check_sizes
from .rrdb import RRDBConfig, RRDBNet

# Samples of an image that are decoded as one batch: faster than one by one, and bounds the memory.
TOGETHER = 8


@dataclass(frozen=True)
class SRFlowConfig:
    """Size and form of an :class:`SRFlow`.

    Attributes:
        encoder: the network g that reads the low-resolution image; its scale is the model's.
        taps: blocks of the encoder (0-based) whose outputs the flow is told besides the last one.
        levels: L; the sides of the high-resolution image are multiples of 2^L (others are padded when sampling).
        steps: conditional flow steps per level, K.
        transitions: steps without coupling at the start of each level.
        hidden: width of the networks inside the steps.
        affine: "bounded", or "multiply" as published.
        eps: smallest scale of the published form.
        lu: 1x1 convolutions by LU factors, or by the matrix itself as published.
        dequantised: trained on the values of :class:`~nflib.flow.Dequantize`; the published models were on the images as they are.
        reversible: training keeps of each level what leaves it, and recomputes what is inside: memory does not grow with the steps.
    """

    encoder: RRDBConfig = field(default_factory=RRDBConfig)
    taps: tuple[int, ...] = (1, 8, 15, 22)
    levels: int = 3
    steps: int = 16
    transitions: int = 2
    hidden: int = 64
    affine: str = "bounded"
    eps: float = 1e-4
    lu: bool = True
    dequantised: bool = True
    reversible: bool = False

    def __post_init__(self):
        check_config(self, ("bounded", "multiply"))

    @property
    def scale(self) -> int:
        return self.encoder.scale

    @classmethod
    def df2k_x4(cls) -> SRFlowConfig:
        """The published 4x model for general photos: 39.3 M parameters that are used."""
        return cls(affine="multiply", lu=False, dequantised=False)

    @classmethod
    def df2k_x8(cls) -> SRFlowConfig:
        """The published 8x model for general photos."""
        return cls(encoder=RRDBConfig(scale=8), taps=(1, 3, 5, 7), levels=4, affine="multiply", lu=False, dequantised=False)

    @classmethod
    def celeba_x8(cls) -> SRFlowConfig:
        """The published 8x model for faces."""
        encoder = RRDBConfig(scale=8, blocks=8)
        return cls(encoder=encoder, taps=(1, 3, 5, 7), levels=4, affine="multiply", lu=False, dequantised=False)


class SRFlow(nn.Module):
    """``p(hr | lr)`` as a flow that is told about the low-resolution image.

    High-resolution images are (B, 3, scale*h, scale*w), low-resolution ones (B, 3, h, w), in [0, 1]. Wherever ``lr`` is asked
    for, the result of :meth:`prepare` may be given instead: then the work on it is not done again.
    """

    def __init__(self, config: SRFlowConfig = SRFlowConfig()):
        super().__init__()
        self.config = config
        self.encoder = RRDBNet(config.encoder)
        width = config.encoder.channels
        self.flow = Flow(ConditionalFlow(
            config.levels, config.steps, config.transitions, config.hidden, width * (1 + len(config.taps)), config.affine, config.eps,
            config.lu, reversible=config.reversible,
        ))

    def prepare(self, lr: Tensor) -> Conditioning:
        """All that the flow needs to know of the low-resolution images (B, 3, h, w), computed once."""
        return self.flow.transform.prepare(self._features(lr))

    def _features(self, lr: Tensor) -> list[LevelFeatures]:
        # the topmost map has the full resolution, at which no step works
        features = self.encoder.features(lr, self.config.taps, ups=max(self.config.scale.bit_length() - 2, 0))
        return level_features(features, self.config.scale, self.config.levels)

    def nll(self, hr: Tensor, lr: Tensor | Conditioning) -> Tensor:
        """Negative log-likelihood in nats, shape (B,), of the values as they are: dequantise before (``nflib.flow.Dequantize``)."""
        check_sizes(self.config, hr=hr, lr=lr)
        return -self.flow.log_prob(hr, self.flow.transform.tell(self._features(lr)) if isinstance(lr, Tensor) else lr)

    def encode(self, hr: Tensor, lr: Tensor | Conditioning) -> Latent:
        """Latents of the high-resolution images: a tuple, the finest first."""
        check_sizes(self.config, hr=hr, lr=lr)
        return self.flow.encode(hr, self._conditioning(lr))

    def decode(self, latents: Latent, lr: Tensor | Conditioning) -> Tensor:
        """High-resolution values of latents (:meth:`to_image` makes images of them). n times as many latents as low-resolution images give n for each,
        in the order first all images once, then all again."""
        context = self._conditioning(lr)
        copies = len(latents[0]) // len(context.levels[0][0].coupling)
        return self.flow.decode(latents, _repeat(context, copies))

    def to_values(self, image: Tensor) -> Tensor:
        """Images in [0, 1] on the scale the model was trained on, for :meth:`encode`; without noise."""
        return Dequantize().mean(image) if self.config.dequantised else image

    def to_image(self, values: Tensor) -> Tensor:
        """Decoded values as images in [0, 1]: brought back from the scale the model was trained on, and clipped."""
        return Dequantize().to_image(values) if self.config.dequantised else values.clamp(0, 1)

    @torch.no_grad()
    def super_resolve(
        self, lr: Tensor, tau: float = 0.8, n: int = 1, generator: torch.Generator | None = None
    ) -> Tensor:
        """n high-resolution images for each low-resolution image of any size: (n, B, 3, scale*h, scale*w), clipped to [0, 1].

        Args:
            lr: (B, 3, h, w) in [0, 1]. Sizes that do not fit are padded by reflection and cropped back.
            tau: temperature, multiplies the **standard deviation** of the latents; 0 gives n equal images.
        """
        if n < 1:
            raise ValueError(f"n must be at least 1, got {n}")
        if not tau >= 0:
            raise ValueError(f"tau must not be negative, got {tau}")
        from ..images import pad_to_multiple

        scale = self.config.scale
        batch, _, height, width = lr.shape
        padded, _ = pad_to_multiple(lr, max(2**self.config.levels // scale, 1))
        context = self.prepare(padded)
        shape = (batch, 3, scale * padded.shape[2], scale * padded.shape[3])
        like = tuple(lr.new_empty(s) for s in self.flow.transform.latent_shape(shape))
        samples = []
        for start in range(0, n, TOGETHER):
            draws = [self.flow.base.sample(like, tau, generator) for _ in range(min(TOGETHER, n - start))]
            samples.append(self.decode(tuple(torch.cat(level) for level in zip(*draws)), context))
        samples = torch.cat(samples).view(n, *shape)
        return self.to_image(samples[..., : scale * height, : scale * width])

    def _conditioning(self, lr: Tensor | Conditioning) -> Conditioning:
        return self.prepare(lr) if isinstance(lr, Tensor) else lr


def _repeat(context: Conditioning, copies: int) -> Conditioning:
    # one image needs no copies: its context broadcasts over the samples
    if copies == 1 or len(context.levels[0][0].coupling) == 1:
        return context
    repeated = (tuple(StepContext(*(part.repeat(copies, 1, 1, 1) for part in step)) for step in level) for level in context.levels)
    return Conditioning(tuple(repeated))
