"""The last thing that happened to degraded photos, where it is known: JPEG. Trainings compare the clean side
after the same stage, and what they learn is put before it.
"""

from __future__ import annotations

import logging

from ..data.folders import Source
from ..images.jpeg import JPEG, parse_stage
from ..noise.jpeg_files import NEAR, find_jpeg_in_folder


def known_stage(text: str, clean: Source, degraded: Source) -> JPEG | None:
    """The JPEG stage that degraded photos went through last, and clean ones did not, or None.

    Args:
        text: "auto" looks at up to twelve photos of each side (:func:`nflib.noise.find_jpeg_in_folder`);
            "none", or a stage such as "jpeg:62" or "jpeg:62:444" (:func:`nflib.images.parse_stage`), says it.
        clean, degraded: folders, or images (3, H, W) in [0, 1]. Looked at for "auto" only.

    Raises:
        ValueError: the text is none of these, or a folder has no images.
    """
    if text != "auto":
        return parse_stage(text)
    stage = find_jpeg_in_folder(degraded).stage
    if stage is not None:
        before = find_jpeg_in_folder(clean).stage
        if before is not None and abs(before.quality - stage.quality) <= NEAR:
            stage = None  # it is on both sides, and no part of what makes them differ
    logging.getLogger(__name__).info("last stage: %s", stage or "none")
    return stage
