"""Weights of other people's networks: never part of nflib, never downloaded by it, checked when they are
there.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch


class MissingWeights(ValueError):
    """Weights that are not part of nflib are not there; the message says which, from where, and where to put
    them.

    >>> try:
    ...     checked_file("net-0123abcd.pth", "https://example.org", "a metric")
    ... except MissingWeights as error:
    ...     print(str(error).partition(" (")[0])
    a metric needs the file net-0123abcd.pth
    """


def kept_file(name: str) -> Path:
    """Where torch keeps weights of this name: ``checkpoints`` in torch.hub's folder, which
    TORCH_HOME moves."""
    return Path(torch.hub.get_dir()) / "checkpoints" / name


def checked_file(name: str, address: str, metric: str) -> Path:
    """The file of this name, if it is there and whole.

    Args:
        name: ends in "-" and the first digits of the file's SHA-256, before the suffix.
        address: where it can be downloaded, without the name.
        metric: that needs it.

    Raises:
        MissingWeights: it is not there or damaged; says what to do.
    """
    path = kept_file(name)
    digits = path.stem.rpartition("-")[2]
    if not path.is_file():
        raise MissingWeights(
            f"{metric} needs the file {name} (SHA-256 begins with {digits}). Download {address}/{name} "
            "and put it in "
            f"{path.parent} (or in hub/checkpoints of a folder named by TORCH_HOME). nflib never "
            "downloads it."
        )
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if not found.startswith(digits):
        raise MissingWeights(
            f"{path}: SHA-256 begins with {found[:8]}, expected {digits}; download {address}/{name} again"
        )
    return path
