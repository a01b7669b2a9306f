"""The arrangement of nflib: every import points down, and there are no circles. The floors are those of
CONTRIBUTING.md.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "nflib"
# From the roof down. A room may import from floors below its own, and from itself.
FLOORS = [
    ["cli"],
    ["pipeline", "widgets"],
    ["costs"],
    ["training"],
    ["degraders"],
    ["checkpoints"],
    ["models"],
    ["noise"],
    ["domain", "closed_form", "gaussian"],
    ["data", "metrics", "flow"],
    ["images", "bases", "testing"],
    ["transforms", "drawings", "plots", "study"],
    ["units", "files", "processes", "provenance", "scores"],
    [""],
    ["_compat", "_signals", "_texts", "_version"],
]
LEVEL = {room: len(FLOORS) - i for i, floor in enumerate(FLOORS) for room in floor}
# A room may stand on one of its own floor: (who, on whom).
BESIDE = {("gaussian", "closed_form"), ("drawings", "plots")}


def module_of(path: Path) -> str:
    parts = list(path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imports(module: str) -> set[str]:
    """Modules of nflib that a module imports, wherever in it."""
    path, found = MODULES[module], set()
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.split(".")[0] == "nflib"}
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            if source.split(".")[0] == "nflib":
                names = {f"{source}.{alias.name}" for alias in node.names}
                found |= {name if name in MODULES else source for name in names}
    return found - {module}


def room(module: str) -> str:
    return ([*module.split("."), ""])[1]


def test_every_room_has_a_floor() -> None:
    assert {room(module) for module in MODULES} == set(LEVEL)


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_point_down(module) -> None:
    here = room(module)
    up = []
    for other in imports(module):
        there = room(other)
        if there != here and (here, there) not in BESIDE and LEVEL[there] >= LEVEL[here]:
            up.append(other)
    assert not up, f"{module} imports {', '.join(sorted(up))}, which is not below it"


def circle(graph: dict[str, set[str]]) -> list[str]:
    """A circle of a graph, or nothing."""
    done: set[str] = set()

    def walk(node: str, path: list[str]) -> list[str]:
        if node in path:
            return [*path[path.index(node) :], node]
        if node in done:
            return []
        for other in sorted(graph[node]):
            if found := walk(other, [*path, node]):
                return found
        done.add(node)
        return []

    for node in sorted(graph):
        if found := walk(node, []):
            return found
    return []


def test_there_are_no_circles() -> None:
    """Of files; a package's __init__ counts as a file that imports its parts, and nothing inside imports it
    back.
    """
    graph = {module: {other for other in imports(module) if other in MODULES} for module in MODULES}
    assert not (found := circle(graph)), " -> ".join(found)


def test_a_circle_and_an_arrow_upwards_would_be_seen() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"a"}}) == ["a", "b", "c", "a"]
    assert LEVEL["training"] > LEVEL["models"] > LEVEL["transforms"] > LEVEL["units"]


def test_no_room_is_too_large_to_read() -> None:
    """One idea a file."""
    long = {
        module: lines
        for module, path in MODULES.items()
        if (lines := len(path.read_text().splitlines())) > 400
    }
    assert not long
