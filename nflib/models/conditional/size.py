"""Size and form of a conditional flow: what the configurations of SRFlow and DeFlow have in common."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from ..rrdb import RRDBConfig
from .flow import ConditionalFlow


@dataclass(frozen=True)
class FlowSize:
    """Size and form of a conditional flow and of the encoder that tells it of the condition.

    >>> size = FlowSize(levels=4)
    >>> size.scale, size.multiple
    (4, 16)

    Attributes:
        encoder: the network that reads the condition; its scale says by how much the condition is smaller
            than the image.
        taps: blocks of the encoder (0-based) whose outputs the flow is told besides the last one.
        levels: L; level l works at 1/2^l of the image, whose sides are multiples of 2^L (others are padded).
        steps: conditional flow steps per level, K.
        transitions: steps without coupling at the start of each level.
        hidden: width of the networks inside the steps.
        affine: "bounded", which is the identity at the start and never extreme; or "multiply" (SRFlow) and
            "divide" (DeFlow) as published.
        eps: smallest scale of the published forms.
        reversible: training keeps of each level what leaves it, and recomputes what is inside: memory does
            not grow with the steps.
        couplings: every step has one. Without them the flow is affine in the image given the condition.
    """

    FORMS: ClassVar[tuple[str, ...]] = ("bounded", "multiply", "divide")

    encoder: RRDBConfig = field(default_factory=lambda: RRDBConfig(scale=4))
    taps: tuple[int, ...] = (1, 8, 15, 22)
    levels: int = 3
    steps: int = 16
    transitions: int = 2
    hidden: int = 64
    affine: str = "bounded"
    eps: float = 1e-4
    reversible: bool = False
    couplings: bool = True

    def __post_init__(self):
        if self.affine not in self.FORMS:
            forms = " or ".join(f'"{form}"' for form in self.FORMS)
            raise ValueError(f"affine must be {forms}, got {self.affine!r}")
        if min(self.levels, self.steps, self.hidden) < 1 or self.transitions < 0:
            raise ValueError(
                f"levels, steps and hidden must be at least 1 and transitions at least 0, got {self}"
            )
        if not all(0 <= tap < self.encoder.blocks for tap in self.taps):
            raise ValueError(f"taps must be block numbers below {self.encoder.blocks}, got {self.taps}")
        if self.scale > self.multiple:
            raise ValueError(
                f"scale {self.scale} needs at least {self.scale.bit_length() - 1} levels, got {self.levels}"
            )

    @property
    def scale(self) -> int:
        """By how much the condition is smaller than the image."""
        return self.encoder.scale

    @property
    def multiple(self) -> int:
        """The sides of images are multiples of this."""
        return 2**self.levels

    def flow(self, *, lu: bool = True, splits: bool = True) -> ConditionalFlow:
        """A new flow of this size; ``lu`` and ``splits`` as there."""
        return ConditionalFlow(
            levels=self.levels,
            steps=self.steps,
            transitions=self.transitions,
            hidden=self.hidden,
            condition=self.encoder.channels * (1 + len(self.taps)),
            affine=self.affine,
            eps=self.eps,
            lu=lu,
            splits=splits,
            reversible=self.reversible,
            couplings=self.couplings,
        )
