"""Maps h by name: what the command line takes, and what the file of a model says:
``downsample:4+noise:0.03``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields

from torch import Tensor

from .autoencoder import Autoencode
from .maps import (
    AddNoise,
    Bilateral,
    Compose,
    Downsample,
    GaussianBlur,
    Map,
    MaxPool,
    Median,
    MultiplyNoise,
)

MAPS: dict[str, type[Map]] = {
    "downsample": Downsample,
    "noise": AddNoise,
    "multiply": MultiplyNoise,
    "blur": GaussianBlur,
    "median": Median,
    "bilateral": Bilateral,
    "maxpool": MaxPool,
    "autoencoder": Autoencode,
}
"""Name -> class of maps. In the text of a map colons come after the name, and then its numbers, in
the order of its attributes."""


def parse(text: str) -> Compose:
    """The map that a text names: names of :data:`MAPS` with ``+`` between, each with its numbers after
    colons.

    >>> parse("downsample:4+noise:0.03")
    Compose(Downsample(factor=4), AddNoise(sigma=0.03))

    Raises:
        ValueError: a name that there is not, too many numbers, or numbers that the map refuses.
    """
    return Compose(*(_one(part.strip(), text) for part in text.split("+") if part.strip()))


def spell(h: Callable[..., Tensor]) -> str:
    """The text that :func:`parse` reads as this map.

    >>> spell(Compose(MaxPool(4), AddNoise(0.1)))
    'maxpool:4+noise:0.1'

    Raises:
        ValueError: a map that has no name.
    """
    if isinstance(h, Compose):
        return "+".join(spell(step) for step in h.maps)
    for name, cls in MAPS.items():
        if type(h) is cls:
            return ":".join([name, *(repr(getattr(h, field.name)) for field in fields(cls))])
    called = getattr(h, "__qualname__", type(h).__name__)
    raise ValueError(
        f"h must be made of {', '.join(MAPS)}, got {called}, which has no name by which a model with it "
        "could be loaded again"
    )


def as_map(h: object) -> Compose:
    """The map h that a text or a map stands for, of maps with names only: those a file of a model can tell.

    >>> as_map(MaxPool(4)) == parse("maxpool:4")
    True

    Raises:
        ValueError: it is neither, or has a part without a name, such as a function of one's own.
    """
    if isinstance(h, str):
        return parse(h)
    if not callable(h):
        raise ValueError(
            f"h must be a text such as downsample:4+noise:0.03, or a map, got {type(h).__name__}"
        )
    whole = h if isinstance(h, Compose) else Compose(h)
    spell(whole)
    return whole


def _one(part: str, text: str) -> Map:
    name, *values = part.split(":")
    if name not in MAPS:
        raise ValueError(
            f"h: {text!r} has {name!r}, expected names of {', '.join(MAPS)} with + between, such as "
            "downsample:4+noise:0.03"
        )
    attributes = fields(MAPS[name])
    if len(values) > len(attributes):
        raise ValueError(
            f"h: {part!r} has {len(values)} numbers, expected at most {len(attributes)}: "
            f"{', '.join(a.name for a in attributes)}"
        )
    try:
        numbers = [int(value) if value.lstrip("-").isdecimal() else float(value) for value in values]
    except ValueError:
        raise ValueError(f"h: {part!r} must have numbers after its colons, such as {name}:4") from None
    try:
        return MAPS[name](*numbers)
    except ValueError as error:
        raise ValueError(f"h: {part!r}: {error}") from None
