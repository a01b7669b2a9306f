"""LUD-VAE: the model, its levels, and starts that training goes on from."""

from .config import LUDVAEConfig
from .content_prior import ContentPrior
from .model import LUDVAE
from .start import follow_colours, start_near_identity

__all__ = ["LUDVAE", "ContentPrior", "LUDVAEConfig", "follow_colours", "start_near_identity"]
