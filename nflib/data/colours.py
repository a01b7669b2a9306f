"""Channel statistics of folders, and bringing one domain's colours to those of the other."""

from __future__ import annotations

import logging
import os

from ..images import list_images, read
from ..images.colours import ChannelStatistics
from .folders import Source


def channel_statistics(source: Source) -> ChannelStatistics:
    """Channel statistics of a folder of photos, read one at a time, or of images (3, H, W) in [0, 1].
    Unreadable files are logged.

    Raises:
        ValueError: nothing can be read.
    """
    if not isinstance(source, (str, os.PathLike)):
        return ChannelStatistics.pooled(map(ChannelStatistics.of_image, source))
    parts, files = [], list_images(source)
    for file in files:
        try:
            parts.append(ChannelStatistics.of_image(read(file)))
        except ValueError as error:
            logging.getLogger(__name__).warning("skipped %s", error)
    if not parts:
        raise ValueError(f"{source}: none of {len(files)} images can be read")
    return ChannelStatistics.pooled(parts)
