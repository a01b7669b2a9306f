"""Everything a training needs to go on exactly where it was, in memory and on disk."""

from __future__ import annotations

import copy
import os
import pickle
import random
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor


def random_states() -> dict:
    """States of the global generators of torch (all devices), numpy and Python."""
    legacy = cast("tuple[str, np.ndarray, int, int, float]", np.random.get_state())
    name, keys, *rest = legacy
    states: dict[str, Any] = {
        "torch": torch.get_rng_state(),
        "numpy": [name, keys.tolist(), *rest],
        "python": random.getstate(),
    }
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        states["cuda"] = torch.cuda.get_rng_state_all()
    if torch.backends.mps.is_available():
        states["mps"] = torch.mps.get_rng_state()
    return states


def restore_random_states(states: dict) -> None:
    torch.set_rng_state(states["torch"])
    name, keys, *rest = states["numpy"]
    np.random.set_state((name, np.array(keys, np.uint32), *rest))
    random.setstate(states["python"])
    if "cuda" in states and torch.cuda.device_count() == len(states["cuda"]):
        torch.cuda.set_rng_state_all(states["cuda"])
    if "mps" in states and torch.backends.mps.is_available():
        torch.mps.set_rng_state(states["mps"])


def frozen(value: Any) -> Any:
    """A copy in main memory that nothing changes any more."""
    if isinstance(value, Tensor):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, dict):
        return {key: frozen(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(frozen(part) for part in value)
    return copy.deepcopy(value)


def write_state(path: Path, state: dict) -> None:
    """Write a state file that is whole or not there."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with temporary.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def read_state(path: Path) -> dict:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, OSError, EOFError, ValueError) as error:
        raise ValueError(
            f"{path}: not a state of a training that can be read: {str(error).partition(chr(10))[0]}"
        ) from None
