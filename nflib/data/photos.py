"""Seven colour photos that lie inside the scikit-image and scikit-learn packages. Nothing is ever downloaded.

No two roles share a scene: "clean" and "degraded" are for training without pairs, "validation" for scoring
with pairs.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from ..images import read

ROLES = ("clean", "degraded", "validation")
FOLDERS = {"scikit-image": ("skimage", "data"), "scikit-learn": ("sklearn", "datasets/images")}


@dataclass(frozen=True)
class Photo:
    """A photo with its attribution.

    >>> photo = PHOTOS[5]
    >>> photo.name, photo.role, photo.load().shape
    ('chelsea', 'validation', torch.Size([3, 300, 451]))

    Attributes:
        name: short name, as :func:`photos` calls it.
        role: "clean", "degraded" (to be degraded; the original is not shown to a method) or "validation".
        licence: as the package states it.
        author: who took it.
        source: where it comes from.
        package: the package it lies in.
        file: its file name there.
    """

    name: str
    role: str
    licence: str
    author: str
    source: str
    package: str
    file: str

    @property
    def path(self) -> Path:
        """Where the file lies. The package is found, not imported."""
        module, folder = FOLDERS[self.package]
        spec = importlib.util.find_spec(module)
        if spec is None:
            raise ValueError(f'the photo "{self.name}" lies in {self.package}, which is not installed')
        assert spec.origin is not None
        return Path(spec.origin).parent / folder / self.file

    def load(self) -> Tensor:
        """The photo, (3, H, W), float32 in [0, 1]."""
        return read(self.path)

    @property
    def attribution(self) -> str:
        """One line that can stand under the photo."""
        return f"{self.name}: {self.author}, {self.licence}. {self.source} (in {self.package})"


PHOTOS = (
    Photo(
        "astronaut",
        "clean",
        "no known copyright restrictions, released into the public domain",
        "NASA",
        "Eileen Collins, NASA Great Images database, https://flic.kr/p/r9qvLn",
        "scikit-image",
        "astronaut.png",
    ),
    Photo(
        "motorcycle",
        "clean",
        "no licence stated in the package",
        "N. Nesic, P. Westling, X. Wang, Y. Kitajima, G. Krathwohl, D. Scharstein",
        "left image, Middlebury 2014 stereo benchmark, http://vision.middlebury.edu/stereo/data/scenes2014/",
        "scikit-image",
        "motorcycle_left.png",
    ),
    Photo(
        "coffee", "degraded", "CC0", "Rachel Michetti", "Pikolo Espresso Bar", "scikit-image", "coffee.png"
    ),
    Photo(
        "rocket",
        "degraded",
        "public domain",
        "SpaceX",
        "https://www.flickr.com/photos/spacexphotos/16511594820",
        "scikit-image",
        "rocket.jpg",
    ),
    Photo(
        "china",
        "degraded",
        "CC BY 2.0",
        "danielbuechele",
        "https://www.flickr.com/photos/danielbuechele/6061409035",
        "scikit-learn",
        "china.jpg",
    ),
    Photo(
        "chelsea",
        "validation",
        "CC0",
        "Stefan van der Walt",
        "Chelsea the cat",
        "scikit-image",
        "chelsea.png",
    ),
    Photo(
        "flower",
        "validation",
        "CC BY 2.0",
        "vultilion (the package's note also names danielbuechele)",
        "https://www.flickr.com/photos/vultilion/6056698931",
        "scikit-learn",
        "flower.jpg",
    ),
)
"""The bundled photos, each a :class:`Photo`."""


def photos(role: str = "all") -> dict[str, Tensor]:
    """The bundled photos of one role, name -> (3, H, W), float32 in [0, 1].

    Args:
        role: "clean" (2 photos), "degraded" (3), "validation" (2) or "all". Photos in the role "degraded" are
            still clean: degrade them with a degradation of this package.
    """
    if role not in (*ROLES, "all"):
        raise ValueError(f'role must be "all" or one of {", ".join(ROLES)}, got {role!r}')
    return {photo.name: photo.load() for photo in PHOTOS if role in ("all", photo.role)}
