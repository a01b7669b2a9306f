"""One job on a folder, done by several processes: each has its share of the images, and none waits for
another.
"""

from __future__ import annotations

import os
import pickle
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch

from .. import processes, units
from ..files import reason
from .samples import Samples


def shared(
    source: str | os.PathLike, job: Callable[..., Samples], device: torch.device | str | None, devices: int
) -> Samples:
    """Do this process's share of a job, on one device or divided among several.

    Args:
        source: for messages.
        job: called with the keywords ``device`` and ``share`` (:class:`~nflib.processes.Share`). Of several
            devices each has a process of its own, which must be able to import the function: a
            :func:`functools.partial` of one in a module.
        device: "cpu", "cuda", ...; ``nflib.device()`` by default.
        devices: how many.

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
        done = _together([(job, place, share.part(i, devices)) for i, place in enumerate(places)])
    if (
        share.count == 1 and done.skipped and not (done.written or done.kept)
    ):  # other processes may have better ones
        raise ValueError(
            f"{source}: none of {len(done.skipped)} images could be used; the first: {done.skipped[0]}"
        )
    return done


def _together(tasks: list[tuple]) -> Samples:
    threads = max(torch.get_num_threads() // len(tasks), 1)
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / str(i) for i in range(len(tasks))]
        try:
            torch.multiprocessing.spawn(_answer, (tasks, files, threads), len(tasks))
        except torch.multiprocessing.ProcessExitedException as error:
            count = len(tasks)
            raise ValueError(
                f"one of {count} processes died and the others were stopped: {error}; start the job "
                "again, and it goes on"
            ) from None
        answers = [pickle.loads(file.read_bytes()) for file in files]  # our own, of a moment ago
    for answer in answers:
        if isinstance(answer, str):
            raise ValueError(answer)
    return Samples._make(
        sum(parts) if name == "kept" else tuple(sorted(sum(parts, ())))
        for name, parts in zip(Samples._fields, zip(*answers))
    )


def _answer(index: int, tasks: list[tuple], files: list[Path], threads: int) -> None:
    """What each process does: leave what it did, or why it could not, in its file."""
    torch.set_num_threads(threads)
    processes.keep_freed_memory()
    job, device, share = tasks[index]
    try:
        answer = job(device=device, share=share)
    except (
        ValueError,
        OSError,
    ) as error:  # what is told to the user in one line; all else is a fault and comes with its trace
        answer = reason(error)
    files[index].write_bytes(pickle.dumps(answer))
