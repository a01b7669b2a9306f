"""LUD-VAE: the model, its levels, and starts that training goes on from."""

from .config import LUDVAEConfig
from .model import LUDVAE
from .start import follow_colours, start_near_identity

__all__ = ["LUDVAE", "LUDVAEConfig", "follow_colours", "start_near_identity"]
