"""The exponential moving average of the weights, which is what is kept of a training."""

from __future__ import annotations

import copy

import torch
from torch import nn


class Average:
    """``average = decay * average + (1 - decay) * weights`` after every step; buffers are copied.

    At the start the decay is smaller, (1 + n) / (10 + n) after n updates, so that the first weights are soon
    forgotten.

    Args:
        model: is copied.
        decay: 0 keeps the last weights only.
    """

    def __init__(self, model: nn.Module, decay: float):
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self.decay, self.updates = decay, 0

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        for mine, theirs in zip(self.model.parameters(), model.parameters(), strict=True):
            mine.lerp_(theirs, 1 - decay)
        for kept, now in zip(self.model.buffers(), model.buffers(), strict=True):
            kept.copy_(now)

    def state_dict(self) -> dict:
        return {"updates": self.updates, "model": self.model.state_dict()}

    def load_state_dict(self, state: dict) -> None:
        self.updates = state["updates"]
        self.model.load_state_dict(state["model"])
