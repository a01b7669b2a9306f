"""Everything a training needs to go on exactly where it was, in memory and on disk."""

from __future__ import annotations

import copy
import os
import random
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import torch
from torch import Tensor

from ..files import damaged, read_pickled, whole

WRONG = "not a state of a training that can be read"
# What every state has, and of which kind.
PARTS: dict[str, Any] = {
    **{"step": int, "rollbacks": int, "best": (float, type(None)), "score": (float, type(None))},
    **{"model": dict, "average": dict, "optimiser": dict, "random": dict, "settings": dict},
    "seconds": (int, float),
}


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
    """Write a state file that is whole or not there.

    Raises:
        OSError: the disk is full, or the like.
    """
    with whole(path) as file:
        told = _Told(file)
        try:
            torch.save(state, cast("IO[bytes]", told))
        except RuntimeError:  # of torch's writer, which does not say why
            if told.error is not None:
                raise told.error from None
            raise
        file.flush()
        os.fsync(file.fileno())


class _Told:
    """A file for torch.save that remembers why it could not be written."""

    def __init__(self, file: IO[bytes]):
        self.file = file
        self.error: OSError | None = None

    def write(self, data: bytes) -> int:
        try:
            return self.file.write(data)
        except OSError as error:
            self.error = error
            raise

    def flush(self) -> None:
        self.file.flush()


def read_state(path: Path) -> dict:
    """A state that :func:`write_state` wrote.

    Raises:
        ValueError: it is none, or damaged, or of another version.
    """
    state = read_pickled(path, WRONG)
    with damaged(path, WRONG):
        for name, kind in PARTS.items():
            if not isinstance(state[name], kind):
                raise ValueError(f"its part {name} is of the kind {type(state[name]).__name__}")
    return state
