"""Runs first in every kernel that executes a notebook of the book.

1. A warning that Python attributes to our own code (a cell, or a module of nflib) is an error, and fails the
  build.
   Warnings attributed to other packages stay warnings: their import code is not ours to mend.
2. After each cell it writes down which of the repository's files the kernel has used: modules it loaded, and
   files it read. A notebook is executed again when one of them changes.
3. Beside them it writes down the seconds of every cell so far, and the processor seconds of the kernel.
"""


def _start() -> None:
    import json
    import os
    import sys
    import time
    import warnings
    from pathlib import Path

    from IPython import get_ipython

    warnings.filterwarnings("error", module=r"(nflib(\..*)?|__main__)$")
    warnings.simplefilter(
        "ignore", ResourceWarning
    )  # Python's default; raised while collecting garbage it stops nothing

    root, report = Path(os.environ["NFLIB_ROOT"]), Path(os.environ["NFLIB_RECORD"])
    opened, written = set(), set()
    writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT

    def watch(event, args) -> None:
        if event == "open" and isinstance(args[0], (str, os.PathLike)):
            path, mode, flags = args
            changes = set(mode or "") & set("wax+") or (isinstance(flags, int) and flags & writing)
            (written if changes else opened).add(os.path.abspath(os.fsdecode(path)))
        elif event == "subprocess.Popen" and "nflib" in str(args[:2]):
            opened.update(
                str(p) for p in root.glob("nflib/**/*.py")
            )  # the command line: it may use any module

    def inside(path) -> str | None:
        """Path relative to the repository, or None if it is elsewhere, generated or hidden."""
        try:
            parts = Path(path).relative_to(root).parts
        except (TypeError, ValueError):
            return None
        generated = any(
            p.startswith((".", "_build", "__pycache__")) or p.endswith(".egg-info") for p in parts
        )
        return None if generated or not Path(path).is_file() else "/".join(parts)

    cells: list[float] = []
    begun = [time.monotonic()]

    def begin(*_) -> None:
        begun[0] = time.monotonic()

    def record(*_) -> None:
        cells.append(round(time.monotonic() - begun[0], 2))
        spent = os.times()  # of all threads, and of the commands that cells have run
        processor = spent.user + spent.system + spent.children_user + spent.children_system
        loaded = {getattr(m, "__file__", None) for m in list(sys.modules.values())} - {None}
        used = {inside(path) for path in loaded | opened - written} - {None}
        part = report.with_suffix(".part")
        known = {"used": sorted(used), "cells": cells, "processor_seconds": round(processor, 1)}
        part.write_text(json.dumps(known), encoding="utf-8")
        part.replace(report)

    sys.addaudithook(watch)
    get_ipython().events.register("pre_run_cell", begin)
    get_ipython().events.register("post_run_cell", record)


_start()
del _start
