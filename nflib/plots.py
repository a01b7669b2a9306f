"""Figures of more than one chapter: images at whole-number zoom, residuals, histograms with densities.

Every function returns a matplotlib Figure that pyplot does not know: as the last value of a notebook cell it
is shown once. At most 6.5 inches wide, white and opaque (so it can be read on a dark page), in colours that
colour-blind readers tell apart.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["PALETTE", "show_images", "show_law", "show_residual", "style"]

PALETTE = {
    "blue": "#0072B2",
    "vermillion": "#D55E00",
    "green": "#009E73",
    "orange": "#E69F00",
    "sky": "#56B4E9",
    "purple": "#CC79A7",
    "yellow": "#F0E442",
    "black": "#000000",
}
"""Name -> colour, from Okabe and Ito, "Color Universal Design" (2008)."""
# Inches: the widest figure, the narrowest row of images, between images, a line of text.
WIDTH = 6.5
NARROW = 3
GAP = 0.08
LINE = 0.2
DPI = 100


def style() -> None:
    """Make all matplotlib figures of this session look like the book's. Call once at the top of a
    notebook."""
    import matplotlib

    matplotlib.rcParams.update(_settings())


def show_images(
    images: Mapping[str, Tensor] | Sequence[Tensor] | Tensor,
    titles: Sequence[str] | None = None,
    *,
    scale: int = 3,
    columns: int | None = None,
    value_range: tuple[float, float] = (0.0, 1.0),
    note: str | None = None,
) -> Figure:
    """Images in a grid, every pixel a block of ``scale`` x ``scale`` output pixels: nothing is smoothed.

    Args:
        images: (3, H, W) or (1, H, W) tensors, or a batch, or a mapping from titles to such; all of one size.
        titles: one for each; the keys of a mapping by default.
        scale: whole-number zoom.
        columns: images in a row, all of them by default.
        value_range: shown as black and white; values outside are cut. Stated below the images.
        note: replaces the line below the images.
    """
    from matplotlib import pyplot as plt
    from matplotlib.patches import Rectangle

    if isinstance(images, Mapping):
        titles = list(images) if titles is None else titles
    shown = images.values() if isinstance(images, Mapping) else images
    arrays = [_to_array(image, value_range, scale) for image in shown]
    if len({array.shape[:2] for array in arrays}) != 1:
        raise ValueError(
            f"images must be at least one, and of one size, got sizes {[a.shape[:2] for a in arrays]}"
        )
    if titles is not None and len(titles) != len(arrays):
        raise ValueError(f"got {len(titles)} titles for {len(arrays)} images")
    columns = min(columns or len(arrays), len(arrays))
    rows = math.ceil(len(arrays) / columns)
    height, width = arrays[0].shape[:2]

    # All lengths in output pixels, whole numbers, so that an image pixel never falls between two of them. A
    # figure that would be wider than the page gets more pixels per inch instead; whole tens, for notebooks
    # add a tenth of an inch.
    dpi = 10 * math.ceil(max(DPI, columns * width / (WIDTH - GAP * (columns - 1) - 0.01 * columns)) / 10)
    gap, line = math.ceil(GAP * dpi), math.ceil(LINE * dpi)
    head = line if titles is not None else 0
    total = max(columns * width + (columns - 1) * gap, NARROW * dpi), rows * (height + head + gap) + line
    low, high = value_range
    note = note or f"black {low:g}, white {high:g}" + (f", {scale}x" if scale > 1 else "")
    with plt.rc_context(_settings()):
        figure = plt.figure(figsize=(total[0] / dpi, total[1] / dpi), dpi=dpi)
        # Notebooks cut figures to what is drawn, by fractions of a pixel: this rectangle, and nothing else,
        # tells them where.
        figure.add_artist(
            Rectangle((0, 0), 1, 1, transform=figure.transFigure, facecolor="white", linewidth=0, zorder=-1)
        )
        for i, array in enumerate(arrays):
            left = i % columns * (width + gap)
            top = i // columns * (height + head + gap) + head
            axes = figure.add_axes(
                (left / total[0], 1 - (top + height) / total[1], width / total[0], height / total[1])
            )
            axes.imshow(array, cmap="gray", vmin=0, vmax=255, interpolation="none", aspect="auto")
            axes.set_axis_off()
            if titles is not None:
                middle, above = (left + width / 2) / total[0], 1 - (top - 0.25 * line) / total[1]
                figure.text(middle, above, titles[i], fontsize=9, ha="center").set_in_layout(False)
        figure.text(0, 0.25 * line / total[1], note, fontsize=7.5, color="#444444").set_in_layout(False)
        plt.close(figure)
    return figure


def show_residual(
    clean: Tensor,
    degraded: Tensor | Mapping[str, Tensor],
    crop: tuple[int, int, int] | None = None,
    *,
    scale: int = 3,
    span: float | None = None,
) -> Figure:
    """For every degraded image a row: the clean image, the degraded one and their difference, all on one
    scale.

    Args:
        clean: (3, H, W) in [0, 1].
        degraded: an image of that size, or a mapping from titles to such.
        crop: (top, left, size) of a square to show; everything by default.
        scale: whole-number zoom.
        span: difference (image range) shown as white, its negative as black, none as grey. By default what
            99.9 % of all differences stay below, in whole grey levels.
    """
    rows = degraded if isinstance(degraded, Mapping) else {"degraded": degraded}
    for name, image in rows.items():
        if image.shape != clean.shape:
            raise ValueError(
                f"{name} must have the shape of clean, {tuple(clean.shape)}, got {tuple(image.shape)}"
            )
    top, left, height, width = (0, 0, *clean.shape[1:]) if crop is None else (*crop, crop[2])
    if not (0 <= top <= clean.shape[1] - height and 0 <= left <= clean.shape[2] - width and height > 0):
        raise ValueError(f"crop (top, left, size) must lie inside {tuple(clean.shape[1:])}, got {crop}")
    window = (slice(None), slice(top, top + height), slice(left, left + width))
    differences = {name: (image - clean)[window] for name, image in rows.items()}
    if span is None:
        sizes = np.concatenate([d.detach().cpu().abs().flatten().numpy() for d in differences.values()])
        span = max(1, math.ceil(np.quantile(sizes, 0.999) * 255)) / 255
    images, titles = [], []
    for name, image in rows.items():
        images += [clean[window], image[window], (differences[name] / span + 1) / 2]
        titles += ["clean", name, f"{name} - clean"]
    note = (
        f"images: black 0, white 1; difference: black {-span * 255:.3g}, white {span * 255:+.3g} "
        f"grey levels; {scale}x"
    )
    return show_images(images, titles, scale=scale, columns=3, note=note)


def show_law(deviation: Tensor, correlation: Tensor, interval: Tensor | None = None) -> Figure:
    """The law of a noise: how strong it is by value, with 95 % bands, and how pixels go with their
    neighbours.

    Args:
        deviation: of red, green and blue at even knots of [0, 1], (3, knots), in units of the image range.
        correlation: of a pixel with those around it, (2 lags + 1, 2 lags + 1), as
            ``law.correlation(6).diagonal().mean(-1)`` of a :class:`~nflib.models.NoiseLaw`.
        interval: lowest and highest deviations, (2, 3, knots).
    """
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_settings()):
        figure = Figure(figsize=(WIDTH, 2.7), layout="constrained")
        curves, around = figure.subplots(1, 2, width_ratios=(1.25, 1))
        values = np.linspace(0, 1, deviation.shape[1])
        for c, (name, colour) in enumerate(zip(("red", "green", "blue"), ("vermillion", "green", "blue"))):
            curves.plot(values, 255 * deviation[c].cpu().numpy(), color=PALETTE[colour], label=name)
            if interval is not None:
                low, high = 255 * interval[:, c].cpu().numpy()
                curves.fill_between(values, low, high, color=PALETTE[colour], alpha=0.15, lw=0)
        curves.set(xlabel="value (black 0, white 1)", ylabel="noise, grey levels", xlim=(0, 1))
        curves.set_ylim(bottom=0)
        curves.legend()
        lags = len(correlation) // 2
        shown = around.imshow(
            correlation.cpu().numpy(),
            cmap="RdBu_r",
            vmin=-1,
            vmax=1,
            extent=(-lags - 0.5, lags + 0.5, lags + 0.5, -lags - 0.5),
        )
        around.set(xlabel="pixels to the right", ylabel="pixels down")
        figure.colorbar(shown, ax=around, label="correlation")
    return figure


def _settings() -> dict:
    from cycler import cycler

    return {
        "figure.figsize": (WIDTH, 3.0),
        "figure.dpi": DPI,
        "figure.facecolor": "white",
        "savefig.facecolor": "white",
        "axes.facecolor": "white",
        "axes.prop_cycle": cycler(color=list(PALETTE.values())),
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "grid.color": "#E4E4E4",
        "lines.linewidth": 1.8,
        "font.size": 10,
        "axes.titlesize": 10,
        "legend.frameon": False,
        "image.cmap": "gray",
    }


def _to_array(image: Tensor, value_range: tuple[float, float], scale: int) -> np.ndarray:
    """(C, H, W) -> uint8 (H * scale, W * scale) or (..., 3)."""
    if image.dim() != 3 or image.shape[0] not in (1, 3) or 0 in image.shape:
        raise ValueError(f"images must be (3, H, W) or (1, H, W), got shape {tuple(image.shape)}")
    if scale != int(scale) or scale < 1:
        raise ValueError(f"scale must be a whole number, at least 1, got {scale}")
    low, high = value_range
    if not low < high:
        raise ValueError(f"value_range must be two rising numbers, got {value_range}")
    pixels = (
        ((image.detach().cpu().double() - low) / (high - low)).clamp(0, 1).mul(255).round().to(torch.uint8)
    )
    array = pixels.permute(1, 2, 0).numpy().repeat(int(scale), 0).repeat(int(scale), 1)
    return array[..., 0] if array.shape[-1] == 1 else array
