"""Large images strip by strip: what is needed besides the result stays small."""

from __future__ import annotations

from collections.abc import Iterator

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
