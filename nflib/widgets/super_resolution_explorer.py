"""Samples of a super-resolution flow at any temperature, decoded in the browser."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from ..images import resize
from ..metrics import diversity, psnr
from ..models.conditional.flow import ConditionalFlow, check_sizes
from ..models.srflow.model import SRFlow
from . import flow_export
from .base import Explorer, Number, Scene, Whole, shared

SAMPLES = 4
WHITE = 20  # grey levels of deviation that are shown white


class SuperResolutionExplorer(Explorer):
    """Four samples ``f^-1(tau z; x)`` of an :class:`~nflib.models.SRFlow` for one small image x (SRFlow,
    section 3.5).

    The flow itself is in the page: a move of tau decodes anew. Made by :meth:`of`.

    Args:
        scene: flow, condition and images, packed.
        tau: temperature, multiplies the standard deviation of the latents.
        seed: of the latents, 0 to 2^29.
    """

    front_end = "super_resolution_explorer"

    scene = shared(Scene("dequantised", "flow", "low", "photo", "shrink"))
    tau = shared(Number(0.8, min=0.0, max=10.0))
    seed = shared(Whole(1, min=0, max=2**29))

    @classmethod
    def of(cls, model: SRFlow, photo: Tensor, low: Tensor, **state) -> SuperResolutionExplorer:
        """The explorer of a model and a crop, some 50 pixels wide: the page grows by about 2 MB and a move
        takes a tenth of a second.

        Args:
            model: with bounded scales.
            photo: (1, 3, H, H) in [0, 1], H a multiple of 2^levels.
            low: its small version, (1, 3, H/scale, H/scale).
            state: ``tau`` and ``seed``.
        """
        check_sizes(model.config, photo=photo, low=low)
        if len(photo) != 1 or photo.shape[2] != photo.shape[3]:
            raise ValueError(f"photo must be one square image, (1, 3, H, H), got {tuple(photo.shape)}")
        side = photo.shape[2]
        with torch.no_grad():
            known = model.prepare(low)
        scene = {
            "flow": flow_export.export(cast("ConditionalFlow", model.flow.transform), known),
            "photo": flow_export.pack(photo[0]),
            "low": flow_export.pack(low[0]),
            "shrink": flow_export.pack(
                resize(torch.eye(side, dtype=torch.float64), size=(side, low.shape[3])).T
            ),
            "dequantised": model.config.dequantised,
        }
        return cls(scene=scene, **state)

    def _samples(self) -> tuple[Tensor, Tensor]:
        """Decoded images, before and after clipping: (SAMPLES, 3, H, H), float64."""
        flow, known = flow_export.rebuild(self.scene["flow"])
        draws = [flow_export.noise(flow, known, SAMPLES * self.seed + i) for i in range(SAMPLES)]
        values, _ = flow.inverse(tuple(self.tau * torch.cat(level) for level in zip(*draws)), known)
        values = (256 * values - 0.5) / 255 if self.scene["dequantised"] else values
        return values, values.clamp(0, 1)

    def readouts(self) -> dict[str, float]:
        values, samples = self._samples()
        photo, low, shrink = (flow_export.unpack(self.scene[name]) for name in ("photo", "low", "shrink"))
        shrunk = shrink @ samples @ shrink.T
        return {
            "psnr": psnr(samples, photo.expand_as(samples)).mean().item(),
            "psnr_mean": psnr(samples.mean(0, keepdim=True), photo[None]).item(),
            "psnr_low": -10 * (shrunk - low).square().flatten(1).mean(1).log10().mean().item(),
            "diversity": diversity(samples[:, None]).item(),
            "outside": ((values < 0) | (values > 1)).double().mean().item(),
        }

    def summary(self) -> str:
        shown = self.readouts()
        return (
            f"The low-resolution image x, the photo, and {SAMPLES} samples at tau = {self.tau:g}, their "
            "mean and how much they differ: by "
            f"{shown['diversity']:.3f} grey levels. PSNR of a sample {shown['psnr']:.3f} dB, of the "
            f"mean {shown['psnr_mean']:.3f} dB; shrunk, a "
            f"sample agrees with x to {shown['psnr_low']:.3f} dB. Of the values, "
            f"{100 * shown['outside']:.1f} percent are outside the range."
        )

    def draw(self, figure) -> None:
        photo, low = (flow_export.unpack(self.scene[name]) for name in ("photo", "low"))
        _, samples = self._samples()
        deviation = (255 * samples.std(0).mean(0, keepdim=True) / WHITE).clamp(0, 1).expand(3, -1, -1)
        tiles = {
            f"x, {low.shape[1]} × {low.shape[2]}": low,
            "the photo y": photo,
            **{f"sample {i + 1}": sample for i, sample in enumerate(samples)},
            f"mean of the {SAMPLES}": samples.mean(0),
            f"deviation, 0 to {WHITE}": deviation,
        }
        for axes, (title, image) in zip(figure.subplots(2, len(tiles) // 2).flat, tiles.items(), strict=True):
            axes.imshow(image.permute(1, 2, 0).numpy(), interpolation="nearest")
            axes.set_title(title, fontsize=8)
            axes.axis("off")
