"""One sample of a learned degradation at any strength, decoded in the browser."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from ..bases import DomainGaussian, LocalDomainGaussian
from ..metrics import autocorrelation
from ..models.conditional.flow import ConditionalFlow
from ..models.deflow.model import DeFlow
from ..transforms.base import Latent
from . import flow_export
from .base import Explorer, Number, Scene, Whole, shared

AMPLIFIED = 3  # times the difference, as it is shown


class DegradationExplorer(Explorer):
    """``y = f^-1(f(x; h) + tau u; h)`` of a :class:`~nflib.models.DeFlow` for one small image x (DeFlow, eq.
    30).

    The flow itself is in the page: a move of tau decodes anew. Made by :meth:`of`, or by
    ``TauExplorer(model=..., image=...)``.

    Args:
        scene: flow, condition, image and the law of u, packed.
        tau: strength of the degradation, >= 0; 0 returns the image, exactly.
        seed: of u, 0 to 2^30.
    """

    front_end = "degradation_explorer"

    scene = shared(Scene("flow", "image", "shift"))
    tau = shared(Number(1.0, min=0.0, max=10.0))
    seed = shared(Whole(1, min=0, max=2**30))

    @classmethod
    def of(
        cls,
        model: DeFlow,
        image: Tensor,
        condition: Tensor | None = None,
        generator: torch.Generator | None = None,
        **state,
    ) -> DegradationExplorer:
        """The explorer of a model and a crop, some 48 pixels wide: the page grows by about 2 MB and a move
        takes a tenth of a second.

        Args:
            model: with bounded scales and without colour matching.
            image: clean, (1, 3, H, H) in [0, 1], H a multiple of 2^levels.
            condition: h of the image, the model's default if not given.
            generator: of the noise on the default condition.
            state: ``tau`` and ``seed``.
        """
        if image.dim() != 4 or len(image) != 1 or image.shape[2] != image.shape[3]:
            raise ValueError(f"image must be one square image, (1, 3, H, H), got {tuple(image.shape)}")
        if model.config.matched:
            raise ValueError("model must not match colours: the browser shows what was decoded")
        with torch.no_grad():
            known = model.prepare(model.condition(image, generator) if condition is None else condition)
            latents, base = model.encode(image, known), model.base(known)
        scene = {
            "flow": flow_export.export(cast("ConditionalFlow", model.flow.transform), known.conditioning),
            "image": flow_export.pack(image[0]),
            "shift": [
                {name: flow_export.pack(part) for name, part in law.items()}
                for law in _shift_laws(base, latents)
            ],
        }
        return cls(scene=scene, **state)

    def _degraded(self) -> tuple[Tensor, Tensor]:
        """What was decoded, before and after clipping: (3, H, H), float64."""
        image = flow_export.unpack(self.scene["image"])
        if self.tau == 0:
            return image, image
        flow, known = flow_export.rebuild(self.scene["flow"])
        latents, shifted = flow(image[None], known)[0], []
        for z, n, packed in zip(latents, flow_export.noise(flow, known, self.seed), self.scene["shift"]):
            offset, strength, mix = (
                flow_export.unpack(packed[name]) for name in ("offset", "strength", "mix")
            )
            shifted.append(z + self.tau * (offset + torch.einsum("ij,bjyx->biyx", mix, strength * n)))
        values = flow.inverse(tuple(shifted), known)[0][0]
        return values, values.clamp(0, 1)

    def readouts(self) -> dict[str, float]:
        values, degraded = self._degraded()
        noise = degraded - flow_export.unpack(self.scene["image"])
        around = autocorrelation(noise[None], 1)[0].mean(0) if self.tau > 0 else torch.zeros(3, 3)
        return {
            "deviation": 255 * noise.var((1, 2), correction=0).mean().sqrt().item(),
            "mean": 255 * noise.mean().item(),
            "right": around[1, 2].item(),
            "below": around[2, 1].item(),
            "outside": ((values < 0) | (values > 1)).double().mean().item(),
        }

    def summary(self) -> str:
        shown = self.readouts()
        return (
            f"A clean image, the same degraded at tau = {self.tau:g}, and {AMPLIFIED} times the "
            "difference. The difference has a standard deviation "
            f"of {shown['deviation']:.3f} grey levels and a mean of {shown['mean']:.3f}; neighbouring "
            f"pixels correlate by {shown['right']:.3f} "
            f"to the right and {shown['below']:.3f} below. Clipped were {100 * shown['outside']:.1f} "
            "percent of the values."
        )

    def draw(self, figure) -> None:
        image = flow_export.unpack(self.scene["image"])
        _, degraded = self._degraded()
        tiles = {
            "clean": image,
            f"degraded, τ = {self.tau:g}": degraded,
            f"difference × {AMPLIFIED}": 0.5 + AMPLIFIED * (degraded - image),
        }
        for axes, (title, tile) in zip(figure.subplots(1, len(tiles)), tiles.items(), strict=True):
            axes.imshow(tile.clamp(0, 1).permute(1, 2, 0).numpy(), interpolation="nearest")
            axes.set_title(title)
            axes.axis("off")


def _shift_laws(base: DomainGaussian, latents: Latent) -> list[dict[str, Tensor]]:
    """For each latent (C, h, w) what makes ``u = offset + mix (strength * n)`` of standard normal
    numbers n."""
    offsets = base.shift_of(tuple(torch.zeros_like(z) for z in latents))
    if isinstance(base, LocalDomainGaussian):
        strength = (base.gain * base.factor[0].view(-1, 1, 1)).expand_as(latents[0])
        return [{"offset": offsets[0][0], "strength": strength[0], "mix": base.axes0}]
    return [
        {"offset": offset[0], "strength": torch.ones_like(offset[0]), "mix": mix}
        for offset, mix in zip(offsets, base.factor)
    ]
