"""Sphinx extension: the page "api" is made of what the package says of itself.

``book/api.md`` has an introduction, the titles of the rooms and their order. A room is a module of nflib
with an ``__all__``; its place on the page is a block ``{room} nflib.transforms``. Here the block becomes what
begins the docstring of the module, and then every name of its ``__all__``: nothing can be missing, and
nothing can be there that is not exported.
"""

from __future__ import annotations

import ast
import functools
import importlib
import importlib.util
import inspect
import re
import textwrap
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

PAGE = "api"
ROOM = re.compile(r"^```\{room\} (?P<name>[\w.]+)\n```$", re.MULTILINE)
# A class shows its own members that have a docstring, not what it inherits from torch or Lightning.
MEMBERS = "   :members:\n   :special-members: __call__\n"


def rooms(page: str) -> list[str]:
    """The modules that a page has a block for, in its order."""
    return [match["name"] for match in ROOM.finditer(page)]


def filled(page: str) -> str:
    """The page with its rooms.

    An object that several rooms export is described in the first of them; the others say where.
    """
    described: dict[int, str] = {}
    return ROOM.sub(lambda match: "```{eval-rst}\n" + _room(match["name"], described) + "```", page)


def _room(name: str, described: dict[int, str]) -> str:
    module = importlib.import_module(name)
    entries, inner, elsewhere = [], [], []
    for exported in module.__all__:
        thing, full = getattr(module, exported), f"{name}.{exported}"
        if inspect.ismodule(thing):
            inner.append(f":py:mod:`{exported} <{full}>`")
        elif id(thing) in described:
            elsewhere.append(f":py:obj:`{exported} <{described[id(thing)]}>`")
        else:
            described[id(thing)] = full
            entries.append(_entry(full, thing))
    parts = [f".. py:module:: {name}\n", first_paragraph(module.__doc__) + "\n", *entries]
    parts += [f"Modules: {', '.join(inner)}.\n"] if inner else []
    parts += [f"Described under another name: {', '.join(elsewhere)}.\n"] if elsewhere else []
    return "\n".join(parts)


def _entry(full: str, thing: object) -> str:
    if inspect.isclass(thing):
        kind = "autoexception" if issubclass(thing, BaseException) else "autoclass"
        return f".. {kind}:: {full}\n{MEMBERS}"
    # Unwrapped: a function that remembers its results is an object of another kind.
    if inspect.isroutine(inspect.unwrap(thing)):
        return f".. autofunction:: {full}\n"
    module, _, name = full.rpartition(".")
    text = textwrap.indent(inspect.cleandoc(data_docstring(module, name)), "   ")
    return f".. py:data:: {name}\n   :module: {module}\n\n{text}\n"


def first_paragraph(docstring: str) -> str:
    return inspect.cleandoc(docstring).partition("\n\n")[0]


def data_docstring(module: str, name: str) -> str:
    """The string that follows an assignment, in the module or where it imports the name from.

    Autodoc would look in the module alone.

    Raises:
        ValueError: there is none. The type of a constant has a docstring too, which says nothing of it.
    """
    found = importlib.import_module(module)
    statements = ast.parse(Path(found.__file__).read_text(encoding="utf-8")).body
    for number, statement in enumerate(statements):
        if name in _assigned(statement):
            after = statements[number + 1] if number + 1 < len(statements) else None
            if isinstance(after, ast.Expr) and isinstance(getattr(after.value, "value", None), str):
                return after.value.value
        elif isinstance(statement, ast.ImportFrom):
            for alias in statement.names:
                if (alias.asname or alias.name) == name:
                    return data_docstring(_imported(found, statement), alias.name)
    raise ValueError(f"{module}.{name} is exported and has no docstring: a string after its assignment")


def _assigned(statement: ast.stmt) -> list[str]:
    """Names to which a statement assigns."""
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    else:
        targets = [statement.target] if isinstance(statement, ast.AnnAssign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _imported(module: ModuleType, statement: ast.ImportFrom) -> str:
    """Full name of the module from which a module imports."""
    name = "." * statement.level + (statement.module or "")
    return importlib.util.resolve_name(name, module.__spec__.parent)


def _fill(app: Sphinx, docname: str, source: list[str]) -> None:
    if docname == PAGE:
        # autodoc notes the modules in which things are defined, but not those that export them
        files = [importlib.import_module(name).__file__ for name in rooms(source[0])]
        app.env.dependencies[docname].update([__file__, *files])
        source[0] = filled(source[0])


def _is_left_out(app: Sphinx, what: str, name: str, member: object, *unused: object) -> bool | None:
    """Whether a member is a field of a NamedTuple, whose docstring is Python's and says only its number."""
    return True if str(getattr(member, "__doc__", "")).startswith("Alias for field number") else None


def _name_returns(app: Sphinx, what: str, name: str, thing: object, options: object, lines: list) -> None:
    """Keep napoleon from taking for a type what stands before the first colon of "Returns:"."""
    lines[:] = [":returns:" if line == "Returns:" else line for line in lines]


def _restore_property(app: Sphinx, what: str, name: str, thing: object, options: object, lines: list) -> None:
    """Undo what napoleon does in the same way to every docstring of a property."""
    if isinstance(thing, property | functools.cached_property):
        lines[:] = [*inspect.cleandoc(thing.__doc__).splitlines(), ""]


def setup(app: Sphinx) -> dict:
    app.connect("source-read", _fill)
    app.connect("autodoc-skip-member", _is_left_out)
    app.connect("autodoc-process-docstring", _name_returns, priority=400)  # before napoleon
    app.connect("autodoc-process-docstring", _restore_property, priority=600)  # after it
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
