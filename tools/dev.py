"""The commands behind the Makefile; run them directly where there is no make: python3 tools/dev.py COMMAND

Needs nothing but Python: what else is needed goes into ``.venv`` first.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

import building
import environment
from building import ROOT, SITE, book, in_environment, notebooks


def setup() -> int:
    """Make the environment."""
    environment.setup()
    print("Ready: .venv. Next: make book")
    return 0


def strip() -> int:
    """Bring every notebook into the form in which it is committed."""
    from notebooks import sources
    from notebooks import strip as strip_one

    changed = [path.name for path in sources(ROOT / "book") if strip_one(path)]
    print("stripped: " + ", ".join(changed) if changed else "every notebook is in the committed form already")
    return 0


def test() -> int:
    """Every check, stage by stage, with notebooks in the smoke profile; see ``tools/checks.py``."""
    from checks import run_all

    environment.setup()
    return run_all("smoke")


def test_full() -> int:
    """The same with notebooks in the profile that readers see."""
    from checks import run_all

    environment.setup()
    return run_all("cpu")


def times() -> int:
    """Record how long the notebooks took when they were executed last, and what they checked."""
    from times import write

    print("\n".join(write(ROOT)))
    return 0


def lint() -> int:
    """Format, lint and types; says how to mend the first two."""
    environment.setup()
    complained = building.lint()
    if complained:
        print(f"\nFailed: {'; '.join(complained)}", file=sys.stderr)
        print("ruff format and ruff check --fix mend most of what ruff finds.", file=sys.stderr)
    return 1 if complained else 0


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


COMMANDS = {
    "setup": setup,
    "book": book,
    "test": test,
    "test-full": test_full,
    "times": times,
    "lint": lint,
    "serve": serve,
    "clean": clean,
    "notebooks": notebooks,
    "strip": strip,
    "constraints": constraints,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python3 tools/dev.py", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("setup", help="make the environment in .venv (the other commands do it themselves)")
    commands.add_parser("book", help="execute the notebooks and build the pages in _build/html")
    commands.add_parser("test", help="run every check; notebooks in the smoke profile")
    commands.add_parser("test-full", help="run every check; notebooks as readers see them")
    commands.add_parser("times", help="record in book/times.json how long the executed notebooks took")
    commands.add_parser("lint", help="check format, lint and types")
    commands.add_parser("serve", help="show the built book in a browser").add_argument(
        "--port", type=int, default=8000
    )
    commands.add_parser("clean", help="remove what was built")
    chosen = commands.add_parser("notebooks", help="execute notebooks: all, or those named")
    chosen.add_argument("--profile", choices=("smoke", "cpu", "gpu"), default="cpu")
    chosen.add_argument("only", nargs="*", metavar="names")
    commands.add_parser("strip", help="bring notebooks into the form in which they are committed")
    commands.add_parser("constraints", help="write constraints.txt from the environment")
    options = vars(parser.parse_args())
    command = options.pop("command")
    try:
        return COMMANDS[command](**options)
    except environment.SetupError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    environment.run_with_good_python(Path(__file__).resolve())
    sys.exit(main())
