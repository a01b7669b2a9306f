"""The page "API" is made from the package: every exported name once, in rooms for all that is public."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections import Counter
from pathlib import Path

import pytest

import nflib
from tests.helpers.api import API, ROOMS, SOURCE

ROOT = Path(__file__).resolve().parents[2]
PAGE = API.filled(SOURCE)
# Packages without a room, and why.
NO_ROOM = {
    "nflib.cli": "commands; they say themselves what they do, nflib --help",
    "nflib.checkpoints.official": "nflib.checkpoints exports what is called",
    "nflib.models.conditional": "the parts that SRFlow and DeFlow are made of",
}
OBJECT = re.compile(r"^\.\. auto(?:class|exception|function):: (\S+)$", re.MULTILINE)
CONSTANT = re.compile(r"^\.\. py:data:: (?P<name>\S+)\n   :module: (?P<module>\S+)$", re.MULTILINE)
LINK = re.compile(r":py:\w+:`(\w+) <([\w.]+)>`")


def described(page: str) -> list[str]:
    """Full names of what has an entry of its own."""
    return OBJECT.findall(page) + [f"{match['module']}.{match['name']}" for match in CONSTANT.finditer(page)]


def mentioned(page: str) -> list[tuple[str, str]]:
    """Full names of what a room names without an entry, each with the name under which it is described."""
    found, room = [], ""
    for line in page.splitlines():
        if line.startswith(".. py:module:: "):
            room = line.removeprefix(".. py:module:: ")
        elif line.startswith(("Modules: ", "Described under another name: ")):
            found += [(f"{room}.{name}", target) for name, target in LINK.findall(line)]
    return found


def counts(page: str) -> Counter:
    return Counter(described(page)) + Counter(name for name, _ in mentioned(page))


def exported(room: str) -> list[str]:
    return [f"{room}.{name}" for name in importlib.import_module(room).__all__]


def found(full: str) -> object:
    room, _, name = full.rpartition(".")
    return getattr(importlib.import_module(room), name)


@pytest.mark.parametrize("room", ROOMS)
def test_every_exported_name_is_on_the_page_once(room) -> None:
    seen = counts(PAGE)
    assert {name: seen[name] for name in exported(room)} == dict.fromkeys(exported(room), 1)


def test_nothing_else_is_on_the_page() -> None:
    assert counts(PAGE).keys() == {name for room in ROOMS for name in exported(room)}


@pytest.mark.parametrize(
    "entry",
    [
        ".. autoclass:: nflib.transforms.ActNorm\n",
        ".. py:data:: METRICS\n   :module: nflib.metrics\n",
        "Modules: :py:mod:`check <nflib.testing.check>`",
    ],
)
def test_a_name_that_is_missing_or_twice_would_be_seen(entry) -> None:
    assert PAGE.count(entry) == 1
    assert counts(PAGE).total() - counts(PAGE.replace(entry, "")).total() == 1
    assert counts(PAGE + "\n" + entry).total() - counts(PAGE).total() == 1


def test_no_object_is_described_twice() -> None:
    objects = Counter(id(found(name)) for name in described(PAGE))
    assert [name for name in described(PAGE) if objects[id(found(name))] > 1] == []


def test_where_a_room_points_the_object_is_described() -> None:
    places = {*described(PAGE), *ROOMS}
    right = [target in places and found(name) is found(target) for name, target in mentioned(PAGE)]
    assert all(right)


@pytest.mark.parametrize("room", ROOMS)
def test_every_exported_name_says_what_it_is(room) -> None:
    """With a docstring of its own: a dataclass without one repeats its fields, a subclass inherits."""
    silent = []
    for full in exported(room):
        thing = found(full)
        if inspect.isclass(thing):
            own = vars(thing).get("__doc__") or ""
            if not own or own.startswith(f"{thing.__name__}("):
                silent.append(full)
        elif (inspect.isroutine(inspect.unwrap(thing)) or inspect.ismodule(thing)) and not thing.__doc__:
            silent.append(full)
    assert silent == []  # of constants the page itself asks for one


def test_a_constant_without_a_docstring_cannot_be_described() -> None:
    assert API.data_docstring("nflib.degraders", "SIMULATED").startswith("Name -> ")
    with pytest.raises(ValueError, match="WIDTH is exported and has no docstring"):
        API.data_docstring("nflib.plots", "WIDTH")


def modules() -> list[str]:
    """All modules of nflib that have no underscore in front."""
    names = ["nflib", *(info.name for info in pkgutil.walk_packages(nflib.__path__, "nflib."))]
    return [name for name in names if not re.search(r"\._", name)]


def test_the_rooms_are_all_that_is_public() -> None:
    packages = {name for name in modules() if hasattr(importlib.import_module(name), "__path__")}
    with_list = {name for name in modules() if hasattr(importlib.import_module(name), "__all__")}
    public = {f"nflib.{name}" for name in nflib.__all__ if inspect.ismodule(getattr(nflib, name))}
    assert (packages | with_list | public) - NO_ROOM.keys() == set(ROOMS)
    assert len(ROOMS) == len(set(ROOMS))
    assert packages >= NO_ROOM.keys()


def test_the_extension_is_in_the_build() -> None:
    config = (ROOT / "_config.yml").read_text(encoding="utf-8")
    assert re.search(r"local_extensions: \{.*\bapi: book/_ext\b.*\}", config)
    assert "{room}" not in PAGE
