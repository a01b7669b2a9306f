"""DeFlow: the model, and its start at the solution in closed form."""

from .linear_start import linear_start
from .model import DeFlow, DeFlowConfig

__all__ = ["DeFlow", "DeFlowConfig", "linear_start"]
