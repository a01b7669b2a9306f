"""What a model file says about itself: read from its header, without its weights."""

from __future__ import annotations

import os
from dataclasses import dataclass

from .. import models
from .files import find, notes_of, read_header


@dataclass(frozen=True)
class Description:
    """A model file.

    >>> describe("glow_patches").architecture
    'Glow'

    Attributes:
        name: of a bundled model, or of the file.
        architecture: class in :mod:`nflib.models`.
        config: what the model is built from.
        parameters: how many numbers can be trained; None in files that do not say.
        size: of the file in bytes.
        version: of nflib, by which it was written.
        notes: what whoever made it wrote down. The bundled models have ``data``, ``licences`` (a line for
            each photo or set), ``command``, ``seed``, ``device``, ``seconds``, and ``metrics`` (name ->
            number) or ``validation`` with its ``validation_unit`` (or ``unit``, that of the loss, if it is
            the same).
    """

    name: str
    architecture: str
    config: dict
    parameters: int | None
    size: int
    version: str
    notes: dict

    @property
    def purpose(self) -> str | None:
        """What the model is for, see :class:`nflib.models.ImageModel`; None for what is no image model."""
        return getattr(getattr(models, self.architecture, None), "purpose", None)

    @property
    def metrics(self) -> dict[str, float]:
        """Name -> number, as noted; empty if nothing was measured."""
        unit = self.notes.get("validation_unit", self.notes.get("unit", ""))
        score = {f"validation, {unit}".rstrip(", "): self.notes.get("validation")}
        noted = self.notes.get("metrics", score)
        numbers = noted.items() if isinstance(noted, dict) else ()
        return {name: value for name, value in numbers if isinstance(value, int | float)}


def describe(name_or_path: str | os.PathLike) -> Description:
    """What the file of a bundled model, or another one of :func:`nflib.checkpoints.save`, says about itself.

    Raises:
        ValueError: as for :func:`nflib.load`.
    """
    path = find(name_or_path)
    header = read_header(path)
    return Description(
        name=path.stem,
        architecture=header.architecture,
        config=header.config,
        parameters=header.parameters,
        size=path.stat().st_size,
        version=header.nflib,
        notes=notes_of(path, header.notes),
    )
