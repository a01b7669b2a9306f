"""JPEG in a folder: what the header of JPEG files says, and the pixels of all others."""

from __future__ import annotations

import os
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, JpegImagePlugin
from torch import Tensor

from ..images import list_images, read
from ..images.jpeg import JPEG, SUBSAMPLINGS
from .jpeg import JPEGTrace, find_jpeg, quality_of

MOST = 12  # photos of a folder that are looked at: four seconds on one core, where their files are no JPEGs
NEAR = 3  # qualities that count as one


@dataclass(frozen=True)
class FolderTraces:
    """What the photos of a folder, up to twelve spread over it, say about JPEG.

    >>> traces = FolderTraces((JPEGTrace(62, "4:2:0"), JPEGTrace(62, "4:2:0"), JPEGTrace(None, blocks=900)))
    >>> str(traces), traces.stage
    ('JPEG 4:2:0, quality 62 (2 of 3 photos)', JPEG(quality=62, subsampling='4:2:0'))

    Attributes:
        traces: of each photo.
    """

    traces: tuple[JPEGTrace, ...]

    @property
    def counts(self) -> Counter[str]:
        """How many photos say what."""
        return Counter(str(trace) for trace in self.traces)

    @property
    def alike(self) -> tuple[JPEGTrace, ...]:
        """The photos within 3 of the median quality."""
        found = [trace.quality for trace in self.traces if trace.quality is not None]
        if not found:
            return ()
        middle = statistics.median_low(found)
        return tuple(t for t in self.traces if t.quality is not None and abs(t.quality - middle) <= NEAR)

    @property
    def stage(self) -> JPEG | None:
        """The JPEG that more than half of the photos with something to see went through, or None."""
        decided = sum(not trace.undecided for trace in self.traces)
        if 2 * len(self.alike) <= decided or not decided:
            return None
        quality = statistics.median_low([trace.quality for trace in self.alike if trace.quality is not None])
        known = Counter(trace.subsampling for trace in self.alike if trace.subsampling is not None)
        return JPEG(quality, known.most_common(1)[0][0] if known else "4:2:0")

    def __str__(self) -> str:
        if self.stage is None:
            some = sum(trace.quality is not None for trace in self.traces)
            return f"no JPEG in common ({some} of {len(self.traces)} photos)" if some else "no JPEG"
        exact = len({trace.quality for trace in self.alike}) == 1 and all(t.standard for t in self.alike)
        quality = f"quality {'' if exact else 'about '}{self.stage.quality}"
        told = any(trace.subsampling for trace in self.alike)
        kind = f"JPEG {self.stage.subsampling}" if told else "JPEG"
        return f"{kind}, {quality} ({len(self.alike)} of {len(self.traces)} photos)"


def find_jpeg_in_folder(source: str | os.PathLike | Sequence[Tensor] | Sequence[Path]) -> FolderTraces:
    """Look for JPEG in up to twelve photos of a folder.

    Args:
        source: a folder, its files, or images (3, H, W) in [0, 1]. Files that cannot be read are passed over.

    Raises:
        ValueError: no such folder, or no images in it.
    """
    found: Sequence[Any] = list_images(source) if isinstance(source, str | os.PathLike) else source
    chosen = [found[i * len(found) // MOST] for i in range(MOST)] if len(found) > MOST else found
    traces = []
    for photo in chosen:
        try:
            traces.append(find_jpeg(photo) if isinstance(photo, Tensor) else find_jpeg_in_file(photo))
        except ValueError:
            continue
    return FolderTraces(tuple(traces))


def find_jpeg_in_file(file: str | os.PathLike) -> JPEGTrace:
    """What a file that is a JPEG says in its header; of any other what its pixels say
    (:func:`~nflib.noise.find_jpeg`).

    Raises:
        ValueError: it cannot be read as an image.
    """
    try:
        with Image.open(file) as image:
            tables: dict[int, Any] = getattr(image, "quantization", {})
            sampling = JpegImagePlugin.get_sampling(image)
    except (OSError, Image.DecompressionBombError, SyntaxError):
        tables = {}
    if not tables:
        return find_jpeg(read(file))
    quality, standard = quality_of(np.array(tables[min(tables)]))
    subsampling = {number: name for name, number in SUBSAMPLINGS.items()}.get(sampling)
    return JPEGTrace(quality, subsampling, standard=standard)
