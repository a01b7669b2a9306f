"""SRFlow: the model, and what one can do in its latent space."""

from .latents import normalise, transfer_box, transfer_content, transfer_style
from .model import SRFlow, SRFlowConfig

__all__ = ["SRFlow", "SRFlowConfig", "normalise", "transfer_box", "transfer_content", "transfer_style"]
