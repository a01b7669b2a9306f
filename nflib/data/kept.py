"""Decoded photos that stay in memory: one budget for all the folders and all the processes of a job."""

from __future__ import annotations

import contextlib
import mmap
from collections.abc import Iterator
from weakref import WeakSet

import torch
from torch import Tensor

# Of all processes on a machine together; a large data set is read again each time.
BYTES = 2**31
# Photos from this size on are kept apart from all else.
LARGE = 2**20

_told = 1


@contextlib.contextmanager
def sharing(processes: int) -> Iterator[None]:
    """So many processes of this machine, this one included, keep photos until the end of the block; those
    that are started in it know it too.
    """
    global _told
    before, _told = _told, processes
    try:
        yield
    finally:
        _told = before


def room() -> int:
    """The bytes that this process may keep: its share among those that were told, or else among the workers
    of the loader that it works for and who started them.
    """
    worker = torch.utils.data.get_worker_info()
    return BYTES // max(_told, 1 if worker is None else worker.num_workers + 1)


class Kept:
    """Photos of one data set, by number: those that came first, while the budget of the process lasts.

    >>> kept = Kept()
    >>> kept.add(3, torch.zeros(3, 4, 5, dtype=torch.uint8))
    >>> 3 in kept, kept[3].shape, kept.bytes
    (True, torch.Size([3, 4, 5]), 60)
    """

    def __init__(self) -> None:
        self._photos: dict[int, Tensor] = {}
        self.bytes = 0
        _all.add(self)

    def __contains__(self, number: int) -> bool:
        return number in self._photos

    def __getitem__(self, number: int) -> Tensor:
        return self._photos[number]

    def __reduce__(self) -> tuple:
        return Kept, ()  # another process keeps its own

    def add(self, number: int, pixels: Tensor) -> None:
        """Keep a photo, uint8, if all data sets of this process together have room for it."""
        size = pixels.numel()
        if number not in self._photos and sum(kept.bytes for kept in _all) + size <= room():
            self._photos[number] = _apart(pixels) if size >= LARGE else pixels
            self.bytes += size


def _apart(pixels: Tensor) -> Tensor:
    """A copy in pages of its own. Between what is freed around it a photo keeps several times its size."""
    pages = mmap.mmap(-1, pixels.numel())
    return torch.frombuffer(pages, dtype=torch.uint8).view(pixels.shape).copy_(pixels)


_all: WeakSet[Kept] = WeakSet()
