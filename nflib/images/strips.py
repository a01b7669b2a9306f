"""Large images strip by strip: what is needed besides the result stays small."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

PIXELS = 2**20  # of a strip, about


def strips(height: int, width: int, *, multiple: int = 1) -> Iterator[slice]:
    """The rows of an image, from top to bottom, in strips of about a megapixel.

    Args:
        height, width: of the image; of a batch, let the width be that of all its images together.
        multiple: of so many rows, but the last one.
    """
    step = max(PIXELS // (width * multiple), 1) * multiple
    for top in range(0, height, step):
        yield slice(top, min(top + step, height))


def around(rows: slice, reach: int, height: int) -> tuple[slice, int, int]:
    """A strip with up to ``reach`` rows more above and below, as far as the image goes, and how many of them
    are missing above and below.
    """
    wider = slice(max(rows.start - reach, 0), min(rows.stop + reach, height))
    return wider, reach - (rows.start - wider.start), reach - (wider.stop - rows.stop)


@dataclass(frozen=True)
class Strips:
    """Images of one size that are made together, strip by strip.

    Attributes:
        height, width: of each.
        parts: (n, 3, rows, width) in [0, 1], from top to bottom.
    """

    height: int
    width: int
    parts: Iterator[Tensor]
