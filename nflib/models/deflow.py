"""DeFlow: a degradation learned from unpaired clean and degraded images (Wolf et al., CVPR 2021)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..bases import Domain, DomainGaussian, LocalDomainGaussian
from ..domain import GaussianBlur
from ..flow import Flow
from ..images import pad_to_multiple, resize
from ..transforms import BoundedScale
from ..transforms.base import Latent
from ..transforms.precision import full_precision, raised
from ..units import randn
from .condition import level_features
from .conditional import ConditionalFlow, Conditioning, check_config, check_sizes
from .rrdb import RRDBConfig, RRDBNet

if TYPE_CHECKING:
    from ..data import ColourMatch


@dataclass(frozen=True)
class DeFlowConfig:
    """Size and form of a :class:`DeFlow`.

    Attributes:
        encoder: the network that reads the condition h; its scale says how much smaller h is than the image.
        taps: blocks of the encoder (0-based) whose outputs the flow is told besides the last one.
        levels, steps, transitions, hidden: of the flow, as in :class:`~nflib.models.SRFlowConfig`.
        affine: "bounded", or "divide" as published.
        eps: smallest scale of the published form.
        splits: half of the channels leave after every level but the last two, as published. Without splits one Gaussian describes
            the noise of whole blocks of 2^L pixels, its correlation in space included.
        centred: the flow models what the image has beyond its enlarged condition; as published it models the image.
        local: the strength of the noise depends on the colours of the condition, axis by axis (:class:`~nflib.bases.LocalDomainGaussian`);
            as published it is the same everywhere. Needs ``splits=False``.
        matched: the flow sees degraded images in the colours of clean ones (:meth:`DeFlow.set_colours`), as in the published work on AIM.
        noise: the noise factor A of each latent starts as ``noise * I``. The published configurations have 0, a saddle from
            which it never moves; zero is for loading them.
        condition_noise: deviation of the Gaussian noise that is added to the condition, in units of the image range.
        condition_blur: deviation in pixels of the condition of a Gaussian blur before that noise: hides more of the degradation.
        reversible: training keeps of each level what leaves it, and recomputes what is inside: memory does not grow with the steps.
    """

    encoder: RRDBConfig = field(default_factory=lambda: RRDBConfig(scale=4))
    taps: tuple[int, ...] = (1, 8, 15, 22)
    levels: int = 3
    steps: int = 16
    transitions: int = 2
    hidden: int = 64
    affine: str = "bounded"
    eps: float = 1e-3
    splits: bool = False
    centred: bool = True
    local: bool = False
    matched: bool = False
    noise: float = 0.05
    condition_noise: float = 0.03
    condition_blur: float = 0.0
    reversible: bool = False

    def __post_init__(self):
        check_config(self, ("bounded", "divide"))
        if not min(self.noise, self.condition_noise, self.condition_blur) >= 0:
            raise ValueError(
                "noise, condition_noise and condition_blur must not be negative, got "
                f"{self.noise}, {self.condition_noise} and {self.condition_blur}"
            )
        if self.local and self.splits:
            raise ValueError("local needs splits=False: only the deepest latent has a gain")

    @property
    def scale(self) -> int:
        return self.encoder.scale

    @classmethod
    def aim(cls) -> DeFlowConfig:
        """The published model for the AIM 2019 data."""
        return cls(encoder=RRDBConfig(scale=8), hidden=128, affine="divide", splits=True, centred=False, noise=0.0)

    @classmethod
    def ntire(cls) -> DeFlowConfig:
        """The published model for the NTIRE 2020 data."""
        return cls(affine="divide", splits=True, centred=False, noise=0.0)

    @classmethod
    def dped(cls) -> DeFlowConfig:
        """The published model for the DPED data; the same size as :meth:`ntire`."""
        return cls.ntire()

    @classmethod
    def small(cls, scale: int = 4, **changes) -> DeFlowConfig:
        """Learns a degradation in minutes on a CPU when it starts at the linear solution (:func:`linear_start`)."""
        encoder = RRDBConfig(scale, channels=32, growth=16, blocks=1)
        return cls(encoder, **{"taps": (), "steps": 2, "transitions": 0, "hidden": 32, "local": True, "levels": max(3, scale.bit_length() - 1), **changes})


class DeFlow(nn.Module):
    """``p(image | h)`` for two domains that share one flow: a degraded latent is a clean one plus a Gaussian shift (eq. 27-29).

    Images are (B, 3, H, W) in [0, 1]. The condition h is a smaller version of the image, (B, 3, H/s, W/s), that should look the
    same in both domains; by default the image itself, downscaled bicubically, with a little noise. Wherever a condition is
    asked for, the result of :meth:`prepare` may be given instead: then the work on it is not done again.
    """

    def __init__(self, config: DeFlowConfig = DeFlowConfig()):
        super().__init__()
        self.config = config
        self.encoder = RRDBNet(config.encoder)
        width = config.encoder.channels
        transform = ConditionalFlow(
            config.levels, config.steps, config.transitions, config.hidden, width * (1 + len(config.taps)), config.affine, config.eps, lu=True,
            splits=config.splits, reversible=config.reversible,
        )
        side = 2**config.levels
        channels = [shape[1] for shape in transform.latent_shape((1, 3, side, side))]
        self.flow = Flow(transform, (LocalDomainGaussian if config.local else DomainGaussian)(channels, config.noise))
        self.gain = _no_change(nn.Conv2d(3, channels[-1], 1)) if config.local else None
        if config.matched:
            # mean and deviation of the clean and of the degraded domain; equal ones change nothing
            self.register_buffer("colours", torch.tensor([0.0, 1.0]).view(1, 2, 1).repeat(2, 1, 3))

    def set_colours(self, match: ColourMatch) -> None:
        """Say how degraded images were brought to the colours of clean ones in training: ``degrade`` then gives them back theirs."""
        if not self.config.matched:
            raise ValueError("the model was made for colours as they are; matched=True in its configuration says otherwise")
        pairs = [(one.mean, one.deviation) for one in (match.target, match.source)]
        self.colours.copy_(torch.tensor(pairs, dtype=torch.float64))

    def match(self, degraded: Tensor) -> Tensor:
        """Degraded images (B, 3, H, W) in the colours in which the flow sees them, in [0, 1]."""
        return self._recoloured(degraded, 1, 0).clamp(0, 1)

    def to_image(self, values: Tensor, domain: str) -> Tensor:
        """What the flow decoded, (B, 3, H, W), as images of a domain: in its colours, in [0, 1]."""
        return (self._recoloured(values, 0, 1) if domain == "degraded" else values).clamp(0, 1)

    def _recoloured(self, values: Tensor, source: int, target: int) -> Tensor:
        if not self.config.matched:
            return values
        (mean, deviation), (new_mean, new_deviation) = self.colours.unsqueeze(-1).unsqueeze(-1)[[source, target]]
        return (values - mean) / deviation * new_deviation + new_mean

    def condition(self, image: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """The default h of an image: downscaled by s, blurred, with Gaussian noise. (B, 3, H/s, W/s)"""
        with full_precision(image):
            small = resize(image, 1 / self.config.scale) if self.config.scale > 1 else image
            if self.config.condition_blur:
                small = GaussianBlur(self.config.condition_blur)(small)
        return small + self.config.condition_noise * randn(small.shape, small, generator)

    def prepare(self, condition: Tensor) -> Conditioning:
        """All that the flow needs to know of the condition, computed once."""
        return self._told(condition, self.flow.transform.prepare)

    def _told(self, condition: Tensor, tell: Callable[..., Conditioning]) -> Conditioning:
        features = self.encoder.features(condition, self.config.taps, ups=max(self.config.scale.bit_length() - 2, 0))
        centre = None
        if self.config.centred:
            centre = F.interpolate(condition, scale_factor=self.config.scale, mode="bilinear") if self.config.scale > 1 else condition
        context = tell(level_features(features, self.config.scale, self.config.levels), centre)
        if self.gain is None:
            return context
        with full_precision(condition):
            return context._replace(gain=BoundedScale().log_scale(self.gain(self.surroundings(condition))).exp())

    def surroundings(self, condition: Tensor) -> Tensor:
        """What the gain of the noise depends on: the mean colours of h in the 3x3 blocks around each position of the deepest latent."""
        blocks = F.avg_pool2d(condition, 2**self.config.levels // self.config.scale)
        return F.avg_pool2d(F.pad(blocks, (1, 1, 1, 1), mode="replicate"), 3, 1)

    def base(self, context: Conditioning) -> DomainGaussian:
        """Distribution of the latents of images with this condition, in both domains."""
        return self.flow.base.given(context.gain) if self.config.local else self.flow.base

    def nll(self, image: Tensor, condition: Tensor | Conditioning, domain: Domain) -> Tensor:
        """Negative log-likelihood in nats, shape (B,) (eq. 28). Dequantise before; ``domain``: "clean", "degraded", or one per image."""
        check_sizes(self.config, image=image, condition=condition)
        context = self._told(condition, self.flow.transform.tell) if isinstance(condition, Tensor) else condition
        latents, log_det = self.flow.transform(image, context)
        with full_precision(image):
            return -self.base(context).log_prob(latents, domain) - log_det

    def encode(self, image: Tensor, condition: Tensor | Conditioning) -> Latent:
        """Latents of images, a tuple, the finest first."""
        check_sizes(self.config, image=image, condition=condition)
        return self.flow.encode(image, self._conditioning(condition))

    def decode(self, latents: Latent, condition: Tensor | Conditioning) -> Tensor:
        """Images of latents, not clipped."""
        return self.flow.decode(latents, self._conditioning(condition))

    @torch.no_grad()
    def degrade(
        self, clean: Tensor, tau: float = 1.0, condition: Tensor | None = None, generator: torch.Generator | None = None
    ) -> Tensor:
        """Degrade clean images of any size: encode, add tau times a random shift, decode (eq. 27 and 30). In [0, 1].

        Args:
            tau: strength; scales mean and deviation of the shift. 0 returns the input, exactly.
            condition: h of the clean images, the default if not given.
            generator: same seed, same result.
        """
        if not tau >= 0:
            raise ValueError(f"tau must not be negative, got {tau}")
        if tau == 0:
            return clean

        def shifted(z: Latent, base: DomainGaussian) -> Latent:
            return tuple(part + u for part, u in zip(z, base.shift(z, tau, generator)))

        return self.to_image(self._translate(clean, condition, generator, shifted), "degraded")

    @torch.no_grad()
    def restore(self, degraded: Tensor, condition: Tensor | None = None, generator: torch.Generator | None = None) -> Tensor:
        """One clean image that could be behind each degraded one: a draw from the posterior of the clean latents, not their mean."""
        return self.to_image(self._translate(self.match(degraded), condition, generator, lambda z, base: base.sample_posterior(z, generator)), "clean")

    @torch.no_grad()
    def sample(self, condition: Tensor | Conditioning, domain: Domain, generator: torch.Generator | None = None) -> Tensor:
        """New images of a domain with the given condition, not clipped."""
        context = self._conditioning(condition)
        finest = context.levels[0][0].coupling
        shape = (len(finest), 3, 2 * finest.shape[2], 2 * finest.shape[3])
        like = tuple(raised(finest.new_empty(s)) for s in self.flow.transform.latent_shape(shape))
        with full_precision(finest):
            latents = self.base(context).sample(like, generator=generator, domain=domain)
        return self.flow.decode(latents, context)

    def _translate(self, image, condition, generator, change) -> Tensor:
        multiple = 2**self.config.levels
        padded, crop = pad_to_multiple(image, multiple)
        if condition is None:
            condition = self.condition(padded, generator)
        else:
            condition, _ = pad_to_multiple(condition, multiple // self.config.scale)
        check_sizes(self.config, image=padded, condition=condition)
        context = self.prepare(condition)
        latents = self.encode(padded, context)
        with full_precision(image):
            changed = change(latents, self.base(context))
        return crop(self.flow.decode(changed, context))

    def _conditioning(self, condition: Tensor | Conditioning) -> Conditioning:
        return self.prepare(condition) if isinstance(condition, Tensor) else condition


def _no_change(layer: nn.Conv2d) -> nn.Conv2d:
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
