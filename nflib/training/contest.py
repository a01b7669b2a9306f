"""What trainings share in which a model plays against others: they are trained with it, saved to go on with,
and no part of the result.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

from torch import Tensor, nn

from ..metrics import MissingWeights
from ..models.esrgan import vgg19_features
from .folders import Folder
from .state import frozen
from .tasks import Task


class Contest(Task):
    """A training with other players beside the model.

    All are moved in every step, by gradients at the same weights. A subclass names the others in
    ``opponents`` and leaves the parts of its loss in ``parts``, which are logged.

    Attributes:
        parts: name -> the last value of a part of the loss.
        pace: factor of the opponents' learning rate.
    """

    parts: dict[str, float]
    pace = 1.0

    @property
    def opponents(self) -> dict[str, nn.Module]:
        """The other players: name -> network."""
        raise NotImplementedError

    @property
    def trained(self) -> nn.ModuleDict:
        return nn.ModuleDict({"generator": self.model, **self.opponents})

    def parameter_groups(self) -> list[tuple[list[nn.Parameter], float]]:
        theirs = [(list(network.parameters()), self.pace) for network in self.opponents.values()]
        known = {id(parameter) for group, _ in theirs for parameter in group}
        return [([one for one in self.model.parameters() if id(one) not in known], 1.0), *theirs]

    def figures(self) -> dict[str, float]:
        return self.parts

    def summed(self, **parts: Tensor) -> Tensor:
        """The sum of the parts of a loss, which are noted."""
        self.parts = {name: part.item() for name, part in parts.items()}
        return sum(parts.values(), next(iter(parts.values())).new_zeros(()))

    def keep(self) -> dict:
        self._good = {
            **super().keep(),
            "opponents": {name: frozen(network.state_dict()) for name, network in self.opponents.items()},
        }
        return self._good

    def _return_to_good(self) -> None:
        super()._return_to_good()
        for name, network in self.opponents.items():
            network.load_state_dict(self._good["opponents"][name])


@contextlib.contextmanager
def unmoved(network: nn.Module) -> Iterator[None]:
    """What is computed here moves others through the network, and not the network."""
    network.requires_grad_(False)
    try:
        yield
    finally:
        network.requires_grad_(True)


def perceptual_features(file: Folder | None = None) -> nn.Module | None:
    """VGG19's features from the file, or from where torch keeps it; None, and a line is logged, where it is
    nowhere.

    Raises:
        ValueError: the file has other weights.
    """
    try:
        return vgg19_features(file)
    except MissingWeights as error:
        logging.getLogger(__name__).warning("training goes without the perceptual loss: %s", error)
        return None
