"""What the commands of ``tools/dev.py`` and the stages of ``tools/checks.py`` do: run a program, execute
notebooks, build pages.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import environment

ROOT = environment.ROOT
SITE = ROOT / "_build" / "html"


def in_environment(*command: str, stdout: int | None = None, **variables: str) -> int:
    """Run a program of ``.venv`` in the repository root; returns its exit status."""
    path = os.pathsep.join([str(environment.venv_program("python").parent), os.environ.get("PATH", "")])
    program = environment.venv_program(command[0])
    variables = {**os.environ, "PATH": path, **variables}
    return subprocess.run([str(program), *command[1:]], cwd=ROOT, env=variables, stdout=stdout).returncode


def build_site(profile: str, output: Path) -> int:
    """Build the pages strictly into ``output/_build/html``; a failed build is not remembered."""
    command = [
        "jupyter-book",
        "build",
        "-W",
        "--keep-going",
        "-n",
        "-q",
        "--path-output",
        str(output),
        "book/",
    ]
    status = in_environment(
        *command, stdout=subprocess.DEVNULL, NFLIB_PROFILE=profile
    )  # what is wrong is on stderr
    if status:  # else the next run would find the pages unchanged, and so nothing to complain about
        shutil.rmtree(output / "_build" / ".doctrees", ignore_errors=True)
    return status


# What is wrong in form or in types, without running anything.
LINTERS = (
    ("ruff", "format", "--check", "--quiet"),
    ("ruff", "check", "--quiet"),
    ("mypy", "--no-error-summary"),
)


def lint() -> list[str]:
    """Run the formatter, the linter and the type checker; the commands that complained."""
    return [" ".join(command) for command in LINTERS if in_environment(*command)]


def notebooks(profile: str, only: list[str]) -> int:
    """Execute the notebooks that are not up to date."""
    from execution import ExecutionError, execute_missing

    environment.setup()
    print(f"Notebooks, profile {profile} (only what changed is executed):", flush=True)
    try:
        execute_missing(
            ROOT,
            profile,
            python=str(environment.venv_program("python")),
            only=only,
            say=lambda s: print(s, flush=True),
        )
    except (ExecutionError, ValueError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0


def book() -> int:
    """Environment, notebooks, pages."""
    profile = os.environ.get("NFLIB_PROFILE", "cpu")
    if notebooks(profile, []):
        return 1
    print("Pages (strictly: a warning is an error)", flush=True)
    status = build_site(profile, ROOT)
    if status or not (SITE / "index.html").is_file():
        print("The book was not built; the messages above say why.", file=sys.stderr)
        return status or 1
    print(f"\nThe book is ready. Open {SITE / 'index.html'}\nor run `make serve`.")
    return 0
