"""Channel statistics of folders, and bringing one domain's colours to those of the other."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from ..images import list_images, read
from ..images.colours import ChannelStatistics
from .folders import Source


def channel_statistics(source: Source) -> ChannelStatistics:
    """Channel statistics of a folder of photos, read one at a time, of files, or of images (3, H,
    W) in [0, 1]. Unreadable files are logged.

    Raises:
        ValueError: nothing can be read.
    """
    photos: Sequence[Any] = list_images(source) if isinstance(source, (str, os.PathLike)) else source
    parts = []
    for photo in photos:
        if isinstance(photo, Tensor):
            parts.append(ChannelStatistics.of_image(photo))
            continue
        try:
            parts.append(ChannelStatistics.of_image(read(photo)))
        except ValueError as error:
            logging.getLogger(__name__).warning("skipped %s", error)
    if photos and not parts:
        raise ValueError(f"{source}: none of {len(photos)} images can be read")
    return ChannelStatistics.pooled(parts)
