"""Few values go by position: past them an argument has its name, or one inserted becomes another."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "nflib"
MOST = 5
FILES = [path for path in sorted(PACKAGE.rglob("*.py")) if path.parent.name != "cli"]  # typer passes by name


def by_position(function: ast.FunctionDef) -> list[str]:
    arguments = [*function.args.posonlyargs, *function.args.args]
    return [argument.arg for argument in arguments if argument.arg not in ("self", "cls")]


def too_many(source: str) -> list[str]:
    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
    return [function.name for function in functions if len(by_position(function)) > MOST]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_few_values_go_by_position(path: Path) -> None:
    assert too_many(path.read_text(encoding="utf-8")) == []


def test_too_many_would_be_seen() -> None:
    assert too_many("def f(a, b, c, d, e, f): pass") == ["f"]
    assert too_many("def f(self, a, b, c, d, e, *, f): pass") == []
