"""One degradation after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..noise import SeenContent
from .degrader import Degrader


@dataclass(frozen=True)
class Composed(Degrader):
    """What ``then`` makes of what ``first`` made, both at the strength asked for: light goes before noise
    comes, for one.

    >>> import torch
    >>> from nflib.degraders import LowLight, White
    >>> dark = Composed(LowLight(gain=(0.5, 0.5), gamma=(1.0, 1.0)), White(0.01))(torch.ones(3, 16, 16))
    >>> round(dark.mean().item(), 1)
    0.5

    Attributes:
        first, then: degraders, called one after the other.
    """

    first: Degrader
    then: Degrader

    @property
    def seen(self) -> SeenContent | None:
        return self.first.seen or self.then.seen

    def each(self, clean: Tensor, strength: float, generators: Sequence[torch.Generator]) -> Tensor:
        return self.then.each(self.first.each(clean, strength, generators), strength, generators)

    def _degrade(
        self, clean: Tensor, strength: float, n: int, generator: torch.Generator | None
    ) -> Iterator[Tensor]:
        for degraded in self.first.samples(clean, strength, n, generator):
            yield self.then(degraded, strength, generator)
