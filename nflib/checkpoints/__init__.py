"""Models on disk: our files (safetensors with the configuration in the header) and the official checkpoints
of the papers.
"""

from .catalogue import Description, describe
from .files import bundled, load, save
from .official import load_official, official_state

__all__ = ["Description", "bundled", "describe", "load", "load_official", "official_state", "save"]
