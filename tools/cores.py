"""How much of a machine the stages may take: processes beside each other, and threads in each."""

from __future__ import annotations

import os

PROCESS_BYTES = 3 * 2**30  # what the largest chapter and the largest test hold, with their libraries


def cores() -> int:
    """Cores this process may use, which may be fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory() -> int | None:
    """Bytes of memory; None where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None


def workers() -> int:
    """How many heavy processes may run beside each other: one a core, if there is memory for each.

    NFLIB_WORKERS says another number.
    """
    chosen = os.environ.get("NFLIB_WORKERS", "")
    if chosen:
        if not chosen.isdecimal() or int(chosen) < 1:
            raise ValueError(f"NFLIB_WORKERS must be a whole number from 1 on, got {chosen!r}")
        return int(chosen)
    there = memory()
    return max(1, min(cores(), there // PROCESS_BYTES if there else 1))


def thread_variables(processes: int) -> dict[str, str]:
    """Variables that give each of ``processes`` its share of the cores, and no more than two."""
    threads = str(max(1, min(2, cores() // processes)))
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    # waiting threads that spin make small products 30 times slower on a busy machine
    return dict.fromkeys(names, threads) | {"OMP_WAIT_POLICY": "PASSIVE"}
