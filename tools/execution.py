"""Executing the book's notebooks with papermill: once, and again only when something they use has changed.

Results go to ``_build/executed/<profile>/NAME.ipynb`` with ``NAME.stamp.json`` beside it: a hash of the code
cells and of the repository's files that the kernel really used (``tools/kernel`` writes them down), and the
seconds it took. Only the standard library is needed here, so that the book's Sphinx extension and
``tools/dev.py`` share it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cores
from notebooks import sources, tags, text

PROFILES = ("smoke", "cpu", "gpu")
CELL_TIMEOUT = 1800  # seconds
LONG_CELL = 5  # seconds from which a cell is told of while its notebook is executed
_KERNEL = Path(__file__).with_name("kernel")
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


class ExecutionError(RuntimeError):
    """A cell failed; the message names the notebook and the cell and shows the error."""


def executed_folder(root: Path, profile: str) -> Path:
    """Where the executed notebooks of a profile lie."""
    if profile not in PROFILES:
        raise ValueError(f"profile must be one of {', '.join(PROFILES)}, got {profile!r}")
    return root / "_build" / "executed" / profile


def code_cells(notebook: dict) -> list[dict]:
    """The code cells a reader wrote: without the one papermill injects."""
    return [c for c in notebook["cells"] if c["cell_type"] == "code" and "injected-parameters" not in tags(c)]


def _package_data(folder: Path) -> set[Path]:
    """Files of a package that are not Python: data, weights, scripts. Packages inside it are not counted with
    it.
    """
    found = set()
    for path in folder.iterdir():
        if path.is_dir() and path.name != "__pycache__" and not (path / "__init__.py").exists():
            found |= _package_data(path)
        elif path.is_file() and path.suffix not in (".py", ".pyc") and not path.name.startswith("."):
            found.add(path)
    return found


def fingerprint(root: Path, notebook: dict, used: list[str]) -> str:
    """A hash of everything an execution depends on.

    Args:
        root: the repository.
        notebook: the notebook as committed; its prose does not count.
        used: files the kernel used, relative to ``root``.
    """
    files = {root / name for name in used} | {root / "constraints.txt"} | set(_KERNEL.rglob("*.py"))
    for folder in {
        path.parent for path in files if path.suffix == ".py" and (path.parent / "__init__.py").exists()
    }:
        files |= _package_data(folder)
    digest = hashlib.sha256(
        json.dumps([[text(c), "parameters" in tags(c)] for c in code_cells(notebook)]).encode()
    )
    for path in sorted(files):
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "missing"
        digest.update(f"{os.path.relpath(path, root)} {content}\n".encode())
    return digest.hexdigest()


def stamp_of(root: Path, source: Path, profile: str) -> dict | None:
    """What is known of the last execution of a notebook: "fingerprint", "used", and its times as
    :func:`execute` returns them. None if it has not been executed.
    """
    executed = executed_folder(root, profile) / source.relative_to(root / "book")
    stamp = executed.with_suffix(".stamp.json")
    there = executed.is_file() and stamp.is_file()
    return json.loads(stamp.read_text(encoding="utf-8")) if there else None


def is_current(root: Path, source: Path, profile: str) -> bool:
    """Whether the executed notebook is there, with its times, and nothing it depends on has changed since."""
    known = stamp_of(root, source, profile)
    if known is None or "cells" not in known:
        return False
    notebook = json.loads(source.read_text(encoding="utf-8"))
    return known["fingerprint"] == fingerprint(root, notebook, known["used"])


def kernel_environment(root: Path, record: Path, ipython: Path, kernels: int = 1) -> dict[str, str]:
    """Environment of one of ``kernels`` beside each other: reproducible, quiet, and no more threads than a
    laptop has to spare.
    """
    fixed = {
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "PYTHONHASHSEED": "0",
        "PYTHONWARNINGS": "",
        "TQDM_DISABLE": "1",
        "IPYTHONDIR": str(ipython),
        "JUPYTER_PREFER_ENV_PATH": "1",  # not a python3 kernel the user has for something else
        "NFLIB_ROOT": str(root),
        "NFLIB_RECORD": str(record),
    }
    return {**cores.thread_variables(kernels), **os.environ, **fixed}


def failure(source: Path, part: Path, log: str) -> str:
    """What to tell when papermill ends with an error."""
    cells = code_cells(json.loads(part.read_text(encoding="utf-8"))) if part.is_file() else []
    for number, cell in enumerate(cells, 1):
        for output in cell.get("outputs", []):
            if output["output_type"] == "error":
                where = f"{source.parent.name}/{source.name}, code cell {number} (id {cell.get('id')})"
                trace = _ANSI.sub("", "\n".join(output["traceback"]))
                return (
                    f"{where}: {output['ename']}: "
                    f"{_ANSI.sub('', output['evalue'])}\n\n{text(cell)}\n\n{trace}"
                )
    return f"{source.parent.name}/{source.name} could not be executed\n\n{log[-4000:]}"


@dataclass(frozen=True)
class Kernel:
    """What a kernel has written down so far: the files it used, and its times."""

    used: list[str]
    cells: list[float]  # seconds; the second is papermill's parameters
    processor_seconds: float


def _kernel(record: Path) -> Kernel:
    return Kernel(**json.loads(record.read_text(encoding="utf-8")))


def _wait(process: subprocess.Popen, record: Path, cells: list[dict], tell: Callable[[str], None]) -> None:
    """Wait for papermill, and tell of each long cell once it is done."""
    told = 0
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.5)
        done = _kernel(record).cells if record.is_file() else []
        done = done[:1] + done[2:]
        for number, seconds in enumerate(done[told:], told + 1):
            if seconds >= LONG_CELL:
                tell(f"cell {number} of {len(cells)} ({cells[number - 1].get('id')}) in {seconds:.0f} s")
        told = len(done)
        if process.returncode is not None:
            return


def execute(
    root: Path, source: Path, profile: str, *, python: str, kernels: int = 1, tell: Callable = print
) -> dict:
    """Execute one notebook and put the result in its place.

    Args:
        root: the repository.
        source: a notebook of ``root/book``.
        profile: "smoke", "cpu" or "gpu".
        python: an interpreter with papermill.
        kernels: how many notebooks are executed beside each other.
        tell: where it goes which cell took how long.

    Returns:
        Its times: "seconds", "processor_seconds" of the kernel, and "cells" with the seconds of each.

    Raises:
        ExecutionError: a cell failed; what the notebook had shown by then is kept beside the result as
            ``NAME.failed.ipynb``.
    """
    target = executed_folder(root, profile) / source.relative_to(root / "book")
    stamp, failed = target.with_suffix(".stamp.json"), target.with_suffix(".failed.ipynb")
    target.parent.mkdir(parents=True, exist_ok=True)
    stamp.unlink(missing_ok=True)
    failed.unlink(missing_ok=True)
    started, begun = time.monotonic(), time.time()
    with tempfile.TemporaryDirectory(prefix="nflib-kernel-") as scratch:
        # its own place until it is whole: another build of this checkout may be at the same notebook
        place = Path(scratch)
        record, ipython, result = place / "record.json", place / "ipython", place / target.name
        shutil.copytree(_KERNEL, ipython)
        before = json.loads(source.read_text(encoding="utf-8"))
        command = [python, "-m", "papermill", str(source), str(result), "-p", "profile", profile]
        command += ["-k", "python3", "--cwd", str(source.parent), "--no-progress-bar"]
        command += ["--execution-timeout", str(CELL_TIMEOUT)]
        with (place / "log").open("w+", encoding="utf-8", errors="replace") as log:
            process = subprocess.Popen(
                command,
                cwd=root,
                env=kernel_environment(root, record, ipython, kernels),
                stdout=log,
                stderr=subprocess.STDOUT,
            )
            try:
                _wait(process, record, code_cells(before), tell)
            finally:
                process.kill()
        if process.returncode:
            if result.is_file():
                shutil.copy(result, failed)
            said = (place / "log").read_text(encoding="utf-8", errors="replace")
            raise ExecutionError(failure(source, failed, said))
        kernel = _kernel(record)
        part = target.with_name(f"{target.name}.{os.getpid()}.part")
        shutil.copy(result, part)
    cells = [cell.get("id") for cell in code_cells(before)]
    times = {
        "seconds": round(time.monotonic() - started, 1),
        "processor_seconds": kernel.processor_seconds,
        "cells": dict(zip(cells, kernel.cells[:1] + kernel.cells[2:], strict=True)),
    }
    part.replace(target)
    if any((root / name).stat().st_mtime > begun for name in [*kernel.used, str(source)]):
        return times  # edited meanwhile: nobody knows which version ran, so no stamp, and it runs again
    known = {"fingerprint": fingerprint(root, before, kernel.used), **times, "used": kernel.used}
    stamp_part = stamp.with_suffix(".part")
    stamp_part.write_text(json.dumps(known, indent=1), encoding="utf-8")
    stamp_part.replace(stamp)
    return times


def _chosen(book: Path, only: list[str]) -> list[Path]:
    found = sources(book)
    wanted = {Path(name).stem for name in only}
    unknown = wanted - {path.stem for path in found}
    if unknown:
        raise ValueError(
            f"no notebook {', '.join(sorted(unknown))} in book/; there are: "
            f"{', '.join(p.stem for p in found)}"
        )
    return [path for path in found if not wanted or path.stem in wanted]


def execute_missing(
    root: Path, profile: str, *, python: str, only: list[str] | None = None, say: Callable = print
) -> int:
    """Bring every executed notebook up to date, as many at a time as there are cores and memory for; returns
    how many were executed.

    Args:
        root: the repository.
        profile: "smoke", "cpu" or "gpu".
        python: an interpreter with papermill.
        only: names of notebooks (with or without ``.ipynb``); all of the book if not given.
        say: where messages go.

    Raises:
        ExecutionError: names every notebook that failed, after all were tried.
    """
    missing = []
    for source in _chosen(root / "book", only or []):
        if is_current(root, source, profile):
            say(f"  {source.relative_to(root / 'book').as_posix()}: unchanged")
        else:
            missing.append(source)
    kernels = min(cores.workers(), len(missing)) if profile != "gpu" else 1  # one device, one kernel

    def one(source: Path) -> str:
        """What went wrong; empty if nothing."""
        name = source.relative_to(root / "book").as_posix()
        try:
            times = execute(
                root,
                source,
                profile,
                python=python,
                kernels=kernels,
                tell=lambda what: say(f"  {name}: {what}"),
            )
        except ExecutionError as error:
            say(f"  {name}: FAILED")
            return str(error)
        processor = f"{times['processor_seconds']:.0f} s of processor"
        say(f"  {name}: executed in {times['seconds']:.0f} s ({processor})")
        return ""

    with ThreadPoolExecutor(max(1, kernels)) as pool:
        failures = list(filter(None, pool.map(one, missing)))
    if failures:
        raise ExecutionError("\n\n".join(failures))
    return len(missing)
