"""Examples in docstrings run, every exported class has one, and first lines are sentences by themselves."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import pkgutil
from pathlib import Path
from types import ModuleType

import pytest
import torch

import nflib
from nflib.training import Task
from tests.helpers.api import ROOMS

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "nflib").rglob("*.py"))
MODULES = ["nflib", *(info.name for info in pkgutil.walk_packages(nflib.__path__, "nflib."))]
# Widgets are to be seen, not printed. Nor has a task an example: Lightning calls it, and users call fit.
WITHOUT = ("nflib.widgets",)


def wrong_examples(module: ModuleType) -> str:
    """A report on the examples in a module that have another result than theirs; empty if all are right."""
    reports: list[str] = []
    runner = doctest.DocTestRunner(verbose=False)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for example in doctest.DocTestFinder().find(module):
            runner.run(example, out=reports.append)
    return "".join(reports)


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name) -> None:
    report = wrong_examples(importlib.import_module(name))
    assert not report, report


def test_an_example_with_a_wrong_result_would_be_seen() -> None:
    assert wrong_examples(ModuleType("right", ">>> 1 + 1\n2\n")) == ""
    assert "Expected:\n    3\nGot:\n    2" in wrong_examples(ModuleType("wrong", ">>> 1 + 1\n3\n"))
    warns = ">>> import warnings\n>>> warnings.warn('warnings are errors')\n"
    assert "UserWarning: warnings are errors" in wrong_examples(ModuleType("warns", warns))


def exported_classes() -> dict[str, type]:
    """Every class that a room exports, by full name."""
    found = {}
    for room in (importlib.import_module(name) for name in ROOMS if name not in WITHOUT):
        for name in room.__all__:
            thing = getattr(room, name)
            if inspect.isclass(thing) and not issubclass(thing, Task):
                found[f"{room.__name__}.{name}"] = thing
    return found


@pytest.mark.parametrize("name", exported_classes())
def test_every_exported_class_has_an_example_that_is_run(name) -> None:
    cls = exported_classes()[name]
    assert cls.__module__ in MODULES
    examples = doctest.DocTestParser().get_examples(vars(cls)["__doc__"] or "")
    assert examples, f"{name} has no example (>>>) in its docstring"
    assert any(example.want for example in examples), f"the example of {name} shows no result"


# Such a line needs the line above it to be understood, and a list of names or a tooltip does not show that.
BEGINNINGS = ("Of ", "The same ", "As ", "Also ", "For a ", "From ", "Until ")


def unfinished(path: Path) -> list[str]:
    """Names of what has a docstring whose first line is no sentence by itself."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if documented and (ast.get_docstring(node) or "").startswith(BEGINNINGS):
            found.append(getattr(node, "name", "the module"))
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_first_lines_are_sentences_by_themselves(path) -> None:
    assert unfinished(path) == []


def test_a_first_line_that_is_none_would_be_seen(tmp_path) -> None:
    (tmp_path / "one.py").write_text('def mean(values):\n    """Of all values."""\n')
    assert unfinished(tmp_path / "one.py") == ["mean"]
