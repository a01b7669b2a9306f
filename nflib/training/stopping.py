"""A training that is asked to stop does so after its step, when it has written what it needs to go on."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

from .._signals import heard


class Stopped(KeyboardInterrupt):
    """A training that was asked to stop by Ctrl-C or SIGTERM, and did. Its state is written.

    >>> str(Stopped(signal.SIGTERM, 40, Path("run")))
    'run: stopped at step 40; the same command with --resume goes on'

    Attributes:
        signal: the number of the signal.
        step: how far it got.
    """

    def __init__(self, number: int, step: int, out: Path):
        super().__init__(f"{out}: stopped at step {step}; the same command with --resume goes on")
        self.signal, self.step = number, step


class Asked(Exception):
    """What leaves the loop of a trainer; Lightning would take a KeyboardInterrupt for its own."""


class StopRequest:
    """Whether somebody asked this process to stop, and by which signal; asked twice it stops at once.

    >>> StopRequest().signal is None
    True

    Args:
        at_once: also asked once.
    """

    def __init__(self, at_once: bool = False) -> None:
        self.signal: int | None = None
        self.at_once = at_once

    def __call__(self, number: int, frame: object) -> None:
        again, self.signal = self.signal is not None, number
        if again or self.at_once:
            raise KeyboardInterrupt


@contextlib.contextmanager
def stop_request(at_once: bool = False) -> Iterator[StopRequest]:
    """Listen for Ctrl-C, SIGTERM and SIGHUP; not in a thread, which gets no signals.

    Args:
        at_once: end what goes on by a KeyboardInterrupt, as several processes must that wait for each other.
            SIGTERM is left to Lightning then, which tells the others.
    """
    request = StopRequest(at_once)
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    numbers = [signal.SIGINT, *heard()]
    if at_once and signal.SIGTERM in numbers:
        numbers.remove(signal.SIGTERM)
    before = [signal.signal(number, request) for number in numbers]
    try:
        yield request
    finally:
        for number, handler in zip(numbers, before):
            signal.signal(number, handler)
