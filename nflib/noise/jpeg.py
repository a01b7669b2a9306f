"""Whether a photo went through JPEG, found in its pixels: quality, chroma subsampling, place of the blocks.

In a decoded JPEG the DCT coefficients of every block lie near multiples of their quantisation steps, off by
the rounding of pixels to 8 bits (deviation .35 grey levels in brightness). For a coefficient c, a step s
and r = c less the nearest multiple of s, the evidence is the log-likelihood ratio ``log s p(r)``, p the
density of that rounding, against an r that lies anywhere. Coefficients whose nearest multiple is zero give
no evidence for a step, for smooth places have such without any JPEG. Of a photo that was never a JPEG the
sum is negative. A chance pattern, such as a gradient, has as much of it with blocks that begin elsewhere, so
what counts is the margin over the 63 other offsets.
"""

from __future__ import annotations

import functools
import itertools
import math
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from ..images.jpeg import JPEG

# The tables of annex K of ITU-T T.81, for brightness and for colour, row by row.
LUMA = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ]
)
CHROMA = np.full((8, 8), 99)
CHROMA[:4, :4] = [[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]]
# Evidence in nats that the best offset must have beyond all others, and how many times theirs. Of 592
# pictures that were no JPEGs (Kodak 1 to 24 as they are, noisy, saturated, dark, posterised, repeated, cut
# to 8 to 64 pixels, or resized from a JPEG; gradients, checks, text) none had more than 6.
MARGIN, TIMES = 50.0, 2.0
# Evidence that one chroma subsampling must have beyond the others, and by block: where steps are as small as
# the rounding of colours the right one may have a little less than nothing, wrong ones -1 and below.
CHROMA_MARGIN, LEAST_OF_COLOUR = 20.0, -0.5
# Evidence, for each coefficient that is not zero, that may be missing beside what rounding leaves: noise
# after JPEG takes it away, one grey level about 1, two from 2 to 9.
LOST = 1.4
# A table is the standard one if it has so much of the evidence that steps of any size have.
STANDARD = 0.75
TIE = 1e-3  # share of the evidence by which two qualities of a smooth photo may differ by chance
FEW_BLOCKS = 16  # with less nothing is said
STEPS = 255
# Nats that the step of one frequency costs where a table of steps is looked for that no quality has.
COST = np.log(STEPS)
# Deviation of a coefficient from its multiple, in grey levels, and how often it is that: rounding moves the
# pixels of a detailed block one by one, those of a flat one together.
ROUNDING = ((0.4, 0.8), (1.0, 0.18))
ROUNDING_OF_COLOUR, ROUNDING_OF_MEAN = ((0.55, 0.7), (1.1, 0.28)), ((0.55, 0.4), (2.7, 0.58))
OUTLIERS = 0.02
BIN, REACH = 0.25, 512.0  # histograms of coefficients, in grey levels
# Blocks are looked at in the most detailed tiles of so many pixels: a multiple of 16, where the blocks of
# subsampled colours lie.
TILE, MOST_TILES = 80, 400
FOR_OFFSET, FOR_QUALITY = 12, 32  # tiles
LOW = np.flatnonzero(np.add.outer(np.arange(8), np.arange(8)).ravel() <= 6)[1:]  # not the mean, 27 others


@dataclass(frozen=True)
class JPEGTrace:
    """What the pixels, or the header, of one photo say about JPEG.

    >>> import torch
    >>> from nflib.data import photos
    >>> from nflib.images.jpeg import JPEG
    >>> decoded = JPEG(62, "4:4:4")(photos()["coffee"])
    >>> str(find_jpeg(decoded[:, 3:, 5:]))
    'JPEG 4:4:4, quality 62, blocks from row 5 and column 3'

    Attributes:
        quality: the quality, or the nearest one where the table is another; None: no JPEG is seen.
        subsampling: "4:4:4", "4:2:2" or "4:2:0"; None where the colours do not tell, as in grey photos.
        offset: row and column of the first whole block, 0 to 7.
        standard: the table is the one that the quality stands for.
        margin: evidence in nats beyond every other offset; 50 and more is a JPEG. NaN of a header.
        blocks: how many were looked at; with less than 16 nothing can be said. 0 of a header.
    """

    quality: int | None
    subsampling: str | None = None
    offset: tuple[int, int] = (0, 0)
    standard: bool = True
    margin: float = float("nan")
    blocks: int = 0

    @property
    def undecided(self) -> bool:
        """There was too little to look at."""
        return self.quality is None and self.blocks < FEW_BLOCKS

    @property
    def stage(self) -> JPEG | None:
        """The like as a stage, with 4:2:0, which is usual, where the subsampling is not known."""
        return None if self.quality is None else JPEG(self.quality, self.subsampling or "4:2:0")

    def __str__(self) -> str:
        if self.quality is None:
            return "too small to tell" if self.undecided else "no JPEG"
        kind = "JPEG" if self.subsampling is None else f"JPEG {self.subsampling}"
        quality = f"quality {self.quality}" if self.standard else f"nearly quality {self.quality}, own table"
        top, left = self.offset
        where = f", blocks from row {top} and column {left}" if self.offset != (0, 0) else ""
        return f"{kind}, {quality}{where}"


def find_jpeg(image: Tensor) -> JPEGTrace:
    """Look for JPEG as the last thing that happened to a photo, apart from cropping.

    A bounded number of blocks is looked at: about a third of a second, whatever the size of the photo.
    Where a smooth photo shows only steps that two qualities share, a multiple of five goes first. Quality 100
    has steps of 1, which rounding nearly hides: it may not be seen. Of a photo that was a JPEG twice with
    blocks at the same place, the coarser one may be found. Resizing takes the traces away, and so do two grey
    levels of noise after JPEG.

    Args:
        image: (3, H, W) in [0, 1], of any size.

    Raises:
        ValueError: it has another shape.
    """
    if image.dim() != 3 or image.shape[0] != 3:
        raise ValueError(f"image must be (3, H, W), got {tuple(image.shape)}")
    tiles = _tiles(image)
    coarse = _search(tiles[:FOR_OFFSET])
    if coarse is None:
        return JPEGTrace(None, margin=0.0, blocks=0)
    offset, margin, blocks = coarse
    if margin < MARGIN or blocks < FEW_BLOCKS:
        return JPEGTrace(None, margin=margin, blocks=blocks)
    corner = (offset // 8, offset % 8)
    counts, blocks = _counts([_luma(tile) for tile in tiles], corner, [_unclipped(tile) for tile in tiles])
    counts = counts[1:]  # without the mean, which rounding moves where colours are flat
    evidence = counts @ _ratios(ROUNDING).T
    best, own = evidence.max(1) - COST, evidence.argmax(1) + 1
    known = best > 0
    of_quality = evidence[np.arange(63), _tables()[0][:, 1:] - 1].sum(1)
    standard = bool(of_quality.max() >= STANDARD * best[known].sum())
    quality = _likeliest(of_quality)
    steps = _tables()[0][quality - 1, 1:] if standard else own
    gained, possible, coefficients = (
        np.take_along_axis(counts @ of_step.T, steps[:, None] - 1, 1)[known].sum()
        for of_step in (_ratios(ROUNDING), *_possible())
    )
    if gained < possible - LOST * coefficients:
        return JPEGTrace(None, margin=margin, blocks=blocks)
    if not standard:
        away = np.abs(np.log(own / _tables()[0][:, 1:])) * np.where(known, best, 0)
        quality = int(away.sum(1).argmin()) + 1
    return JPEGTrace(
        quality, _subsampling(tiles, corner, quality if standard else None), corner, standard, margin, blocks
    )


def _likeliest(of_quality: np.ndarray) -> int:
    """The quality with most evidence; where the steps that can be seen are nearly the same at a multiple of
    five, which people choose, that one.
    """
    best = of_quality.max()
    alike = np.flatnonzero(of_quality >= best - TIE * abs(best)) + 1
    fives = alike[alike % 5 == 0]
    return int(fives[0]) if len(fives) else int(of_quality.argmax()) + 1


def quality_of(table: np.ndarray | list[int]) -> tuple[int, bool]:
    """The quality whose table for brightness is nearest, by the mean ratio of steps, and whether it is equal.

    Args:
        table: 64 steps, row by row.
    """
    tables, steps = _tables()[0], np.asarray(table).ravel()
    quality = int(np.abs(np.log(steps / tables)).sum(1).argmin()) + 1
    return quality, bool((tables[quality - 1] == steps).all())


@functools.cache
def _tables() -> tuple[np.ndarray, np.ndarray]:
    """Steps of brightness and of colour at every quality, (100, 64) each, as libjpeg scales them."""
    scale = np.array([5000 // q if q < 50 else 200 - 2 * q for q in range(1, 101)])[:, None]
    luma, chroma = (np.clip((base.ravel() * scale + 50) // 100, 1, STEPS) for base in (LUMA, CHROMA))
    return luma, chroma


@functools.cache
def _ratios(rounding: tuple[tuple[float, float], ...]) -> np.ndarray:
    """Evidence for each step by size of a coefficient, (255, bins), float32."""
    away, step, multiple = _multiples()
    density = np.full(away.shape, OUTLIERS / step)
    for deviation, share in rounding:
        for k in range(-8, 9):  # where steps are small the neighbours reach over
            density += (
                share * np.exp(-(((away + k * step) / deviation) ** 2) / 2) / (np.sqrt(2 * np.pi) * deviation)
            )
    ratio = np.log(density * step)
    return np.where(multiple == 0, np.minimum(ratio, 0), ratio).astype(np.float32)


@functools.cache
def _possible() -> tuple[np.ndarray, np.ndarray]:
    """The evidence that is to be expected of a coefficient that is rounded to 8 bits and nothing else, and
    whether it gives any, by step and size as :func:`_ratios`.
    """
    _, step, multiple = _multiples()
    deviation, share = ROUNDING[0]
    expected = np.log(share * step / (deviation * np.sqrt(2 * np.pi))) - 0.5 * (0.35 / deviation) ** 2
    some = (multiple != 0).astype(np.float32)
    return some * np.maximum(expected, 0).astype(np.float32), some


def _multiples() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How far every size of a coefficient (columns) is from a multiple of every step (rows).

    Returns:
        The distance to the nearest multiple, the step, and which multiple it is.
    """
    size = np.arange(round(REACH / BIN)) * BIN
    step = np.arange(1.0, STEPS + 1)[:, None]
    multiple = np.round(size / step)
    return size - multiple * step, step, multiple


@functools.cache
def _transform() -> np.ndarray:
    """A flat 8x8 block times this is its flat DCT, orthonormal (64, 64)."""
    k, x = np.arange(8)[:, None], np.arange(8)
    rows = np.cos(np.pi * (2 * x + 1) * k / 16) * np.where(k == 0, np.sqrt(1 / 8), 0.5)
    return np.kron(rows, rows).T.astype(np.float32)


def _tiles(image: Tensor) -> list[np.ndarray]:
    """Pieces (h, w, 3) of the photo in grey levels, those with most detail that is not clipped first."""
    height, width = image.shape[1:]
    corners = [
        (top, left)
        for top in range(0, max(height - TILE, 0) + 1, TILE)
        for left in range(0, max(width - TILE, 0) + 1, TILE)
    ]
    few = corners[:: -(-len(corners) // MOST_TILES)]
    pieces = [
        (image[:, top : top + TILE, left : left + TILE].float() * 255).round().permute(1, 2, 0).cpu().numpy()
        for top, left in few
    ]
    detail = [
        np.abs(np.diff(piece[..., 1], axis=1)).sum() * _unclipped(piece).mean() if piece.shape[1] > 1 else 0.0
        for piece in pieces
    ]
    return [pieces[i] for i in np.argsort(-np.array(detail), kind="stable")[:FOR_QUALITY]]


def _unclipped(tile: np.ndarray) -> np.ndarray:
    """Where no colour is black or white: what is clipped lies on no multiple."""
    return np.asarray(((tile > 0) & (tile < 255)).all(-1))


def _luma(tile: np.ndarray) -> np.ndarray:
    return tile @ np.array([0.299, 0.587, 0.114], np.float32) - 128


def _chroma(tile: np.ndarray) -> list[np.ndarray]:
    weights = np.array([[-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32)
    return [tile @ of_difference for of_difference in weights]


def _counts(
    planes: list[np.ndarray],
    corner: tuple[int, int],
    usable: list[np.ndarray],
    frequencies: np.ndarray | slice = slice(None),
) -> tuple[np.ndarray, int]:
    """Histograms of the sizes of DCT coefficients in the usable blocks, (frequencies, bins); and how many
    blocks there are.
    """
    blocks = np.concatenate(
        [_blocks(plane, corner)[_blocks(where, corner).all(1)] for plane, where in zip(planes, usable)]
    )
    coefficients = blocks @ _transform()[:, frequencies]
    bins = round(REACH / BIN)
    numbers = np.rint(np.abs(coefficients) / BIN).astype(np.int64)
    numbers = np.where(numbers < bins, numbers, 0)  # out of reach: no evidence
    rows = coefficients.shape[1]
    flat = np.bincount((numbers + np.arange(rows) * bins).ravel(), minlength=rows * bins)
    return flat.reshape(rows, bins).astype(np.float32), len(coefficients)


def _blocks(plane: np.ndarray, corner: tuple[int, int]) -> np.ndarray:
    """Whole 8x8 blocks from a corner on, (N, 64)."""
    top, left = corner
    rows, columns = (max(side - start, 0) // 8 for side, start in zip(plane.shape, corner))
    cut = plane[top : top + 8 * rows, left : left + 8 * columns]
    return cut.reshape(rows, 8, columns, 8).swapaxes(1, 2).reshape(rows * columns, 64)


def _search(tiles: list[np.ndarray]) -> tuple[int, float, int] | None:
    """The offset with most evidence, its margin, and how many blocks were looked at. A table that some
    quality stands for comes first: offsets half a block away have many multiples of half a step.
    """
    planes, usable = [_luma(tile) for tile in tiles], [_unclipped(tile) for tile in tiles]
    counted = [_counts(planes, divmod(offset, 8), usable, LOW) for offset in range(64)]
    blocks = min(number for _, number in counted)
    if not blocks:
        return None
    counts = np.concatenate([count for count, _ in counted])
    evidence = (counts @ _ratios(ROUNDING).T).reshape(64, len(LOW), STEPS)
    tables = _tables()[0][:, LOW]
    standard = evidence[:, np.arange(len(LOW)), tables - 1].sum(2).max(1)
    own = np.maximum(evidence.max(2) - COST, 0).sum(1)
    margins = []
    for of_offset in (standard, own):
        offset = int(of_offset.argmax())
        best, others = float(of_offset[offset]), float(max(np.delete(of_offset, offset).max(), 0))
        margins.append((offset, best - others if best > TIMES * others else 0.0, blocks))
    return next((found for found in margins if found[1] >= MARGIN), margins[0])


def _subsampling(tiles: list[np.ndarray], corner: tuple[int, int], quality: int | None) -> str | None:
    """The chroma subsampling whose samples show the steps of a quality best, or any steps where the table is
    no quality's; None if none does.
    """
    evidence, fewest = {}, math.inf
    for name, (down, across) in {"4:4:4": (1, 1), "4:2:2": (1, 2), "4:2:0": (2, 2)}.items():
        planes = [_shrunk(plane, corner, down, across) for tile in tiles for plane in _chroma(tile)]
        usable = [_shrunk(_unclipped(tile), corner, down, across) == 1 for tile in tiles for _ in range(2)]
        tops, lefts = (
            [start] if step == 1 else [start // 2, start // 2 + 4]
            for start, step in zip(corner, (down, across))
        )
        # by block, for a subsampled plane has fewer of them, and what is flat fits all three
        counts = [_counts(planes, start, usable) for start in itertools.product(tops, lefts)]
        evidence[name] = max(_colour_evidence(count, quality) / max(blocks, 1) for count, blocks in counts)
        fewest = min(fewest, *(blocks for _, blocks in counts))
    second, best = sorted(evidence.values())[1:]
    if fewest * (best - second) < CHROMA_MARGIN or best < LEAST_OF_COLOUR:
        return None
    return max(evidence, key=lambda name: evidence[name])


def _colour_evidence(counts: np.ndarray, quality: int | None) -> float:
    evidence = counts @ _ratios(ROUNDING_OF_COLOUR).T
    evidence[0] = _ratios(ROUNDING_OF_MEAN) @ counts[0]
    if quality is None:
        return float(np.maximum(evidence.max(1) - COST, 0).sum())
    return float(evidence[np.arange(64), _tables()[1][quality - 1] - 1].sum())


def _shrunk(plane: np.ndarray, corner: tuple[int, int], down: int, across: int) -> np.ndarray:
    """The chroma samples that a decoder made a plane of.

    libjpeg makes two of a sample, 3/4 of it and 1/4 of the neighbour on that side. Of x0 and x1, with the
    outer neighbours x- and x+, the sample is ``(-x- + 3 x0 + 3 x1 - x+) / 4``.
    """
    plane = plane.astype(np.float32)
    if down == 2:
        plane = _halved(plane[corner[0] % 2 :])
    return _halved(plane[:, corner[1] % 2 :].T).T if across == 2 else plane


def _halved(rows: np.ndarray) -> np.ndarray:
    """Half as many rows; the first and the last from a neighbour that is repeated."""
    rows = rows[: len(rows) // 2 * 2]
    padded = np.pad(rows, ((1, 1), (0, 0)), mode="edge")
    before, first, second, after = (padded[i : i + len(rows) : 2] for i in range(4))
    return (3 * (first + second) - before - after) / 4
