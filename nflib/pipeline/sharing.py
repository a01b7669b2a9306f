"""One job on a folder, done by several processes: each has its share of the images, and none waits for
another.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch

from .. import processes, units
from ..files import reason
from .samples import Samples

# So long a process may take to end that was asked to.
SECONDS_TO_END = 10


def shared(
    source: str | os.PathLike,
    job: Callable[..., Samples],
    device: torch.device | str | None,
    devices: int,
    *,
    description: str,
) -> Samples:
    """Do this process's share of a job, on one device or divided among several.

    Args:
        source: for messages.
        job: called with the keywords ``device`` and ``share`` (:class:`~nflib.processes.Share`). Of several
            devices each has a process of its own, which must be able to import the function: a
            :func:`functools.partial` of one in a module.
        device: "cpu", "cuda", ...; ``nflib.device()`` by default.
        devices: how many.
        description: for their progress, which is one.

    Returns:
        What was done, by all processes that this one started.

    Raises:
        ValueError: there are not so many devices, the job found its input bad, a process died, or no image
            could be used.
    """
    share, places = processes.own_share(), processes.devices(units.device(device), devices)
    if devices == 1:
        done = job(device=places[0], share=share)
    else:
        parts = [(job, place, share.part(i, devices)) for i, place in enumerate(places)]
        done = _together(parts, description)
    if (
        share.count == 1 and done.skipped and not (done.written or done.kept)
    ):  # other processes may have better ones
        raise ValueError(
            f"{source}: none of {len(done.skipped)} images could be used; the first: {done.skipped[0]}"
        )
    return done


def _together(tasks: list[tuple], description: str) -> Samples:
    threads = max(torch.get_num_threads() // len(tasks), 1)
    spawning = torch.multiprocessing.get_context("spawn")
    counts = [spawning.Array("d", [0, -1]) for _ in tasks]
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / str(i) for i in range(len(tasks))]
        how = _How(threads, counts, units.seconds_between_lines())
        with _deaf():
            together = torch.multiprocessing.spawn(_answer, (tasks, files, how), len(tasks), join=False)
        bar = None
        try:
            while not together.join(timeout=0.1):
                bar = _shown(bar, counts, description)
        except torch.multiprocessing.ProcessExitedException as error:
            count = len(tasks)
            raise ValueError(
                f"one of {count} processes died and the others were stopped: {error}; start the job "
                "again, and it goes on"
            ) from None
        finally:
            _end(together.processes)
            if bar is not None:
                bar.close()
        answers = [pickle.loads(file.read_bytes()) for file in files]  # our own, of a moment ago
    for answer in answers:
        if isinstance(answer, str):
            raise ValueError(answer)
    return Samples._make(
        sum(parts) if name == "kept" else tuple(sorted(sum(parts, ())))
        for name, parts in zip(Samples._fields, zip(*answers))
    )


@contextlib.contextmanager
def _deaf() -> Iterator[None]:
    """Processes that are started within this context do not hear Ctrl-C until :func:`_answer`: else each of
    them may say how it was stopped while it began.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _shown(bar: Any, counts: list, description: str) -> Any:
    """One progress of what all processes have done, as soon as each has said of how much."""
    done, total = (round(sum(part[i] for part in counts), 2) for i in (0, 1))
    if any(part[1] < 0 for part in counts) or not total or not processes.is_first():
        return bar
    bar = units.progress(None, description, total=int(total)) if bar is None else bar
    bar.total = int(total)
    bar.n = int(done) if done.is_integer() else done
    bar.refresh()
    return bar


def _end(started: list) -> None:
    """End processes that still run, as Ctrl-C does: they leave nothing half-written."""
    for process in started:
        if process.is_alive():
            os.kill(process.pid, signal.SIGINT)
    for process in started:
        process.join(SECONDS_TO_END)
        if process.is_alive():
            process.kill()
            process.join()


class _How(NamedTuple):
    """What each process is told besides its task: how many threads it has, where all tell how much is done
    and of how much, and how often a line says it.
    """

    threads: int
    counts: list
    between_lines: float | None


def _answer(index: int, tasks: list[tuple], files: list[Path], how: _How) -> None:
    """What each process does: leave what it did, or why it could not, in its file."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    parent = torch.multiprocessing.parent_process()
    if parent is not None and not parent.is_alive():  # killed before this one could notice
        return
    torch.set_num_threads(how.threads)
    processes.keep_freed_memory()
    job, device, share = tasks[index]

    def told(done: float, total: float) -> None:
        how.counts[index][:] = done, total

    try:
        with units.progress_lines(how.between_lines), units.progress_to(told):
            answer = job(device=device, share=share)
    except (
        ValueError,
        OSError,
    ) as error:  # what is told to the user in one line; all else is a fault and comes with its trace
        answer = reason(error)
    files[index].write_bytes(pickle.dumps(answer))
