"""DeFlow: the model, its start at the solution in closed form, and the form whose noise is held."""

from .affine import AffineDeFlow, AffineDeFlowConfig
from .config import DeFlowConfig
from .linear_start import linear_start, white_start
from .model import DeFlow

__all__ = ["AffineDeFlow", "AffineDeFlowConfig", "DeFlow", "DeFlowConfig", "linear_start", "white_start"]
