"""State dicts from files, and what their names say."""

from __future__ import annotations

import os
import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

# Where files of this kind keep the tensors, if not at the top.
CONTAINERS = ("params_ema", "params", "state_dict")


def read_state(source: Mapping[str, Tensor] | str | os.PathLike) -> Mapping[str, Tensor]:
    """A state dict as it is, or of a .pth, .pt or .safetensors file; nothing but tensors is unpickled."""
    if isinstance(source, Mapping):
        state: Any = source
    else:
        path = Path(source)
        if not path.is_file():
            raise ValueError(f"{path}: no such file")
        try:
            if path.suffix == ".safetensors":
                from safetensors.torch import load_file

                state = load_file(path)
            else:
                state = torch.load(path, map_location="cpu", weights_only=True)
        except (pickle.UnpicklingError, RuntimeError, OSError, EOFError, ValueError) as error:
            raise ValueError(
                f"{path}: not a readable checkpoint: "
                f"{str(error).partition(chr(10))[0] or type(error).__name__}"
            ) from None
    for container in CONTAINERS:
        if isinstance(state, Mapping) and isinstance(state.get(container), Mapping):
            state = state[container]
    if not isinstance(state, Mapping) or not all(isinstance(tensor, Tensor) for tensor in state.values()):
        raise ValueError("expected a state dict, names to tensors")
    return state


def numbers(state: Mapping[str, Tensor], pattern: str) -> list[int]:
    """The numbers that the first group of the pattern takes in the names, in order."""
    return sorted({int(match[1]) for name in state if (match := re.fullmatch(pattern, name))})
