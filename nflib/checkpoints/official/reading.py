"""State dicts from files, and what their names say."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from ...files import damaged, read_pickled

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
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            with damaged(path, "not a readable checkpoint"):
                state = load_file(path)
        else:
            state = read_pickled(path)
    for container in CONTAINERS:
        if isinstance(state, Mapping) and isinstance(state.get(container), Mapping):
            state = state[container]
    if not isinstance(state, Mapping) or not all(
        isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in state.items()
    ):
        raise ValueError("expected a state dict, names to tensors")
    return state


def numbers(state: Mapping[str, Tensor], pattern: str) -> list[int]:
    """The numbers that the first group of the pattern takes in the names, in order."""
    return sorted({int(match[1]) for name in state if (match := re.fullmatch(pattern, name))})
