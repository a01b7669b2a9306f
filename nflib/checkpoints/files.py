"""Our checkpoint files: one safetensors file with the weights, and in its header the model's class,
configuration and notes.
"""

from __future__ import annotations

import dataclasses
import json
import os
import typing
from pathlib import Path
from typing import Any

import torch
from torch import nn

from .. import __version__
from ..domain import Compose, parse, spell
from ..files import json_text, write_bytes

WEIGHTS = Path(__file__).parent.parent / "weights"


def save(model: nn.Module, path: str | os.PathLike, notes: dict | None = None) -> None:
    """Write a model of :mod:`nflib.models` to a safetensors file, atomically.

    Args:
        model: has a ``config``, a frozen dataclass that rebuilds it.
        path: the file; its folder must exist.
        notes: anything JSON can hold: data statistics, device, seed, seconds of training. Comes back from
            :func:`nflib.load` as ``model.notes``.
    """
    from safetensors.torch import save as serialise

    header = {
        "nflib": __version__,
        "architecture": type(model).__name__,
        "config": json_text(plain(model.config)),
        "parameters": str(sum(parameter.numel() for parameter in model.parameters())),
        "notes": json_text(notes or {}),
    }
    write_bytes(
        path, serialise({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, header)
    )


def load(name_or_path: str | os.PathLike) -> nn.Module:
    """A model saved by :func:`~nflib.checkpoints.save`, on the CPU, in evaluation mode, with its ``notes``.

    Args:
        name_or_path: a file, or the name of a model that comes with the package.

    Raises:
        ValueError: there is no such file or name, or it is not a checkpoint of this package.
    """
    from safetensors.torch import load_file

    path = find(name_or_path)
    header = read_header(path)
    state = load_file(path)
    model = build(header["architecture"], json.loads(header["config"]))
    model.load_state_dict(state)
    model.notes = json.loads(header["notes"])
    return model.eval()


def build(architecture: str, config: dict) -> nn.Module:
    """A new model from the name of its class and its configuration as a dictionary."""
    from .. import models

    cls = getattr(models, architecture, None)
    if cls is None:
        raise ValueError(
            f"unknown architecture {architecture!r}; this nflib ({__version__}) may be older than the file"
        )
    usual = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)  # weights would be rounded to another on being read
    try:
        return cls(_config(typing.get_type_hints(cls.__init__)["config"], config))
    finally:
        torch.set_default_dtype(usual)


def plain(config: Any) -> Any:
    """A (nested) configuration as JSON can hold it: fields by name, maps h as text."""
    if isinstance(config, Compose):
        return spell(config)
    if dataclasses.is_dataclass(config):
        return {field.name: plain(getattr(config, field.name)) for field in dataclasses.fields(config)}
    return list(config) if isinstance(config, tuple) else config


def _config(cls, values: dict) -> Any:
    """A (nested) configuration dataclass from what JSON made of it; fields that an older nflib wrote become
    what they are now.
    """
    hints = {
        field.name: hint
        for field in dataclasses.fields(cls)
        for hint in [typing.get_type_hints(cls)[field.name]]
    }
    values = cls.migrated(values) if hasattr(cls, "migrated") else values
    unknown = set(values) - set(hints)
    if unknown:
        raise ValueError(f"{cls.__name__} has no field {sorted(unknown)[0]!r}")

    def restored(name: str, value: Any) -> Any:
        if hints[name] is Compose:
            return parse(value)
        if dataclasses.is_dataclass(hints[name]):
            return _config(hints[name], value)
        return tuple(value) if isinstance(value, list) else value

    return cls(**{name: restored(name, value) for name, value in values.items()})


def bundled() -> list[str]:
    """Names of the models that come with the package."""
    return sorted(file.stem for file in WEIGHTS.glob("*.safetensors"))


def find(name_or_path: str | os.PathLike) -> Path:
    """The file of this path, or of the bundled model of this name."""
    path = Path(name_or_path)
    if path.is_file():
        return path
    if str(name_or_path) in bundled():
        return WEIGHTS / f"{name_or_path}.safetensors"
    names = ", ".join(bundled()) or "none"
    raise ValueError(f"{name_or_path}: no such file, and no bundled model of this name (bundled: {names})")


def read_header(path: Path) -> dict[str, str]:
    """What :func:`save` wrote beside the weights."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path}: not a readable safetensors file: {error}") from None
    if "architecture" not in header:
        raise ValueError(
            f"{path}: was not written by nflib; for the papers' own checkpoints use load_official"
        )
    return header
