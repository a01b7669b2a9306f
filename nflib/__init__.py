"""nflib: learn image degradations from unpaired photos with normalizing flows.

Submodules load when they are first used, so ``import nflib`` itself is nearly free.
"""

from __future__ import annotations

import importlib

from ._version import __version__

_SUBMODULES = {
    "bases",
    "checkpoints",
    "closed_form",
    "costs",
    "data",
    "degraders",
    "domain",
    "drawings",
    "flow",
    "gaussian",
    "images",
    "metrics",
    "models",
    "noise",
    "pipeline",
    "plots",
    "study",
    "testing",
    "training",
    "transforms",
    "units",
    "widgets",
}
_FUNCTIONS = {
    "device": "units",
    "generator": "units",
    "load": "checkpoints",
    "load_official": "checkpoints",
    "progress": "units",
}

__all__ = ["__version__", *sorted(_SUBMODULES), *sorted(_FUNCTIONS)]


def __getattr__(name: str) -> object:
    if name in _SUBMODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _FUNCTIONS:
        return getattr(importlib.import_module(f"{__name__}.{_FUNCTIONS[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
