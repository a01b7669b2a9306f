"""The environment of the book in ``.venv``: found or made, and left alone when it is already right.

Standard library only, and old-Python syntax at import: whatever ``python3`` is, it must get far enough to say
what is missing.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
STAMP = VENV / "nflib-setup.txt"
OLDEST, NEWEST_TESTED = (3, 11), (3, 13)
EXTRAS = "book,train,metrics,perceptual,test,lint"
NAMES = ("python3", "python3.13", "python3.12", "python3.11", "python")


class SetupError(RuntimeError):
    """The environment cannot be made; the message says what to do."""


def version_of(python: str | Path) -> tuple[int, int] | None:
    """(major, minor) of an interpreter, None if it does not run."""
    try:
        run = subprocess.run(
            [str(python), "-c", "import sys; print(*sys.version_info[:2])"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    except OSError:
        return None
    return tuple(int(n) for n in run.stdout.split()) if run.returncode == 0 else None


def find_python() -> str:
    """The interpreter to make the environment with: PYTHON if set, else the first good one of ``NAMES``."""
    chosen = os.environ.get("PYTHON")
    names = (chosen,) if chosen else NAMES
    seen, newer = {}, None
    for name in names:
        path = shutil.which(name)
        version = version_of(path) if path else None
        if version is None:
            continue
        seen[name] = version
        if version >= OLDEST and (version <= NEWEST_TESTED or chosen):
            return path
        newer = newer or (path if version > NEWEST_TESTED else None)
    if newer:
        return newer
    found = ", ".join(f"{name} is {v[0]}.{v[1]}" for name, v in seen.items()) or "none was found"
    raise SetupError(
        f"Python 3.11, 3.12 or 3.13 is needed; {found}.\nInstall one (python.org, apt install "
        "python3.12-venv, "
        "brew install python@3.12) or name it: make setup PYTHON=/path/to/python3.12"
    )


def venv_program(name: str) -> Path:
    """A program of the environment."""
    return VENV / ("Scripts" if os.name == "nt" else "bin") / (name + (".exe" if os.name == "nt" else ""))


def wanted() -> str:
    """What the environment depends on, as text; equal text means nothing to do."""
    digest = hashlib.sha256()
    for name in ("pyproject.toml", "constraints.txt"):
        digest.update((ROOT / name).read_bytes())
    return f"{ROOT}\n{os.environ.get('TORCH_INDEX', '')}\n{digest.hexdigest()}\n"


def pip(*arguments: str) -> None:
    """Run ``pip install`` of the environment and show what it fetches and installs."""
    command = [str(venv_program("python")), "-m", "pip", "install", "--disable-pip-version-check", *arguments]
    print("  " + " ".join(["pip", *command[3:]]), flush=True)
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, errors="replace") as run:
        for line in run.stdout:
            if not line.startswith("Requirement already satisfied"):
                print("  " + line, end="", flush=True)
    if run.returncode:
        raise SetupError(
            "pip could not install the packages; its message is above. `make setup` tries again."
        )


def _make_venv() -> None:
    python = find_python()
    print(f"Making .venv with {python} (Python {'.'.join(map(str, version_of(python)))})", flush=True)
    shutil.rmtree(VENV, ignore_errors=True)
    if subprocess.run([python, "-m", "venv", str(VENV)]).returncode:
        shutil.rmtree(VENV, ignore_errors=True)
        raise SetupError(
            f"{python} cannot make a virtual environment; on Debian and Ubuntu: apt install python3-venv"
        )


def _no_gpu_hint() -> None:
    if platform.system() == "Linux" and not os.environ.get("TORCH_INDEX") and not shutil.which("nvidia-smi"):
        print(
            "  No NVIDIA GPU seen. If pip starts to fetch CUDA packages (2 GB), this avoids it:\n"
            "  make setup TORCH_INDEX=https://download.pytorch.org/whl/cpu",
            flush=True,
        )


def setup() -> None:
    """Make ``.venv`` with everything the book and its tests need; instant if it is there.

    Environment variables: PYTHON (interpreter to use), TORCH_INDEX (package index asked first for torch and
    torchvision).

    Raises:
        SetupError: no suitable Python, no venv module, or pip failed.
    """
    version = version_of(venv_program("python"))
    stamp = STAMP.read_text(encoding="utf-8") if STAMP.is_file() else ""
    if version and version >= OLDEST and stamp == wanted():
        return
    if not version or version < OLDEST or (stamp and stamp.splitlines()[0] != str(ROOT)):
        _make_venv()  # missing, broken, too old, or moved with the folder: its programs hold absolute paths
    STAMP.unlink(missing_ok=True)
    print("Installing the packages (1.5 GB; minutes the first time)", flush=True)
    _no_gpu_hint()
    if os.environ.get("TORCH_INDEX"):
        pip("--index-url", os.environ["TORCH_INDEX"], "-c", "constraints.txt", "torch", "torchvision")
    pip("-c", "constraints.txt", "torch", "torchvision", "-e", f".[{EXTRAS}]")
    STAMP.write_text(wanted(), encoding="utf-8")
    print("The environment is ready: .venv", flush=True)


def run_with_good_python(script: Path) -> None:
    """Start ``script`` again with Python 3.11 or newer if this one is older."""
    if sys.version_info[:2] < OLDEST:
        python = find_python()
        sys.stdout.flush()
        os.execv(python, [python, str(script), *sys.argv[1:]])
