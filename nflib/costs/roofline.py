"""The least time that operations and bytes take on a card: the roofline (Williams, Waterman and Patterson,
2009).
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch

from ..provenance import processor_name
from ..units import device as usable
from .cost import Cost

PRECISIONS = ("float32", "tf32", "bfloat16")
# Side of the largest matrices that are multiplied, bytes of the largest copy, seconds that each measurement
# takes.
SIDE, COPY, SECONDS = 8192, 2**30, 0.5


class Floor(NamedTuple):
    """Seconds that a cost takes at least: for its operations at the card's peak, for its bytes at the card's
    bandwidth.

    >>> floor = Floor(operations=0.2, bytes=0.5)
    >>> floor.seconds, floor.bound
    (0.5, 'bytes')
    """

    operations: float
    bytes: float

    @property
    def seconds(self) -> float:
        """The larger one, since both go on at the same time."""
        return max(self)

    @property
    def bound(self) -> str:
        """The one that takes longer: "operations" or "bytes"."""
        return "operations" if self.operations >= self.bytes else "bytes"


@dataclass(frozen=True)
class Card:
    """What a processor can do at most.

    >>> card = Card("a card", float32=10.0, bfloat16=80.0, bandwidth=500.0)
    >>> card.attainable(1.0) / 1e12, card.attainable(1000.0) / 1e12  # bound by bytes, then by operations
    (0.5, 10.0)

    Attributes:
        name: of the processor.
        float32: TFLOP/s (10^12 multiplications or additions a second) in float32, outside of tensor cores.
        bfloat16: TFLOP/s of products of bfloat16 that are summed in float32; dense matrices.
        bandwidth: GB/s (10^9 bytes a second) from and to its memory.
        tf32: TFLOP/s in TF32, with which torch convolves float32 images on NVIDIA cards since Ampere, unless
            told otherwise; None elsewhere.
    """

    name: str
    float32: float
    bfloat16: float
    bandwidth: float
    tf32: float | None = None

    def __post_init__(self):
        numbers = {
            "float32": self.float32,
            "bfloat16": self.bfloat16,
            "bandwidth": self.bandwidth,
            "tf32": 1 if self.tf32 is None else self.tf32,
        }
        for name, value in numbers.items():
            if not value > 0:
                raise ValueError(f"{name} must be positive, got {value}")

    def peak(self, precision: str = "float32") -> float:
        """Operations a second. ``precision``: "float32", "tf32" or "bfloat16"."""
        if precision not in PRECISIONS:
            raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}, got {precision!r}")
        value = getattr(self, precision)
        if value is None:
            raise ValueError(f"{self.name} has no TF32")
        return 1e12 * value

    def attainable(self, intensity: float, precision: str = "float32") -> float:
        """Operations a second of a program with this many operations per byte: the roofline itself."""
        return min(self.peak(precision), 1e9 * self.bandwidth * intensity)

    def floor(self, cost: Cost, precision: str = "float32") -> Floor:
        """Seconds that a cost takes at least.

        That of the operations is only beaten by convolutions with fewer multiplications (Winograd's, FFT).
        That of the bytes is for operations that run one by one: a cache that holds what the next operation
        reads, or a compiler that joins operations, can beat it.
        """
        return Floor(cost.operations / self.peak(precision), cost.bytes(precision) / (1e9 * self.bandwidth))


CARDS = {
    card.name: card
    for card in (
        Card("H100 SXM", float32=67.0, tf32=494.7, bfloat16=989.4, bandwidth=3350.0),
        Card("A100 80 GB SXM", float32=19.5, tf32=156.0, bfloat16=312.0, bandwidth=2039.0),
        Card("RTX 4090", float32=82.6, tf32=82.6, bfloat16=165.2, bandwidth=1008.0),
    )
}
"""Some cards as NVIDIA's data sheets of the H100 and the A100 and its whitepaper on the Ada
architecture have them, without sparsity."""


def measure(device: torch.device | str | None = None) -> Card:
    """What this machine reaches, in some seconds: the best of several products of large matrices, and of
    several large copies.

    On a CPU with the threads that torch uses now (``torch.get_num_threads``). A measured peak is below that
    of the data sheet, so that the share that a model has of it is larger.

    Args:
        device: by default as in :func:`nflib.device`.
    """
    device = usable(device)
    tf32 = (
        device.type == "cuda"
        and torch.version.hip is None
        and torch.cuda.get_device_capability(device) >= (8, 0)
    )
    found = Card(
        processor_name(device),
        _products(device, torch.float32),
        _products(device, torch.bfloat16),
        _copies(device),
        _products(device, torch.float32, "high") if tf32 else None,
    )
    if device.type == "cuda":
        torch.cuda.empty_cache()  # or other processes could not have the memory
    return found


def seconds(function: Callable[[], object], device: torch.device) -> float:
    """How long a call takes, until the device has done what it was told."""
    wait(device)
    start = time.perf_counter()
    function()
    wait(device)
    return time.perf_counter() - start


def wait(device: torch.device) -> None:
    """Wait until the device has nothing to do."""
    if device.type in ("cuda", "mps"):
        getattr(torch, device.type).synchronize()


def _products(device: torch.device, dtype: torch.dtype, precision: str = "highest") -> float:
    """TFLOP/s of a square matrix product."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        side, taken = 256, 0.0
        while side < SIDE and taken < SECONDS / 16:  # eight times the work with each step
            side *= 2
            a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
            taken = _best(functools.partial(torch.matmul, a, b), device, 2)
        return 2 * side**3 / _best(lambda: a @ b, device) / 1e12
    finally:
        torch.set_float32_matmul_precision(before)


def _copies(device: torch.device) -> float:
    """GB/s of a copy, which reads and writes."""
    size = COPY if device.type == "cuda" else COPY // 8
    source = torch.zeros(size, dtype=torch.uint8, device=device)
    target = torch.ones_like(source)
    return 2 * size / _best(lambda: target.copy_(source), device) / 1e9


def _best(function: Callable[[], object], device: torch.device, least: int = 4) -> float:
    """The shortest of at least ``least`` calls after a first one, as many as fit into the time."""
    function()
    found: list[float] = []
    spent = 0.0
    while len(found) < least or (least > 2 and spent < SECONDS):
        found.append(seconds(function, device))
        spent += found[-1]
    return min(found)
