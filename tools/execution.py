"""Executing the book's notebooks with papermill: once, and again only when something they use has changed.

Results go to ``_build/executed/<profile>/NAME.ipynb`` with ``NAME.stamp.json`` beside it: a hash of the code
cells and of the repository's files that the kernel really used (``tools/kernel`` writes them down). Only the
standard library is needed here, so that the book's Sphinx extension and ``tools/dev.py`` share it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from notebooks import sources, tags, text

PROFILES = ("smoke", "cpu", "gpu")
CELL_TIMEOUT = 1800  # seconds
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


def is_current(root: Path, source: Path, profile: str) -> bool:
    """Whether the executed notebook is there and nothing it depends on has changed since."""
    executed = executed_folder(root, profile) / source.relative_to(root / "book")
    stamp = executed.with_suffix(".stamp.json")
    if not (executed.is_file() and stamp.is_file()):
        return False
    known = json.loads(stamp.read_text(encoding="utf-8"))
    notebook = json.loads(source.read_text(encoding="utf-8"))
    return known["fingerprint"] == fingerprint(root, notebook, known["used"])


def kernel_environment(root: Path, record: Path, ipython: Path) -> dict[str, str]:
    """Environment of the kernel: reproducible, quiet, and no more threads than a laptop has to spare."""
    threads = str(min(2, os.cpu_count() or 1))
    defaults = {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
    defaults["OMP_WAIT_POLICY"] = (
        "PASSIVE"  # waiting threads that spin make small products 30 times slower on a busy machine
    )
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
    return {**defaults, **os.environ, **fixed}


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


def execute(root: Path, source: Path, profile: str, python: str) -> float:
    """Execute one notebook and put the result in its place.

    Args:
        root: the repository.
        source: a notebook of ``root/book``.
        profile: "smoke", "cpu" or "gpu".
        python: an interpreter with papermill.

    Returns:
        Seconds it took.

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
        record, ipython, result = (
            Path(scratch, "used.json"),
            Path(scratch, "ipython"),
            Path(scratch, target.name),
        )
        shutil.copytree(_KERNEL, ipython)
        before = json.loads(source.read_text(encoding="utf-8"))
        command = [
            python,
            "-m",
            "papermill",
            str(source),
            str(result),
            "-p",
            "profile",
            profile,
            "-k",
            "python3",
        ]
        command += [
            "--cwd",
            str(source.parent),
            "--no-progress-bar",
            "--execution-timeout",
            str(CELL_TIMEOUT),
        ]
        run = subprocess.run(
            command,
            cwd=root,
            env=kernel_environment(root, record, ipython),
            text=True,
            errors="replace",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        if run.returncode:
            if result.is_file():
                shutil.copy(result, failed)
            raise ExecutionError(failure(source, failed, run.stdout))
        used = json.loads(record.read_text(encoding="utf-8"))
        part = target.with_name(f"{target.name}.{os.getpid()}.part")
        shutil.copy(result, part)
    seconds = time.monotonic() - started
    part.replace(target)
    if any((root / name).stat().st_mtime > begun for name in [*used, str(source)]):
        return seconds  # edited meanwhile: nobody knows which version ran, so no stamp, and it runs again
    known = {"fingerprint": fingerprint(root, before, used), "seconds": round(seconds, 1), "used": used}
    stamp_part = stamp.with_suffix(".part")
    stamp_part.write_text(json.dumps(known, indent=1), encoding="utf-8")
    stamp_part.replace(stamp)
    return seconds


def execute_missing(root: Path, profile: str, python: str, only: list[str] | None = None, say=print) -> int:
    """Bring every executed notebook up to date, one at a time; returns how many were executed.

    Args:
        root: the repository.
        profile: "smoke", "cpu" or "gpu".
        python: an interpreter with papermill.
        only: names of notebooks (with or without ``.ipynb``); all of the book if not given.
        say: where messages go.

    Raises:
        ExecutionError: names every notebook that failed, after all were tried.
    """
    found = sources(root / "book")
    wanted = {Path(name).stem for name in only or []}
    unknown = wanted - {path.stem for path in found}
    if unknown:
        raise ValueError(
            f"no notebook {', '.join(sorted(unknown))} in book/; there are: "
            f"{', '.join(p.stem for p in found)}"
        )
    count, failures = 0, []
    for source in found:
        name = source.relative_to(root / "book").as_posix()
        if wanted and source.stem not in wanted:
            continue
        if is_current(root, source, profile):
            say(f"  {name}: unchanged")
            continue
        try:
            say(f"  {name}: executed in {execute(root, source, profile, python):.0f} s")
        except ExecutionError as error:
            failures.append(str(error))
            say(f"  {name}: FAILED")
        count += 1
    if failures:
        raise ExecutionError("\n\n".join(failures))
    return count
