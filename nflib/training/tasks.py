"""What is trained and by which loss: a small task for each kind of model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..models import ImageModel
from ..noise import SeenContent
from .recipe import Recipe
from .steps import Steps


class Task(Steps):
    """A model and its loss. A subclass says what ``loss`` is, in which unit, and the recipe it starts from.

    Args:
        model: of :mod:`nflib.models`.

    Attributes:
        notes: what else its runs are known by, name -> text, or of a file its name and "sha256", by which
            alone it is known: noted with the model, and not to be changed when a run is resumed.
        together: crops with following numbers that belong together: a device gets all of them or none.
        seen: what photos show on which the noise is seen that the model is for; None to find it on those of
            ``noisy``.
        unused: a step may leave parameters without a gradient, such as the last layers of an encoder of which
            only features are used.
    """

    together = 1
    unused = True
    seen: SeenContent | None = None
    recipe = Recipe()
    unit = ""
    validation_unit: str | None = None  # if the validation is not the loss

    def __init__(self, model: ImageModel):
        super().__init__()
        self.automatic_optimization = False  # the guard stands between the gradient and the step
        self.model = model
        self.notes: dict[str, Any] = {}

    def loss(self, model: nn.Module, batch, generator: torch.Generator | Sequence[torch.Generator]) -> Tensor:
        """Mean loss of a batch, a scalar. Whatever is random comes from the generator, or from the one that
        an image has for itself.
        """
        raise NotImplementedError

    @property
    def trained(self) -> nn.Module:
        """All that is trained: the model, and what is trained with it and not kept."""
        return self.model

    def parameter_groups(self) -> list[tuple[list[nn.Parameter], float]]:
        """Parameters, and the factor of their learning rate. Each group's gradient is clipped by itself."""
        return [(list(self.model.parameters()), 1.0)]

    def noisy(self, item: Any) -> Tensor | None:
        """The image (3, H, W) of an item of the data on which the noise is seen that the model is for; None
        if there is none.
        """
        return None

    def example(self, image: Tensor) -> Any:
        """A batch like those of this training whose results are these images (B, 3, H, W): to time a step."""
        # a little off, since of the answer itself there is nothing to learn
        return image, self.model.smaller(image).roll(1, -1).contiguous()

    def chooses(self, step: int) -> bool:
        """Whether the model after so many steps may be the best one."""
        return True

    def figures(self) -> dict[str, float]:
        """What else is worth logging."""
        return {}
