"""Size and form of a DeFlow, and the map h that it has if none is named."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from ...domain import AddNoise, Compose, Downsample, spell
from ...images.jpeg import parse_stage
from ..conditional.size import FlowSize
from ..rrdb import RRDBConfig

# Deviation of the noise of the default condition, in units of the image range.
CONDITION_NOISE = 0.03


def usual_h(scale: int) -> Compose:
    """The h of DeFlow: the image at 1/scale of its size, with a little noise (section 3.4)."""
    return Compose(*([Downsample(scale)] if scale > 1 else []), AddNoise(CONDITION_NOISE))


@dataclass(frozen=True)
class DeFlowConfig(FlowSize):
    """Size and form of a :class:`DeFlow`, with what :class:`~nflib.models.FlowSize` says.

    >>> DeFlowConfig.small(scale=4).h
    Compose(Downsample(factor=4), AddNoise(sigma=0.03))

    Attributes:
        h: the map that makes the condition of an image, of :mod:`nflib.domain`; it must shrink as much as the
            encoder's scale says. By default, an empty composition, the image is downscaled bicubically and
            gets Gaussian noise of deviation 0.03, as published.
        splits: half of the channels leave after every level but the last two, as published. Without splits
            one Gaussian describes the noise of whole blocks of 2^L pixels, its correlation in space included.
        centred: the flow models what the image has beyond its enlarged condition; as published it models the
            image.
        local: the strength of the noise depends on the colours of the condition, axis by axis
            (:class:`~nflib.bases.LocalDomainGaussian`); as published it is the same everywhere. Needs
            ``splits=False``.
        matched: the flow sees degraded images in the colours of clean ones (``DeFlow.set_colours``), as
            in the published work on AIM.
        noise: the noise factor A of each latent starts as ``noise * I``. The published configurations have 0,
            a saddle from which it never moves; zero is for loading them.
        last_stage: what degraded images went through last, such as "jpeg:62"; empty for nothing. The flow
            knows clean and degraded images after it, and samples go through it.
        most_noise: the strongest that the noise may be at any place, of each channel
            (:meth:`~nflib.models.ImageModel.limited`); empty for no limit.
    """

    FORMS: ClassVar[tuple[str, ...]] = ("bounded", "divide")

    eps: float = 1e-3
    h: Compose = field(default_factory=Compose)
    splits: bool = False
    centred: bool = True
    local: bool = False
    matched: bool = False
    noise: float = 0.05
    last_stage: str = ""
    most_noise: tuple[float, ...] = ()

    def __post_init__(self):
        super().__post_init__()
        if not self.h.maps:
            object.__setattr__(self, "h", usual_h(self.scale))
        spell(self.h)  # has a name, or could not be saved
        if self.h.shrink != self.scale:
            raise ValueError(
                f"h must shrink images by the encoder's scale {self.scale}, got {spell(self.h)}, which "
                f"shrinks by {self.h.shrink}"
            )
        parse_stage(self.last_stage)
        if not self.noise >= 0:
            raise ValueError(f"noise must not be negative, got {self.noise}")
        if self.local and self.splits:
            raise ValueError("local needs splits=False: only the deepest latent has a gain")

    @classmethod
    def migrated(cls, values: dict[str, Any]) -> dict[str, Any]:
        """The fields of a file of an older nflib as they are now: h was the numbers of a blur and
        of a noise."""
        values = dict(values)
        if "condition_noise" in values:
            noise, blur = values.pop("condition_noise"), values.pop("condition_blur", 0.0)
            scale = values["encoder"]["scale"]
            parts = [f"downsample:{scale}"] * (scale > 1) + [f"blur:{blur}"] * (blur > 0) + [f"noise:{noise}"]
            values["h"] = "+".join(parts)
        return values

    @classmethod
    def aim(cls) -> DeFlowConfig:
        """The published model for the AIM 2019 data."""
        return cls(
            encoder=RRDBConfig(scale=8), hidden=128, affine="divide", splits=True, centred=False, noise=0.0
        )

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
        """Learns a degradation in minutes on a CPU when it starts at the linear solution
        (:func:`linear_start`).
        """
        encoder = RRDBConfig(scale, channels=32, growth=16, blocks=1)
        return cls(
            encoder,
            **{
                "taps": (),
                "steps": 2,
                "transitions": 0,
                "hidden": 32,
                "local": True,
                "levels": max(3, scale.bit_length() - 1),
                **changes,
            },
        )
