"""Our checkpoint files: one safetensors file with the weights, and in its header the model's class,
configuration and notes.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from .. import __version__, units
from ..domain import Compose, parse, spell
from ..files import damaged, digest, json_text, parse_json, read_json, write_bytes, write_json
from .matching import at_most, check_match

WEIGHTS = Path(__file__).parent.parent / "weights"


def save(
    model: nn.Module, path: str | os.PathLike, notes: dict | None = None, *, seconds: float | None = None
) -> None:
    """Write a model of :mod:`nflib.models` to a safetensors file, atomically. Equal models with equal notes
    are equal files, byte by byte.

    Args:
        model: has a ``config``, a frozen dataclass that rebuilds it.
        path: the file; its folder must exist.
        notes: anything JSON can hold: data statistics, device, seed, seconds of training. Comes back from
            :func:`nflib.load` as ``model.notes``.
        seconds: how long it took, which is another number every time: it stands, with the notes, in a file
            beside the model, NAME.json, and comes back with them as long as that lies there.
    """
    from safetensors.torch import save as serialise

    header = {
        "nflib": __version__,
        "architecture": type(model).__name__,
        "config": json_text(plain(model.config)),
        "parameters": str(sum(parameter.numel() for parameter in model.parameters())),
        "notes": json_text(notes or {}),
    }
    tensors = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    write_bytes(path, _sorted(serialise(tensors, header)))
    if seconds is not None:
        more = {"seconds": seconds, "sha256": digest(path)}
        write_json(Path(path).with_suffix(".json"), {**(notes or {}), **more})


def _sorted(data: bytes) -> bytes:
    """A safetensors file with its header in a fixed order; the library's own differs every time."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json_text(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # tensors are aligned
    return len(text).to_bytes(8, "little") + text + data[8 + length :]


def notes_of(path: Path, notes: dict) -> dict:
    """The notes in the header of a file, and from NAME.json beside it what is of this very file."""
    beside = path.with_suffix(".json")
    if beside.is_file():
        try:
            more = read_json(beside)
        except ValueError:  # somebody else's
            more = {}
        if "seconds" in more and more.get("sha256") == digest(path):
            return {**notes, "seconds": more["seconds"]}
    return notes


def load(name_or_path: str | os.PathLike, *, device: torch.device | str = "cpu") -> nn.Module:
    """A model saved by :func:`~nflib.checkpoints.save`, in evaluation mode, with its ``notes``.

    Args:
        name_or_path: a file, or the name of a model that comes with the package.
        device: where it is to be, such as :func:`nflib.device` says.

    Raises:
        ValueError: there is no such file or name, or it is not a checkpoint of this package, or damaged, or
            there is no such device here.
    """
    from safetensors.torch import load_file

    path, where = find(name_or_path), units.device(device)
    header = read_header(path)
    other = "" if header.nflib == __version__ else f" of nflib {header.nflib} (this is {__version__})"
    with damaged(path, f"not a readable model{other}"):
        state = load_file(path)
        with at_most(sum(tensor.numel() for tensor in state.values())):
            model: Any = build(header.architecture, header.config)
        check_match(state, model.state_dict())
        model.load_state_dict(state)
    model.notes = notes_of(path, header.notes)
    return model.to(where).eval()


def build(architecture: str, config: dict) -> nn.Module:
    """A new model from the name of its class and its configuration as a dictionary."""
    from .. import models

    cls: Any = getattr(models, architecture, None)
    if not (isinstance(cls, type) and issubclass(cls, nn.Module) and _has_config(cls)):
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
        hint = hints[name]
        if not _is_of(value, str if hint is Compose else dict if dataclasses.is_dataclass(hint) else hint):
            raise ValueError(f"{cls.__name__}.{name} cannot be {value!r:.60}")
        if hint is Compose:
            return parse(value)
        if dataclasses.is_dataclass(hint):
            return _config(hint, value)
        return tuple(value) if isinstance(value, list) else value

    return cls(**{name: restored(name, value) for name, value in values.items()})


def _has_config(cls: Any) -> bool:
    return dataclasses.is_dataclass(typing.get_type_hints(cls.__init__).get("config"))


def _is_of(value: Any, hint: Any) -> bool:
    """Whether what JSON made of a field can be of its type."""
    kinds = typing.get_args(hint)
    if typing.get_origin(hint) is tuple:  # of any length
        return isinstance(value, list | tuple) and all(_is_of(one, kinds[0]) for one in value)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return type(value) is hint


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


@dataclass(frozen=True)
class Header:
    """What :func:`save` wrote beside the weights."""

    nflib: str
    architecture: str
    config: dict
    parameters: int | None
    notes: dict


def written_by_nflib(path: Path) -> bool:
    """Whether a file has what :func:`save` writes beside the weights, and so is none of the papers' own.

    Raises:
        ValueError: it is called a safetensors file, and is damaged.
    """
    from safetensors import safe_open

    if path.suffix != ".safetensors":
        return False
    with damaged(path, "not a readable safetensors file"), safe_open(path, framework="pt") as file:
        return "architecture" in (file.metadata() or {})


def read_header(path: Path) -> Header:
    """What :func:`save` wrote beside the weights.

    Raises:
        ValueError: it is no file of this package, or damaged.
    """
    from safetensors import safe_open

    with damaged(path, "not a readable safetensors file"), safe_open(path, framework="pt") as file:
        found = file.metadata() or {}
    if "architecture" not in found:
        raise ValueError(
            f"{path}: was not written by nflib; for the papers' own checkpoints use load_official"
        )
    with damaged(path, "not a readable model"):
        parts = {name: parse_json(found.get(name, "{}")) for name in ("config", "notes")}
        for name, part in parts.items():
            if not isinstance(part, dict):
                raise ValueError(f"its {name} must be an object, got {type(part).__name__}")
        count = int(found["parameters"]) if "parameters" in found else None
    return Header(found.get("nflib", "of unknown version"), found["architecture"], parameters=count, **parts)
