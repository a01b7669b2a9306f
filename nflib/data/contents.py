"""What photos a training reads, by name and content: so that a resumed one cannot go on with others
unnoticed.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor
from torch.utils.data import Subset

from ..files import digest

# So many names are worth noting with a model.
NAMED = 100


def contents(data: Any) -> dict[str, str]:
    """The photos of a data set of :mod:`nflib.data`: "clean/NAME" or the like -> a digest of the file, or of
    the pixels of a tensor.

    A data set without photos of its own, such as one that somebody wrote, has none.
    """
    found: dict[str, str] = {}
    seen: Counter[str] = Counter()
    for name, photo in _photos(data):
        seen[name] += 1  # of several folders photos may have equal names
        found[name if seen[name] == 1 else f"{name} ({seen[name]})"] = _digest(photo)
    return found


def summary(found: Mapping[str, str]) -> dict[str, Any]:
    """What is noted of them with a model: how many there were, one digest for all, and the names if they are
    not too many.
    """
    together = hashlib.sha256(os.fsencode("".join(f"{name} {found[name]}\n" for name in sorted(found))))
    names = {"names": sorted(found)} if len(found) <= NAMED else {}
    return {"number": len(found), "sha256": together.hexdigest(), **names}


def changes(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """One line for each photo that is new, missing, or has the same name and another content."""
    lines = {name: "is missing" for name in before.keys() - now.keys()}
    lines |= {name: "is new" for name in now.keys() - before.keys()}
    lines |= {name: "has changed" for name in before.keys() & now.keys() if before[name] != now[name]}
    return [f"{name} {lines[name]}" for name in sorted(lines)]


def check_unpaired(found: Mapping[str, str]) -> None:
    """Raise ValueError if all clean photos are degraded ones too: then somebody named one folder twice."""
    sides = [
        {value for name, value in found.items() if name.startswith(f"{side}/")}
        for side in ("clean", "degraded")
    ]
    if sides[0] and sides[0] == sides[1]:
        raise ValueError(
            "clean and degraded hold the same photos: there is no degradation to be learned; name two folders"
        )


def decoded_bytes(data: Any) -> int:
    """The bytes of all decoded photos of a data set; a photo in two folders counts twice."""
    return sum(getattr(part, "bytes", 0) for _, part in _parts(data, ""))


def _parts(data: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    """The data sets of single folders that a data set is made of, and what their photos' names begin with."""
    while isinstance(data, Subset):
        data = data.dataset
    for several in ("domains", "sides"):
        if hasattr(data, several):
            for side, part in zip(("clean", "degraded"), getattr(data, several)):
                yield from _parts(part, f"{side}/")
            return
    yield prefix, data


def _photos(data: Any) -> Iterator[tuple[str, Path | Tensor]]:
    for prefix, part in _parts(data, ""):
        for number, photo in enumerate(getattr(part, "photos", ())):
            pair = isinstance(photo, tuple)
            for side, one in zip(("clean/", "degraded/") if pair else (prefix,), photo if pair else (photo,)):
                yield side + (f"image {number}" if isinstance(one, Tensor) else Path(one).name), one


def _digest(photo: Path | Tensor) -> str:
    if isinstance(photo, Tensor):
        return hashlib.sha256(photo.detach().cpu().contiguous().numpy().tobytes()).hexdigest()
    return digest(photo)
