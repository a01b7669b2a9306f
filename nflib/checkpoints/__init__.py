"""Models on disk: our files (safetensors with the configuration in the header) and the official checkpoints of the papers."""

from .files import load, save
from .official import load_official, official_state

__all__ = ["load", "load_official", "official_state", "save"]
