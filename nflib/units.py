"""Small things everything else agrees on: nats and bits, seeds, the device."""

from __future__ import annotations

import contextlib
import functools
import io
import math
import operator
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ._texts import shown

if TYPE_CHECKING:
    from tqdm import tqdm

__all__ = [
    "bits_per_dim",
    "device",
    "generator",
    "grey_levels",
    "numbered_generator",
    "progress",
    "progress_lines",
    "rand",
    "randn",
    "say",
]


def bits_per_dim(nll: Any, dims: int, bins: float) -> Any:
    """Nats per sample -> bits per dimension relative to the original integer grid.

    ``bits = nats / (dims * ln 2) + log2(bins)``. The second term pays for the width of a grey level in the
    modelled space, so it must be told (Dequantize knows its own: ``flow.Dequantize().bins``).

    Args:
        nll: negative log-likelihood in nats, per sample; a number or a tensor of any shape.
        dims: D = C*H*W, the number of values per sample.
        bins: grey levels per unit of the modelled space: 256 for (k + U)/256, 255 for k/255 with noise of
            width 1/255, 128 for 256 levels on [-1, 1], 32 for noise of width 1/32.

    Returns:
        Bits per dimension, like ``nll``.
    """
    if dims < 1:
        raise ValueError(f"dims must be at least 1, got {dims}")
    if not bins > 0:
        raise ValueError(f"bins must be positive, got {bins}")
    return nll / (dims * math.log(2)) + math.log2(bins)


def grey_levels(value: Any) -> Any:
    """A difference in units of the image range [0, 1] -> 8-bit grey levels, as text and plots show it."""
    return value * 255


def device(name: torch.device | str | None = None) -> torch.device:
    """The device of this name, by default the fastest there is: CUDA, then Apple's MPS, else the CPU.

    Raises:
        ValueError: there is no such device here.
    """
    if name is not None:
        return _usable(name)
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def generator(seed: int, device: torch.device | str = "cpu") -> torch.Generator:
    """A seeded ``torch.Generator`` for the ``generator=`` argument of every stochastic function of nflib.

    Raises:
        ValueError: there is no such device here.
    """
    return torch.Generator(_usable(device)).manual_seed(check_seed(seed))


def check_seed(seed: int) -> int:
    """The seed, if it is a whole number that a generator can take; else a ValueError."""
    try:
        number = operator.index(seed)
    except TypeError:
        raise ValueError(f"seed must be a whole number, got {seed!r:.60}") from None
    if not 0 <= number < 2**63:
        raise ValueError(f"seed must be from 0 to 2^63 - 1, got {number!s:.60}")
    return number


def _usable(name: torch.device | str) -> torch.device:
    try:
        torch.empty(0, device=name)
    except (
        RuntimeError,
        AssertionError,
        TypeError,
    ) as error:  # torch without CUDA answers with an AssertionError
        told = str(error).partition("\n")[0]
        raise ValueError(f"device {name!s:.60} cannot be used here: {told:.300}") from None
    return torch.device(name)


def randn(
    shape, like: Tensor, generator: torch.Generator | Sequence[torch.Generator] | None = None
) -> Tensor:
    """Standard normal draws with the dtype and device of ``like``, from a generator on any device.

    With one generator for each image of a batch, an image gets the numbers that it would get alone.
    """
    return _draw(torch.randn, shape, like, generator)


def rand(shape, like: Tensor, generator: torch.Generator | Sequence[torch.Generator] | None = None) -> Tensor:
    """Uniform draws from [0, 1), otherwise as :func:`~nflib.units.randn`."""
    return _draw(torch.rand, shape, like, generator)


def _draw(law, shape, like, generator) -> Tensor:
    if isinstance(generator, Sequence):
        draws = [
            law(tuple(shape[1:]), dtype=like.dtype, device=one.device, generator=one) for one in generator
        ]
        return torch.stack(draws).to(like.device) if draws else like.new_empty(tuple(shape))
    source = like.device if generator is None else generator.device
    return law(tuple(shape), dtype=like.dtype, device=source, generator=generator).to(like.device)


def parse_range(text: str, name: str) -> float | tuple[float, float]:
    """A number, "1.2", or two from low to high, "0.7:1.6".

    >>> parse_range("0.7:1.6", "strength")
    (0.7, 1.6)

    Raises:
        ValueError: it is neither; ``name`` says of what.
    """
    try:
        numbers = [float(part) for part in text.split(":")]
    except ValueError:
        numbers = []
    if len(numbers) not in (1, 2) or numbers != sorted(numbers):
        raise ValueError(f"{name} must be a number or LOW:HIGH, such as 0.7:1.6, got {text}")
    return numbers[0] if len(numbers) == 1 else (numbers[0], numbers[1])


def progress(iterable: Any, description: str = "", total: int | None = None) -> tqdm:
    """A progress bar around an iterable. Silent where nobody watches, in executed notebooks, in CI and in
    pipes, unless ``progress_lines`` was asked for. Within ``progress_to`` it goes there.
    """
    from tqdm import tqdm

    if _report is not None:
        return _reporting()(iterable, total=total, file=io.StringIO(), mininterval=0, miniters=1)
    watched = _has_terminal()
    if watched or _seconds_between_lines is None or sys.stderr is None:
        return tqdm(iterable, desc=description, total=total, disable=not watched, leave=False)
    return _lines()(
        iterable,
        desc=description,
        total=total,
        file=sys.stderr,
        bar_format=LINE,
        mininterval=min(0.1, _seconds_between_lines),
        miniters=1,
    )


def say(line: str) -> None:
    """A line on stderr, such as what a long job is about to do, where progress is shown; else nothing."""
    if _has_terminal() or _seconds_between_lines is not None:
        _print(shown(line))


def _has_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()  # a service may have none


def _print(line: object) -> None:
    if sys.stderr is not None:
        with contextlib.suppress(OSError):  # nobody reads it any more
            print(line, file=sys.stderr, flush=True)


# What a line of progress says.
LINE = "{desc}: {n_fmt} of {total_fmt}, {elapsed}, {remaining} left{postfix}"
_seconds_between_lines: float | None = None
_last_line = -math.inf


@contextlib.contextmanager
def progress_lines(seconds: float | None = 5.0) -> Iterator[None]:
    """Within this context progress without a terminal is a line on stderr every few seconds (None for none),
    of whatever goes on then, the first after that time: long jobs in a pipe, in a batch system or in a log.
    """
    global _seconds_between_lines, _last_line
    before, _seconds_between_lines = _seconds_between_lines, seconds
    _last_line = time.monotonic()
    try:
        yield
    finally:
        _seconds_between_lines = before


def seconds_between_lines() -> float | None:
    """How often progress without a terminal is told now; None for never."""
    return _seconds_between_lines


_report: Callable[[float, float], None] | None = None


@contextlib.contextmanager
def progress_to(report: Callable[[float, float], None]) -> Iterator[None]:
    """Within this context nothing is shown, and progress goes to a function: how much is done, and of how
    much. Progress within progress, such as tiles of a photo, is a part of one.

    >>> told = []
    >>> with progress_to(lambda done, total: told.append((done, total))):
    ...     for photo in progress(["a", "b"]):
    ...         for tile in progress(range(4)):
    ...             pass
    >>> told[0], told[3], told[-1]
    ((0, 2), (0.5, 2), (2, 2))
    """
    global _report
    before, _report = _report, report
    try:
        yield
    finally:
        _report = before


def is_told() -> bool:
    """Whether progress goes to a function now."""
    return _report is not None


@functools.cache
def _reporting() -> type[tqdm]:
    """Progress that is not shown but told."""
    from tqdm import tqdm

    running: list[Any] = []

    class Reporting(tqdm):
        def __init__(self, *arguments: Any, **options: Any):
            self.around = running[-1] if running else None
            running.append(self)
            super().__init__(*arguments, **options)

        def display(self, msg: str | None = None, pos: int | None = None) -> None:
            done, outermost = self.n, self
            while outermost.around is not None:
                done = outermost.around.n + done / max(outermost.total or 1, 1)
                outermost = outermost.around
            if _report is not None:
                _report(done, outermost.total or 0)

        def close(self) -> None:
            if self in running:
                self.display()
                running.remove(self)
            self.disable = True

    return Reporting


@functools.cache
def _lines() -> type[tqdm]:
    """A progress bar that writes whole lines, not oftener than asked for."""
    from tqdm import tqdm

    class Lines(tqdm):
        def display(self, msg: str | None = None, pos: int | None = None) -> None:
            global _last_line
            now = time.monotonic()
            if msg is None and now - _last_line >= (_seconds_between_lines or 0):
                _last_line = now
                _print(shown(self))

        def close(self) -> None:
            self.disable = True

    return Lines


def numbered_generator(*numbers: int) -> torch.Generator:
    """A generator that depends on these numbers only, such as (seed, step): what resumes exactly must not
    depend on history.
    """
    state = np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state >> np.uint64(1)))
