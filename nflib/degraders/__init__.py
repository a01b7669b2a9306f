"""Ways to degrade clean images, all called alike: ``degrade(clean, strength=1.0, generator=None)``.

Learned from unpaired images (:class:`Learned`), collected from them by hand (:class:`NoisePatches`), or simulated
(:mod:`nflib.data`). :func:`load` makes one of what a user names.
"""

from ..data.degrader import Degrader
from .learned import Learned
from .named import SIMULATED, load
from .patches import NoisePatches

__all__ = ["SIMULATED", "Degrader", "Learned", "NoisePatches", "load"]
