"""What can be seen of the photos of a folder without knowing what they are for."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch.nn.functional import adaptive_avg_pool2d, avg_pool2d, conv2d, max_pool2d

from .. import units
from ..data import ChannelStatistics
from ..images import empty_share, list_images, read, read_picture
from ..images.strips import strips

THUMBNAIL = 16
# Correlation of the thumbnails of two photos that probably show the same scene: other scenes stayed below
# 0.90 (8,777 pairs of photos), a photo and its half-size, noisy or compressed version above 0.98.
SAME_SCENE = 0.95
FLOOR_SIDE, FLOOR_BLOCK = 1024, 8  # in pixels: where noise is looked for, and what is flat or not
FLAT = 2 / 255  # deviation of a thumbnail below which there is nothing to compare


class PhotoFacts(NamedTuple):
    """One photo.

    >>> from nflib.data import PHOTOS
    >>> facts = photo_facts(PHOTOS[5].path)
    >>> facts.kind, facts.height, facts.width, facts.grey
    ('PNG RGB', 300, 451, False)

    Attributes:
        file: where it is.
        kind: format and mode as stored, such as "PNG RGB".
        height, width: in pixels, upright.
        grey: red, green and blue are equal everywhere.
        deep: it has levels between those of 8 bits.
        low, high: smallest and largest value, in units of the image range.
        digest: equal for equal pixels only.
        thumbnail: 16x16 brightnesses, less their mean, of unit length; None if it is flat.
        statistics: of the channels.
        floor: deviation of the noise in the flattest places, content included, in units of the image range.
        saturated: share of the pixels in parts that are black or white in a channel.
        constant: share of those in other parts that are constant.
    """

    file: Path
    kind: str
    height: int
    width: int
    grey: bool
    deep: bool
    low: float
    high: float
    digest: str
    thumbnail: np.ndarray | None
    statistics: ChannelStatistics
    floor: float
    saturated: float = 0.0
    constant: float = 0.0


@dataclass(frozen=True)
class FolderFacts:
    """The photos of a folder and, one line each, the files that cannot be read.

    >>> from nflib.data import PHOTOS
    >>> facts = FolderFacts(Path("photos"), (photo_facts(PHOTOS[5].path),), skipped=())
    >>> dict(facts.kinds), round(facts.side)
    ({'PNG RGB': 1}, 368)
    """

    folder: Path
    photos: tuple[PhotoFacts, ...]
    skipped: tuple[str, ...]

    @property
    def statistics(self) -> ChannelStatistics:
        """Statistics of all pixels."""
        return ChannelStatistics.pooled(photo.statistics for photo in self.photos)

    @property
    def kinds(self) -> Counter:
        """How many of each kind."""
        return Counter(photo.kind for photo in self.photos)

    @property
    def side(self) -> float:
        """Median over photos of the square root of height times width, in pixels."""
        return float(np.median([np.sqrt(photo.height * photo.width) for photo in self.photos]))


def folder_facts(folder: str | Path) -> FolderFacts:
    """Look at every photo of a folder, one at a time.

    Raises:
        ValueError: there are none, or none can be read.
    """
    files, photos, skipped = list_images(folder), [], []
    for file in units.progress(files, Path(folder).name):
        try:
            photos.append(photo_facts(file))
        except ValueError as error:
            skipped.append(str(error))
    if not photos:
        raise ValueError(f"{folder}: none of {len(files)} images can be read; the first: {skipped[0]}")
    return FolderFacts(Path(folder), tuple(photos), tuple(skipped))


def photo_facts(file: Path) -> PhotoFacts:
    image = read(file)
    height, width = image.shape[1:]
    pixels, grey, deep = hashlib.sha256(repr(tuple(image.shape)).encode()), True, False
    for rows in strips(height, width):
        levels = (image[:, rows] * 65535).round()
        pixels.update(levels.transpose(0, 1).numpy().astype(np.uint16).tobytes())  # row by row
        grey = grey and bool((levels == levels[:1]).all())
        deep = deep or bool((levels % 257 != 0).any())
    saturated, constant = empty_share(image)
    return PhotoFacts(
        file,
        _kind(file),
        height,
        width,
        grey=grey,
        # over white, transparent parts have colours between those of 8 bits
        deep=deep and read_picture(file).bits > 8,
        low=image.min().item(),
        high=image.max().item(),
        digest=pixels.hexdigest(),
        thumbnail=_thumbnail(image),
        statistics=ChannelStatistics.of_image(image),
        floor=_floor(image),
        saturated=saturated,
        constant=constant,
    )


def same_pixels(photos: Sequence[PhotoFacts]) -> list[list[PhotoFacts]]:
    """Groups of photos that are equal pixel by pixel."""
    groups: dict[str, list[PhotoFacts]] = {}
    for photo in photos:
        groups.setdefault(photo.digest, []).append(photo)
    return [group for group in groups.values() if len(group) > 1]


def same_scene(
    photos: Sequence[PhotoFacts], others: Sequence[PhotoFacts]
) -> list[tuple[PhotoFacts, PhotoFacts]]:
    """Pairs that look alike at 16x16 pixels, whatever their size and noise. It errs where there is little to
    see.
    """
    photos, others = ([photo for photo in side if photo.thumbnail is not None] for side in (photos, others))
    if not photos or not others:
        return []
    thumbnails = np.stack([other.thumbnail for other in others if other.thumbnail is not None])
    pairs = []
    for photo in photos:  # row by row: the matrix of all pairs may be large
        pairs += [(photo, others[i]) for i in np.flatnonzero(thumbnails @ photo.thumbnail > SAME_SCENE)]
    return pairs


def _kind(file: Path) -> str:
    try:
        with Image.open(file) as image:
            lossy = image.format == "WEBP" and _is_lossy_webp(file)
            return f"{image.format}{' lossy' if lossy else ''} {image.mode}"
    except Image.UnidentifiedImageError:  # float RGB TIFF and the like
        return file.suffix[1:].upper()


def _thumbnail(image) -> np.ndarray | None:
    small = adaptive_avg_pool2d(image.mean(0)[None], THUMBNAIL).flatten().double().numpy()
    small = small - small.mean()
    return None if small.std() < FLAT else (small / np.linalg.norm(small)).astype(np.float32)


def _is_lossy_webp(file: Path) -> bool:
    """Whether a WebP file has a VP8 chunk, which is lossy, and not VP8L, which is not."""
    with file.open("rb") as opened:
        return b"VP8 " in opened.read(4096)


def _floor(image: torch.Tensor) -> float:
    """What a tenth of the blocks stay below: deviation of second differences, which leave white noise its
    strength; at full, half and quarter size, for correlated noise shows in the smaller ones.
    """
    side = [
        slice(max(0, (n - FLOOR_SIDE) // 2), max(0, (n - FLOOR_SIDE) // 2) + FLOOR_SIDE)
        for n in image.shape[1:]
    ]
    piece, highest = image[None, :, side[0], side[1]].float(), 0.0
    difference = torch.tensor([1.0, -2.0, 1.0])
    kernel = (difference[:, None] * difference / 6)[None, None]
    for _ in range(3):
        if min(piece.shape[2:]) < FLOOR_BLOCK + 2:
            break
        fine = conv2d(piece.transpose(0, 1), kernel).square()
        clipped = max_pool2d(((piece <= 0) | (piece >= 1)).float().transpose(0, 1), 3, 1)
        blocks, lost = (avg_pool2d(x, FLOOR_BLOCK).mean(0).flatten() for x in (fine, clipped))
        usable = blocks[lost == 0]
        if len(usable):
            highest = max(highest, usable.quantile(0.1).sqrt().item())
        piece = avg_pool2d(piece, 2)
    return highest
