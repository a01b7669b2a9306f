"""Channel statistics of folders, and bringing one domain's colours to those of the other."""

from __future__ import annotations

import logging
import os

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
    photos = list_images(source) if isinstance(source, (str, os.PathLike)) else list(source)
    parts = []
    for photo in photos:
        try:
            parts.append(ChannelStatistics.of_image(photo if isinstance(photo, Tensor) else read(photo)))
        except ValueError as error:
            if isinstance(photo, Tensor):
                raise
            logging.getLogger(__name__).warning("skipped %s", error)
    if not parts:
        raise ValueError(f"{source}: none of {len(photos)} images can be read")
    return ChannelStatistics.pooled(parts)
