"""Two commands from a fresh clone: the set-up files agree with each other, and the card's build command makes
pages.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import environment
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
CONDA_NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base", "build": "python-build"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def requirements() -> dict[str, SpecifierSet]:
    """Everything pyproject asks for, extras included, but for what a single experiment compares with."""
    extras = {**PROJECT["project"]["optional-dependencies"]}
    extras.pop("compare")
    lines = PROJECT["project"]["dependencies"] + [line for extra in extras.values() for line in extra]
    parsed = [Requirement(line) for line in lines]
    return {canonicalize_name(r.name): r.specifier for r in parsed if r.name != "nflib"}


def conda() -> dict[str, SpecifierSet]:
    """What environment.yml asks for; a single = of conda is == here."""
    entries = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    pip = next(entry["pip"] for entry in entries if isinstance(entry, dict))
    lines = [e for e in entries if isinstance(e, str)] + [line for line in pip if not line.startswith("-")]
    parsed = [Requirement(re.sub(r"(?<![<>=!~])=(?!=)", "==", line)) for line in lines]
    return {canonicalize_name(r.name): r.specifier for r in parsed}


def constraints() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def test_environment_yml_agrees_with_pyproject() -> None:
    wanted = {CONDA_NAMES.get(name, name): spec for name, spec in requirements().items()}
    wanted |= {"python": SpecifierSet(PROJECT["project"]["requires-python"]), "pip": SpecifierSet()}
    assert conda() == wanted


def test_constraints_are_exact_and_within_the_ranges() -> None:
    pins = constraints()
    assert [name for name, pin in pins.items() if not re.fullmatch(r"[0-9][0-9A-Za-z.]*", pin)] == []
    outside = {
        n: (pins.get(n), str(s))
        for n, s in requirements().items()
        if n not in pins or not s.contains(pins[n])
    }
    assert not outside


def test_constraints_hold_nothing_of_this_machine() -> None:
    names = set(constraints())
    assert not names & {"nflib", "pip"}
    assert not [n for n in names if n.startswith(("nvidia", "cuda", "triton"))]
    assert "/" not in "".join(constraints().values())


def test_jupyter_book_is_below_two() -> None:
    assert Version(version("jupyter-book")) < Version("2")
    assert not requirements()["jupyter-book"].contains("2.0")
    assert not conda()["jupyter-book"].contains("2.1.7")


def copy_of_the_repository(target: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        source = ROOT / name
        if source.exists() or source.is_symlink():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name, follow_symlinks=False)


@pytest.mark.book
def test_the_literal_build_command_makes_pages(tmp_path) -> None:
    """``jupyter-book build book/`` from the repository root; the exit status alone would not tell."""
    profile = os.environ.get("NFLIB_PROFILE", "cpu")
    if not (ROOT / "_build" / "executed" / profile).is_dir():
        pytest.skip(f"no executed notebooks of the profile {profile}: make book")
    copy_of_the_repository(tmp_path)
    (tmp_path / "_build").mkdir()
    (tmp_path / "_build" / "executed").symlink_to(ROOT / "_build" / "executed", target_is_directory=True)
    assert (tmp_path / "_config.yml").is_file()
    assert (tmp_path / "_toc.yml").is_symlink()
    assert not (tmp_path / "book/_toc.yml").is_symlink()
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    run = subprocess.run(
        ["jupyter-book", "build", "book/"],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    pages = {p.name for p in (tmp_path / "_build/html").glob("*.html")}
    assert {"index.html", "01_one_gaussian.html", "02_one_affine_layer.html", "03_flow_losses.html"} <= pages


def fake_python(folder: Path, name: str, answer: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{answer}\n")
    path.chmod(0o755)


@pytest.mark.skipif(os.name == "nt", reason="the stand-ins are shell scripts")
@pytest.mark.parametrize(
    ("there", "chosen"),
    [
        ({"python3": "echo 3 12"}, "python3"),
        ({"python3": "echo 3 9", "python3.11": "echo 3 11", "python3.13": "echo 3 13"}, "python3.13"),
        ({"python3": "echo 3 10", "python3.12": "exit 127", "python3.11": "echo 3 11"}, "python3.11"),
        ({"python3": "echo 3 15", "python3.11": "echo 3 11"}, "python3.11"),
        ({"python3": "echo 3 15"}, "python3"),
        ({"python": "echo 3 12"}, "python"),
    ],
)
def test_the_best_python_is_found_by_name(tmp_path, monkeypatch, there, chosen) -> None:
    for name, answer in there.items():
        fake_python(tmp_path, name, answer)
    monkeypatch.setenv("PATH", f"{tmp_path}")
    monkeypatch.delenv("PYTHON", raising=False)
    assert Path(environment.find_python()) == tmp_path / chosen


@pytest.mark.skipif(os.name == "nt", reason="the stand-ins are shell scripts")
def test_without_a_good_python_the_message_says_so(tmp_path, monkeypatch) -> None:
    fake_python(tmp_path, "python3", "echo 3 9")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("PYTHON", raising=False)
    with pytest.raises(
        environment.SetupError, match=r"Python 3\.11, 3\.12 or 3\.13 is needed; python3 is 3\.9"
    ):
        environment.find_python()


def test_every_make_target_says_what_it_does() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE).group(1).split())
    assert targets == {"help", "setup", "book", "test", "test-full", "lint", "serve", "clean"}
    run = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert {line.split()[0] for line in run.stdout.splitlines() if line} == targets


def test_the_tools_start_with_the_standard_library_alone() -> None:
    run = subprocess.run(
        [sys.executable, "-E", "-S", "tools/dev.py", "--help"], cwd=ROOT, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert "strip" in run.stdout, run.stderr


def test_nothing_committed_names_a_machine() -> None:
    names = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    text = [
        n
        for n in names
        if Path(n).suffix in {".py", ".md", ".yml", ".toml", ".txt", ".json", ".ipynb", ".cfg", ""}
    ]
    pattern = re.compile(r"/(?:home|Users|root|work)/\w+|[A-Z]:\\\\Users")
    found = [
        n
        for n in text
        if (ROOT / n).is_file() and pattern.search((ROOT / n).read_text(encoding="utf-8", errors="replace"))
    ]
    assert not found


def test_what_is_pinned_runs_on_every_python_that_is_promised() -> None:
    """Also on the first release of the oldest one: systems stay there for years."""
    (oldest,) = (spec.version for spec in SpecifierSet(PROJECT["project"]["requires-python"]))
    pinned = {
        line.partition("==")[0].lower()
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if "==" in line
    }
    assert pinned
    for distribution in importlib.metadata.distributions():
        needed = distribution.metadata.get("Requires-Python") or ""
        if distribution.metadata["Name"].lower() in pinned:
            assert SpecifierSet(needed).contains(f"{oldest}.0"), (
                f"{distribution.metadata['Name']} {distribution.version} needs Python {needed}"
            )
