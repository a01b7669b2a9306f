"""Which part of a job is this process's, where several processes on one or many machines do it together."""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["Share", "claimed", "launched_by", "own_share"]

# Who tells a process its number and how many there are, and which variable has its number on its machine:
# torchrun, mpirun (Open MPI; MPICH and Intel MPI), Slurm's srun. The first of them counts, if it sets both:
# other programs that start processes set one variable, and such a process may be alone with its job.
LAUNCHERS = {
    ("RANK", "WORLD_SIZE"): "LOCAL_RANK",
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"): "OMPI_COMM_WORLD_LOCAL_RANK",
    ("PMI_RANK", "PMI_SIZE"): "MPI_LOCALRANKID",
    ("SLURM_PROCID", "SLURM_NTASKS"): "SLURM_LOCALID",
}
# Slurm's numbers of steps that srun did not start: a batch script, a shell, what keeps a job.
NO_STEP = 0xFFFFFFF0


MOST = 1024  # processes of a machine, and machines


class Share(NamedTuple):
    """Part ``index`` of ``count`` equal parts of a job.

    A part is the same whenever it is asked for: it is one of the whole list, not of what is left to do.

    >>> Share(index=1, count=3).of(["a", "b", "c", "d", "e"])
    ['b', 'e']
    """

    index: int = 0  # type: ignore[assignment]
    count: int = 1  # type: ignore[assignment]

    def of(self, items: Sequence) -> Sequence:
        """Every ``count``-th item, beginning with number ``index``; nothing if there are fewer items than
        parts.
        """
        return items[self.index :: self.count]

    def part(self, index: int, count: int) -> Share:
        """Part ``index`` of ``count`` of this part."""
        return Share(self.index * count + index, self.count * count)


def own_share() -> Share:
    """The part of this process by what torchrun, mpirun or Slurm's srun told it; all of a job if nobody did.

    A batch script of Slurm is told how many tasks its job has, but is none of them: unless srun starts it, it
    is alone.

    Raises:
        ValueError: what they told is not a number and how many there are.
    """
    names = launched_by()
    return Share() if names is None else Share(*(int(os.environ[name]) for name in names))


def check_devices(kind: torch.device, n: int, nodes: int = 1) -> None:
    """Raise ValueError unless each of so many machines can have n processes with a device of this kind each,
    as far as this one knows.
    """
    for name, value in (("devices", n), ("nodes", nodes)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
        if value > MOST:
            raise ValueError(f"{name} must be at most {MOST}, got {value!s:.60}")
    if n * nodes > 1 and kind.type not in ("cpu", "cuda"):
        raise ValueError(f"several devices can work together if they are cuda or cpu, got {kind.type}")
    if n * nodes > 1 and kind.index is not None:
        raise ValueError(
            f"of several devices none can be chosen, got {kind}; CUDA_VISIBLE_DEVICES says which there are"
        )
    if kind.type == "cuda" and n > torch.cuda.device_count():
        raise ValueError(
            f"devices must be at most {torch.cuda.device_count()}, as many as there are here, got {n}"
        )


def devices(kind: torch.device, n: int = 1) -> list[torch.device]:
    """The devices of n processes that this one starts, or its own.

    Several processes that were started on a machine take its CUDA devices in turn.

    Args:
        kind: "cuda", or "cuda:1", which only one process can have; or any other.
        n: how many.

    Raises:
        ValueError: there are not so many, or they cannot work together.
    """
    check_devices(kind, n)
    names = launched_by()
    if kind.type != "cuda" or kind.index is not None or (n == 1 and names is None):
        return [kind] * n
    there = torch.cuda.device_count()
    local = 0 if names is None else int(os.environ.get(LAUNCHERS[names], 0))
    return [torch.device("cuda", (local * n + i) % there) for i in range(n)]


@contextlib.contextmanager
def claimed(folder: Path, share: Share = Share()) -> Iterator[None]:
    """Own a folder, which must be there, for as long as a job writes into it.

    Processes that do a part each own it together. What a killed process owned is free again. Where there are
    no locks (Windows, some network file systems) nothing is owned and nothing refused.

    Raises:
        ValueError: another job writes there, or another process of this machine does the same part.
    """
    part = hashlib.sha256(os.fsencode(f"{folder.resolve()} {share}")).hexdigest()[:16]
    mine = Path(tempfile.gettempdir()) / f"nflib-{part}.lock"
    with contextlib.ExitStack() as held:
        free = _lock(folder, held, shared=share.count > 1)
        if free and share.count > 1:
            mine.touch()
            held.callback(mine.unlink, missing_ok=True)
            free = _lock(mine, held, shared=False)
        if not free:
            raise ValueError(
                f"{folder}: another job is writing there; wait until it is done, or choose another folder"
            )
        yield


def _lock(path: Path, held: contextlib.ExitStack, *, shared: bool) -> bool:
    """Whether a file or folder is locked now, until ``held`` is closed, or cannot be locked at all."""
    try:
        import fcntl
    except ImportError:  # Windows
        return True
    file = os.open(path, os.O_RDONLY)
    held.callback(os.close, file)
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True


def keep_freed_memory() -> None:
    """Let this process keep, for what it allocates next, what it freed: else every layer of a network gets
    its memory from the system anew, which takes as long as small networks compute.

    Blocks below 32 MiB, up to 256 MiB of them; larger ones go back at once. With the GNU C library only.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(-3, 2**25)  # M_MMAP_THRESHOLD: as large as it may be
        mallopt(-1, 2**28)  # M_TRIM_THRESHOLD


def rank() -> int:
    """The number of this process among all that work together, 0 if it is alone; also before they are
    connected.
    """
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank()
    return own_share().index


def is_first() -> bool:
    return rank() == 0


def wait() -> None:
    """Wait until all processes are here."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.barrier()


def mean_over_processes(value: Tensor) -> Tensor:
    """The mean of what each process has of this tensor; every process gets the same."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.all_reduce(value)
        value /= torch.distributed.get_world_size()
    return value


def launched_by() -> tuple[str, str] | None:
    """The variables of who started this process as one of several; None if it is alone."""
    for names in LAUNCHERS:
        if any(name not in os.environ for name in names):
            continue
        if names[0] == "SLURM_PROCID" and not _is_task_of_srun():
            continue
        found = [os.environ[name] for name in names]
        if not all(value.isdecimal() for value in found) or not int(found[0]) < int(found[1]):
            raise ValueError(
                f"{' and '.join(names)} are {' and '.join(found)}, expected the number of this process, "
                "from 0, and how many there are"
            )
        if int(found[1]) > 1:
            return names
    return None


def _is_task_of_srun() -> bool:
    """Whether the variables of Slurm are of a step that srun started. Those of a batch script, which sbatch
    starts once, are of the whole job; it has no number of a step, or one that is kept for such.
    """
    step = os.environ.get("SLURM_STEP_ID", os.environ.get("SLURM_STEPID", ""))
    return step.isdecimal() and int(step) < NO_STEP
