"""The conditional multi-scale flow inside SRFlow and DeFlow: its levels, its steps, and what they are told of
the condition.
"""

from .condition import Conditioning, LevelFeatures, LevelMaps, Upsampled, level_features
from .flow import ConditionalFlow
from .steps import Step, StepNet

__all__ = [
    "ConditionalFlow",
    "Conditioning",
    "LevelFeatures",
    "LevelMaps",
    "Step",
    "StepNet",
    "Upsampled",
    "level_features",
]
