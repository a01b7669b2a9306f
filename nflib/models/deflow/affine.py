"""DeFlow in image units: the noise is a law that is held, and the flow is affine in the image."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor

from ...bases import Domain, StandardNormal, is_degraded
from ...images import pad_to_multiple
from ...images.tiling import Window, joined
from ...transforms.base import Latent
from ...transforms.context import map_tensors
from ...transforms.precision import full_precision
from ..conditional.condition import Conditioning
from ..conditional.flow import check_sizes
from ..noise_law import NoiseLaw, NoiseLawConfig
from .config import DeFlowConfig
from .log_ratio import LogRatio
from .model import DeFlow, Known
from .noise_units import NoiseUnits, drawn_noise

# Noise is taken for at least this deviation, a tenth of a grey level.
LEAST = 0.1 / 255
# Side and overlap of the tiles in which images are restored: every block has a matrix of its own.
TILE, OVERLAP = 128, 32


@dataclass(frozen=True)
class AffineDeFlowConfig(DeFlowConfig):
    """Size and form of an :class:`AffineDeFlow`, with what :class:`DeFlowConfig` says.

    >>> AffineDeFlowConfig.small(scale=8).couplings
    False

    Attributes:
        law: form of the law of the noise.
        couplings, splits, local, matched: False, and ``affine`` is "bounded": nothing in the flow sees the
            image, and all of the image reaches the deepest latent.
    """

    couplings: bool = False
    law: NoiseLawConfig = field(default_factory=NoiseLawConfig)

    def __post_init__(self):
        super().__post_init__()
        right = {"couplings": False, "splits": False, "local": False, "matched": False, "affine": "bounded"}
        for name, value in right.items():
            if getattr(self, name) != value:
                raise ValueError(f"{name} must be {value!r}, got {getattr(self, name)!r}")

    @classmethod
    def small(cls, scale: int = 4, **changes) -> AffineDeFlowConfig:
        """A small configuration, see :meth:`DeFlowConfig.small`."""
        return cast(AffineDeFlowConfig, super().small(scale, **{"local": False, "steps": 1, **changes}))


class AffineDeFlow(DeFlow):
    """DeFlow whose flow is affine in the image given the condition, and whose noise is held.

    ``f(x; h) = A(h) x + b(h)``: injectors, ActNorm and 1x1 convolutions, after a fixed map that makes the
    noise white (``NoiseUnits``). Clean latents are N(0, I) and degraded
    ones ``N(0, I + A(h) S_n A(h)^T)``, where S_n is the covariance of a :class:`~nflib.models.NoiseLaw` at
    the colours of h. So ``y = x + n`` with ``n ~ N(0, S_n)``, whatever f is: training f cannot bend the
    noise. It learns what clean images are like given h, and with that how to take the noise off:
    :meth:`restore` is the mean of the clean image given the degraded one.

    White noise is independent from block to block, and f takes blocks by themselves, so the density is exact:
    a determinant for every block. It takes the noise to go on periodically beyond the image's border;
    ``samples`` do not.

    >>> model, clean = AffineDeFlow(AffineDeFlowConfig.small(hidden=4, steps=1)), torch.rand(1, 3, 16, 16)
    >>> model.hold(NoiseLaw())
    >>> model.samples(clean, tau=0.5, n=3).shape
    torch.Size([3, 1, 3, 16, 16])

    Attributes:
        law: of the noise; it has no gradients.
    """

    config: AffineDeFlowConfig

    def __init__(self, config: AffineDeFlowConfig = AffineDeFlowConfig()):
        super().__init__(config)
        self.law = NoiseLaw(config.law)

    def _latent_law(self, channels: list[int]) -> StandardNormal:
        return StandardNormal()

    def hold(self, law: NoiseLaw) -> None:
        """Take over a law whose configuration is that of this model's own."""
        if law.config != self.config.law:
            raise ValueError(f"the law must have the configuration {self.config.law}, got {law.config}")
        self.law.load_state_dict(law.state_dict())

    def _told(self, condition: Tensor, tell: Callable[..., Conditioning]) -> Known:
        conditioning = super()._told(condition, tell).conditioning
        assert conditioning.centre is not None
        with full_precision(condition):
            units = NoiseUnits(conditioning.centre, self._deviation(condition), self.law.taps.to(condition))
        return Known(conditioning._replace(centre=None), units=units)

    def _deviation(self, condition: Tensor) -> Tensor:
        """Deviation of the noise at the colours of h, without most of h's own noise, (B, 3, H, W)."""
        smooth = F.avg_pool2d(F.pad(condition, (1, 1, 1, 1), mode="replicate"), 3, 1)
        if self.config.scale > 1:
            smooth = F.interpolate(smooth, scale_factor=self.config.scale, mode="bilinear")
        return self.law.deviation(smooth.clamp(0, 1)).clamp(min=LEAST)

    def nll(self, image: Tensor, condition: Tensor | Known, domain: Domain) -> Tensor:
        check_sizes(self.config, image=image, condition=condition)
        known = self._told(condition, self._transform.tell) if isinstance(condition, Tensor) else condition
        with full_precision(image):
            values, units_log_det = _units(known).of(image)
        (latent,), log_det = self.flow.transform(values, known.conditioning)
        degraded = is_degraded(domain, len(image))
        with full_precision(image):
            found = self.flow.base.log_prob((latent,)) + log_det + units_log_det
            if degraded.any():
                chosen = degraded.nonzero()[:, 0].to(image.device)
                covariances = self._covariances(map_tensors(known.conditioning, lambda part: part[chosen]))
                change = LogRatio.apply(latent[chosen].permute(0, 2, 3, 1), covariances).sum((1, 2))
                found = found.index_add(0, chosen, change)
            return -found

    def _covariances(self, conditioning: Conditioning) -> Tensor:
        """``I + A(h) S_n A(h)^T`` of every block, (B, h, w, C, C): in the units of the noise S_n is I."""
        blocks = self._transform.blocks(conditioning)
        return torch.eye(blocks.shape[-1]).to(blocks) + blocks @ blocks.mT

    def until(self, level: int, image: Tensor, condition: Tensor | Known) -> Tensor:
        known = self._known(condition)
        return self._transform.until(level, _units(known).of(image)[0], known.conditioning)

    def encode(self, image: Tensor, condition: Tensor | Known) -> Latent:
        check_sizes(self.config, image=image, condition=condition)
        known = self._known(condition)
        return self.flow.encode(_units(known).of(image)[0], known.conditioning)

    def decode(self, latents: Latent, condition: Tensor | Known) -> Tensor:
        known = self._known(condition)
        return _units(known).image(self.flow.decode(latents, known.conditioning))

    def _draw(
        self, image: Tensor, condition: Tensor, generator: torch.Generator | None
    ) -> tuple[Tensor, ...]:
        return (drawn_noise(self._deviation(condition), self.law.taps, generator),)

    def _shift(self, draw: tuple[Tensor, ...], known: Known, tau: float) -> Latent:
        """``A(h) n`` of noise n in image units."""
        white = _units(known).white(tau * draw[0])
        return (self._transform.linear(white.unsqueeze(1), known.conditioning)[:, 0],)

    def example_loss(self, image: Tensor) -> Tensor:
        """The loss of clean images, of which the flow is learned."""
        return self.nll(image, self.condition(image), "clean").mean()

    @torch.no_grad()
    def restore(
        self, degraded: Tensor, condition: Tensor | None = None, generator: torch.Generator | None = None
    ) -> Tensor:
        """The mean of the clean image behind each degraded one, (B, 3, H, W) in [0, 1]: Wiener's estimate,
        block by block, given the condition of the degraded image.
        """
        padded, crop = pad_to_multiple(degraded, self.multiple)
        condition = self._padded_condition(padded, condition, generator)

        def restored(window: Window) -> Iterator[Tensor]:
            known = self.prepare(window(condition))
            latent = self.encode(window(padded), known)[0]
            columns = latent.permute(0, 2, 3, 1).unsqueeze(-1)
            root = torch.linalg.cholesky(self._covariances(known.conditioning))
            mean = torch.cholesky_solve(columns, root).squeeze(-1).permute(0, 3, 1, 2)
            yield self.decode((mean,), known)

        results = joined(restored, degraded.new_zeros(1, *padded.shape), tile=TILE, overlap=OVERLAP)
        return self.to_image(crop(results[0]), "clean")

    @torch.no_grad()
    def sample(
        self, condition: Tensor | Known, domain: Domain, generator: torch.Generator | None = None
    ) -> Tensor:
        known = self._known(condition)
        units = _units(known)
        shape = self._transform.latent_shape(tuple(units.centre.shape))[0]
        latent = StandardNormal().sample((units.centre.new_empty(shape),), generator=generator)
        clean = self.decode(latent, known)
        degraded = is_degraded(domain, len(clean)).to(clean)
        return clean + degraded.view(-1, 1, 1, 1) * drawn_noise(units.deviation, units.taps, generator)


def _units(known: Known) -> NoiseUnits:
    assert known.units is not None
    return known.units
