"""The wheel holds nflib, whole and alone; it works outside the repository; importing it is quick."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = (
    "lightning",
    "pytorch_lightning",
    "torchmetrics",
    "matplotlib",
    "ipywidgets",
    "anywidget",
    "lpips",
    "torchvision",
    "sklearn",
    "skimage",
    "scipy.stats",
)


def tracked(folder: str) -> set[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", folder],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return {name for name in listed.stdout.split("\0") if name and (ROOT / name).exists()}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel, built from a copy of what is in git, so that nothing left lying about gets in."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in tracked(".") - tracked("tests") - tracked("book"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_file():
            (source / name).write_bytes((ROOT / name).read_bytes())
    run = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(source)],
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    return next(out.glob("*.whl"))


def test_the_wheel_holds_the_package_and_nothing_else(wheel) -> None:
    names = {n for n in zipfile.ZipFile(wheel).namelist() if not n.endswith("/")}
    metadata = {n for n in names if n.split("/")[0].endswith(".dist-info")}
    assert names - metadata == tracked("nflib")
    assert any(n.endswith("licenses/LICENSE") for n in metadata)


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """A fresh environment with the wheel in it; what nflib requires is borrowed from this one, nflib itself
    is not.
    """
    folder = tmp_path_factory.mktemp("fresh")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, capture_output=True)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    run = subprocess.run(
        [str(python), "-m", "pip", "install", "--no-deps", "--no-index", str(wheel)],
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    where = subprocess.run(
        [str(python), "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])"],
        capture_output=True,
        text=True,
        check=True,
    )
    borrowed = Path(where.stdout.strip()) / "borrowed.pth"
    borrowed.write_text(
        "".join(f"{path}\n" for path in sorted({sysconfig.get_paths()[k] for k in ("purelib", "platlib")}))
    )
    return python


def run_outside(installed: Path, tmp_path: Path, *command: str) -> str:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    run = subprocess.run(command, cwd=tmp_path, env=clean, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_the_command_works_outside_the_repository(installed, tmp_path) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["dynamic"]["version"]
    assert version == {"attr": "nflib._version.__version__"}
    import nflib

    said = run_outside(installed, tmp_path, str(installed.with_name("nflib" + installed.suffix)), "--version")
    assert nflib.__version__ in said


def test_the_library_works_outside_the_repository(installed, tmp_path) -> None:
    code = """
import pathlib, sys, nflib, torch
assert pathlib.Path(nflib.__file__).is_relative_to(sys.prefix), nflib.__file__
fit = nflib.closed_form.gaussian.fit_unpaired(torch.randn(500).double(), 2 * torch.randn(500).double())
x = torch.randn(4, 3, 8, 8)
z, log_det = nflib.transforms.ActNorm(3)(x)
print(fit.case, tuple(log_det.shape), len(nflib.widgets.static_bundle()) > 100)
"""
    assert run_outside(installed, tmp_path, str(installed), "-c", code).split()[1:] == ["(4,)", "True"]


def imported(code: str) -> list[str]:
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert run.returncode == 0, run.stderr
    return run.stdout.split()


def test_importing_nflib_pulls_in_nothing_heavy() -> None:
    everything = (
        "import nflib, nflib.closed_form.gaussian, nflib.transforms, nflib.bases, nflib.flow, nflib.units"
    )
    code = f"{everything}; import sys; print(*[m for m in {HEAVY!r} if m in sys.modules])"
    before = imported(f"import torch, sys; print(*[m for m in {HEAVY!r} if m in sys.modules])")
    assert set(imported(code)) <= set(before)


def test_importing_nflib_is_quick_beside_importing_torch() -> None:
    """A ratio of one run, and the best of three, so that a busy machine does not decide."""
    code = """if True:
        import time
        start = time.perf_counter()
        import torch
        middle = time.perf_counter()
        import nflib, nflib.closed_form.gaussian, nflib.flow
        print((time.perf_counter() - middle) / (middle - start))
    """
    assert min(float(imported(code)[0]) for _ in range(3)) < 0.5
