"""The commands behind the Makefile; run them directly where there is no make: python3 tools/dev.py COMMAND

Needs nothing but Python: what else is needed goes into ``.venv`` first.
"""

from __future__ import annotations

import argparse
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
    command = ["jupyter-book", "build", "-W", "--keep-going", "-n", "-q", "--path-output", str(output), "book/"]
    status = in_environment(*command, stdout=subprocess.DEVNULL, NFLIB_PROFILE=profile)  # what is wrong is on stderr
    if status:  # else the next run would find the pages unchanged, and so nothing to complain about
        shutil.rmtree(output / "_build" / ".doctrees", ignore_errors=True)
    return status


def notebooks(profile: str, only: list[str]) -> int:
    """Execute the notebooks that are not up to date."""
    from execution import ExecutionError, execute_missing

    environment.setup()
    print(f"Notebooks, profile {profile} (only what changed is executed):", flush=True)
    try:
        execute_missing(ROOT, profile, str(environment.venv_program("python")), only, say=lambda s: print(s, flush=True))
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


def strip() -> int:
    """Bring every notebook into the form in which it is committed."""
    from notebooks import sources
    from notebooks import strip as strip_one

    changed = [path.name for path in sources(ROOT / "book") if strip_one(path)]
    print("stripped: " + ", ".join(changed) if changed else "every notebook is in the committed form already")
    return 0


def test() -> int:
    """Every check, stage by stage; see ``tools/checks.py``."""
    from checks import run_all

    environment.setup()
    return run_all()


def serve(port: int) -> int:
    """Show the built book at http://localhost:PORT."""
    if not (SITE / "index.html").is_file():
        print("There is no book yet: make book", file=sys.stderr)
        return 1
    print(f"http://localhost:{port}  (stop with Ctrl-C)", flush=True)
    try:
        return subprocess.run(
            [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", str(SITE)]
        ).returncode
    except KeyboardInterrupt:
        return 0


def clean() -> int:
    """Remove what was built; the environment stays."""
    for path in (ROOT / "_build", ROOT / "build", ROOT / "dist", ROOT / ".pytest_cache"):
        shutil.rmtree(path, ignore_errors=True)
    print("Removed _build/. The environment .venv is kept; delete the folder to start from nothing.")
    return 0


def constraints() -> int:
    """Write constraints.txt from the environment as it is."""
    return in_environment("python", "tools/constraints.py")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python3 tools/dev.py", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("setup", help="make the environment in .venv (the other commands do it themselves)")
    commands.add_parser("book", help="execute the notebooks and build the pages in _build/html")
    commands.add_parser("test", help="run every check")
    commands.add_parser("serve", help="show the built book in a browser").add_argument("--port", type=int, default=8000)
    commands.add_parser("clean", help="remove what was built")
    chosen = commands.add_parser("notebooks", help="execute notebooks: all, or those named")
    chosen.add_argument("--profile", choices=("smoke", "cpu", "gpu"), default="cpu")
    chosen.add_argument("names", nargs="*")
    commands.add_parser("strip", help="bring notebooks into the form in which they are committed")
    commands.add_parser("constraints", help="write constraints.txt from the environment")
    options = vars(parser.parse_args())
    command = options.pop("command")
    try:
        if command == "notebooks":
            return notebooks(options["profile"], options["names"])
        if command == "setup":
            environment.setup()
            print("Ready: .venv. Next: make book")
            return 0
        return globals()[command](**options)
    except environment.SetupError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    environment.run_with_good_python(Path(__file__).resolve())
    sys.exit(main())
