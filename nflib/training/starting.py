"""What a training begins with that somebody trained before: a whole model to go on with, or an encoder.

Files are ours, bundled ones by name, or the papers' own checkpoints (:func:`nflib.load_official`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar, cast

from torch import nn

from .. import checkpoints
from ..checkpoints.files import find, written_by_nflib
from ..files import digest
from ..models import (
    LUDVAE,
    AffineDeFlow,
    DeFlow,
    DnCNN,
    ImageModel,
    RRDBNet,
    SRFlow,
)
from .folders import Folder

# What the papers' own checkpoints are called by load_official.
OFFICIAL: dict[type[ImageModel], str] = {
    DeFlow: "deflow",
    SRFlow: "srflow",
    RRDBNet: "rrdb",
    LUDVAE: "ludvae",
    DnCNN: "dncnn",
}
# Models in which there is an RRDBNet.
WITH_ENCODER = (RRDBNet, SRFlow, DeFlow, AffineDeFlow)
Model = TypeVar("Model", bound=ImageModel)


def trained_start(start: Folder, *kinds: type[Model], scale: int | None = None) -> Model:
    """A trained model to go on with.

    Args:
        start: a file, the name of a bundled model, or an official checkpoint.
        kinds: what it may be.
        scale: that of a super-resolver; None for any.

    Raises:
        ValueError: it cannot be read, or is of another kind or scale.
    """
    model = _read(start, kinds)
    if type(model) not in kinds or scale not in (None, model.scale):
        names = " or ".join(kind.__name__ for kind in kinds)
        raise ValueError(
            f"{start}: expected {names}{'' if scale is None else f' of scale {scale}'}, found "
            f"{type(model).__name__} with {model.config}"
        )
    return cast("Model", model)


def trained_encoder(file: Folder) -> RRDBNet:
    """The network for low-resolution images in a file: an RRDBNet by itself, or that of an SRFlow or DeFlow.

    Raises:
        ValueError: there is none.
    """
    model: Any = trained_start(file, *WITH_ENCODER)
    return model if isinstance(model, RRDBNet) else model.encoder


def take_over(model: nn.Module, trained: nn.Module) -> None:
    """Give a model the weights of a trained one, by name; what that does not have stays as it is."""
    own = model.state_dict()
    found = {name: tensor for name, tensor in trained.state_dict().items() if name in own}
    model.load_state_dict({**own, **found})


def noted_file(file: Folder | None, name: str = "start") -> dict[str, Any]:
    """The note of a run that began with a file: what it is called, and its content, by which it is known."""
    if file is None:
        return {}
    return {name: {"file": Path(file).name, "sha256": digest(find(file))}}


def _read(start: Folder, kinds: tuple[type[ImageModel], ...]) -> Any:
    path = find(start)
    if written_by_nflib(path):
        return checkpoints.load(path)
    names = [OFFICIAL[kind] for kind in kinds if kind in OFFICIAL]
    errors = []
    for name in names:
        try:
            return checkpoints.load_official(path, name).float()
        except ValueError as error:
            errors.append(error)
    if errors:
        raise errors[0]
    expected = " or ".join(kind.__name__ for kind in kinds)
    raise ValueError(f"{start}: was not written by nflib, expected {expected}, of which no paper has a file")
