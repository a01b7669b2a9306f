"""DeFlow: a degradation learned from unpaired clean and degraded images (Wolf et al., CVPR 2021)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...bases import Domain, DomainGaussian, LocalDomainGaussian, StandardNormal
from ...domain import Map
from ...flow import Flow
from ...images import pad_to_multiple
from ...images.tiling import Window, joined, overlap_of
from ...transforms import BoundedScale
from ...transforms.base import Latent
from ...transforms.precision import full_precision
from ..conditional.condition import Conditioning, level_features
from ..conditional.flow import ConditionalFlow, check_sizes
from ..conditional.steps import Step
from ..model import check_samples
from ..recoloured import RecolouredModel
from ..rrdb import RRDBNet
from .config import DeFlowConfig
from .noise_units import NoiseUnits


class Known(NamedTuple):
    """What the model knows of conditions: what its flow is told; where noise is local, its gain (B, C, h, w),
    shaped like the deepest latent; and where noise is held, the units in which images are seen.
    """

    conditioning: Conditioning
    gain: Tensor | None = None
    units: NoiseUnits | None = None


class DeFlow(RecolouredModel):
    """``p(image | h)`` for two domains that share one flow: a degraded latent is a clean one plus a Gaussian
    shift (eq. 27-29).

    Images are (B, 3, H, W) in [0, 1]. The condition h is a smaller version of the image, (B, 3, H/s, W/s),
    that should look the same in both domains: ``config.h`` of it. Wherever a condition is
    asked for, the result of :meth:`prepare` may be given instead: then the work on it is not done again.

    >>> model, clean = DeFlow(DeFlowConfig.small(hidden=4, steps=1)).eval(), torch.rand(1, 3, 16, 16)
    >>> model.samples(clean, tau=0.5, n=3).shape
    torch.Size([3, 1, 3, 16, 16])
    >>> torch.equal(model.degrade(clean, tau=0), clean)
    True
    """

    purpose = "degrade"
    repeated = (Step,)

    def __init__(self, config: DeFlowConfig = DeFlowConfig()):
        super().__init__()
        self.config = config
        self.encoder = RRDBNet(config.encoder)
        transform = config.flow(splits=config.splits)
        side = 2**config.levels
        channels = [shape[1] for shape in transform.latent_shape((1, 3, side, side))]
        self.flow = Flow(transform, self._latent_law(channels))
        self.gain = _no_change(nn.Conv2d(3, channels[-1], 1)) if config.local else None
        # the networks of h, if it has any
        self.h = nn.ModuleList(
            step.build() for step in config.h.maps if isinstance(step, Map) and step.has_weights
        )
        self._prepare_colours()

    def _latent_law(self, channels: list[int]) -> nn.Module:
        return (LocalDomainGaussian if self.config.local else DomainGaussian)(channels, self.config.noise)

    def condition(self, image: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """h of an image, as the configuration has it. (B, 3, H/s, W/s)"""
        networks = iter(self.h)
        with full_precision(image):
            for step in self.config.h.maps:
                image = (next(networks) if step.has_weights else step)(image, generator)
        return image

    def prepare(self, condition: Tensor) -> Known:
        """All that the model needs to know of the condition, computed once."""
        return self._told(condition, self._transform.prepare)

    def _told(self, condition: Tensor, tell: Callable[..., Conditioning]) -> Known:
        features = self.encoder.features(
            condition, self.config.taps, ups=max(self.config.scale.bit_length() - 2, 0)
        )
        centre = None
        if self.config.centred:
            centre = (
                F.interpolate(condition, scale_factor=self.config.scale, mode="bilinear")
                if self.config.scale > 1
                else condition
            )
        conditioning = tell(level_features(features, self.config.scale, self.config.levels), centre)
        if self.gain is None:
            return Known(conditioning)
        with full_precision(condition):
            return Known(
                conditioning, BoundedScale().log_scale(self.gain(self.surroundings(condition))).exp()
            )

    def surroundings(self, condition: Tensor) -> Tensor:
        """What the gain of the noise depends on: the mean colours of h in the 3x3 blocks around each position
        of the deepest latent.
        """
        blocks = F.avg_pool2d(condition, 2**self.config.levels // self.config.scale)
        return F.avg_pool2d(F.pad(blocks, (1, 1, 1, 1), mode="replicate"), 3, 1)

    def base(self, known: Known) -> DomainGaussian:
        """Distribution of the latents of images with this condition, in both domains."""
        return self.flow.base.given(known.gain) if self.config.local else self.flow.base

    def nll(self, image: Tensor, condition: Tensor | Known, domain: Domain) -> Tensor:
        """Negative log-likelihood in nats, shape (B,) (eq. 28). Dequantise before; ``domain``: "clean",
        "degraded", or one per image.
        """
        check_sizes(self.config, image=image, condition=condition)
        known = self._told(condition, self._transform.tell) if isinstance(condition, Tensor) else condition
        latents, log_det = self.flow.transform(image, known.conditioning)
        with full_precision(image):
            return -self.base(known).log_prob(latents, domain) - log_det

    def until(self, level: int, image: Tensor, condition: Tensor | Known) -> Tensor:
        """What images are at the end of a level, counted from 0, before a split takes some of it."""
        return self._transform.until(level, image, self._known(condition).conditioning)

    def encode(self, image: Tensor, condition: Tensor | Known) -> Latent:
        """Latents of images, a tuple, the finest first."""
        check_sizes(self.config, image=image, condition=condition)
        return self.flow.encode(image, self._known(condition).conditioning)

    def decode(self, latents: Latent, condition: Tensor | Known) -> Tensor:
        """Images of latents, not clipped."""
        return self.flow.decode(latents, self._known(condition).conditioning)

    def degrade(
        self,
        clean: Tensor,
        tau: float = 1.0,
        condition: Tensor | None = None,
        generator: torch.Generator | None = None,
        *,
        tile: int | None = None,
        overlap: int | None = None,
    ) -> Tensor:
        """Degrade clean images of any size: encode, add tau times a random shift, decode (eq. 27 and 30). (B,
        3, H, W) in [0, 1].

        Arguments as for :meth:`samples`, of which this is the first.
        """
        return self.samples(clean, tau, condition=condition, generator=generator, tile=tile, overlap=overlap)[
            0
        ]

    @torch.no_grad()
    def samples(
        self,
        clean: Tensor,
        tau: float = 1.0,
        n: int = 1,
        *,
        condition: Tensor | None = None,
        generator: torch.Generator | None = None,
        tile: int | None = None,
        overlap: int | None = None,
    ) -> Tensor:
        """n degraded versions of each clean image, (n, B, 3, H, W) in [0, 1]. They share the condition and
        the clean latents.

        The noise of the condition and the random numbers of all shifts are drawn for the whole image, before
        anything is computed. So neighbouring tiles agree, up to what a network misses beyond the border of
        its tile.

        Args:
            clean: (B, 3, H, W) in [0, 1].
            tau: strength; scales mean and deviation of the shift. 0 returns the input, exactly.
            n: how many.
            condition: h of the clean images, the default if not given.
            generator: same seed, same result.
            tile: side of the tiles in which larger images are computed, in pixels, a multiple of 2^levels; by
                default there is one.
            overlap: of neighbouring tiles; exact where the networks reach no further than a quarter of it.

        Raises:
            ValueError: an argument out of range, or tiles that do not fit the model.
        """
        overlap = overlap_of(tile, overlap, most=self.largest_overlap, multiple=self.multiple)
        check_samples(n, tau)
        if tau == 0:
            return clean.expand(n, *clean.shape).clone()
        padded, crop = pad_to_multiple(clean, self.multiple)
        condition = self._padded_condition(padded, condition, generator)
        draws = [self._draw(padded, condition, generator) for _ in range(n)]

        def degraded(window: Window) -> Iterator[Tensor]:
            known = self.prepare(window(condition))
            latents = self.encode(window(padded), known)
            for draw in draws:
                with full_precision(clean):
                    shift = self._shift(tuple(window(part) for part in draw), known, tau)
                    shifted = tuple(z + u for z, u in zip(latents, shift, strict=True))
                yield self.decode(shifted, known)

        results = joined(degraded, clean.new_zeros(n, *padded.shape), tile=tile, overlap=overlap)
        return self.finished(self.to_image(self.limited(crop(results), clean, tau), "degraded"))

    def _draw(
        self, image: Tensor, condition: Tensor, generator: torch.Generator | None
    ) -> tuple[Tensor, ...]:
        """What a shift of the latents of whole images is made of, as maps that windows can be cut from."""
        like = tuple(image.new_empty(s) for s in self._transform.latent_shape(tuple(image.shape)))
        return cast(tuple[Tensor, ...], StandardNormal().sample(like, generator=generator))

    def _shift(self, draw: tuple[Tensor, ...], known: Known, tau: float) -> Latent:
        """``tau * u`` of what was drawn, shaped like the latents."""
        return self.base(known).shift_of(draw, tau)

    @torch.no_grad()
    def restore(
        self, degraded: Tensor, condition: Tensor | None = None, generator: torch.Generator | None = None
    ) -> Tensor:
        """One clean image that could be behind each degraded one: a draw from the posterior of the clean
        latents, not their mean.
        """
        return self.to_image(
            self._translate(
                self.match(degraded),
                condition,
                generator,
                lambda z, base: base.sample_posterior(z, generator),
            ),
            "clean",
        )

    @torch.no_grad()
    def sample(
        self, condition: Tensor | Known, domain: Domain, generator: torch.Generator | None = None
    ) -> Tensor:
        """New images of a domain with the given condition, not clipped."""
        known = self._known(condition)
        shape = (known.conditioning.batch, 3, *known.conditioning.size)
        parameter = self.flow.base.mean[0]
        like = tuple(parameter.new_empty(s) for s in self._transform.latent_shape(shape))
        with full_precision(parameter):
            latents = self.base(known).sample(like, generator=generator, domain=domain)
        return self.decode(latents, known)

    def _translate(self, image, condition, generator, change) -> Tensor:
        padded, crop = pad_to_multiple(image, self.multiple)
        condition = self._padded_condition(padded, condition, generator)
        known = self.prepare(condition)
        latents = self.encode(padded, known)
        with full_precision(image):
            changed = change(latents, self.base(known))
        return crop(self.decode(changed, known))

    def _padded_condition(
        self, padded: Tensor, condition: Tensor | None, generator: torch.Generator | None
    ) -> Tensor:
        """The default h of padded images, or one that was given for them before padding."""
        if condition is None:
            condition = self.condition(padded, generator)
        else:
            condition, _ = pad_to_multiple(condition, self.multiple // self.config.scale)
        check_sizes(self.config, image=padded, condition=condition)
        return condition

    def example_loss(self, image: Tensor) -> Tensor:
        """The loss as if all images were degraded, whose density costs most."""
        return self.nll(image, self.condition(image), "degraded").mean()

    def example_result(self, image: Tensor) -> Tensor:
        return self.degrade(image)

    @property
    def _transform(self) -> ConditionalFlow:
        return cast(ConditionalFlow, self.flow.transform)

    def _known(self, condition: Tensor | Known) -> Known:
        return self.prepare(condition) if isinstance(condition, Tensor) else condition


def _no_change(layer: nn.Conv2d) -> nn.Conv2d:
    nn.init.zeros_(layer.weight)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer
