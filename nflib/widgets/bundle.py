"""One script from the front-end modules in ``static/``: for a page opened from disk, and for anywidget.

A page on file:// may load neither ES modules nor other files, so each module becomes a function's scope and
its imports become plain constants. Lines of comment, empty lines, indentation and spaces that nobody needs
are left out. The modules stay ordinary ES modules for Node and for the reader.
"""

from __future__ import annotations

import re
from pathlib import Path

_STATIC = Path(__file__).parent / "static"
_IMPORT = re.compile(r'^import (\{[^}]*\}|\w+) from "\./(\w+)\.mjs";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:const|class|function) (\w+))", re.MULTILINE)
_DEFAULT = re.compile(r"^export default ", re.MULTILINE)
# What starts a line; no string of the modules has lines that look like it.
_COMMENT = re.compile(r"^[ \t]*(?://.*|/\*.*\*/[ \t]*)\n", re.MULTILINE)
_INDENT = re.compile(r"^\s+", re.MULTILINE)  # with empty lines
_SPACES = re.compile(r" *([,;:?(){}=<>*]) *")  # not around + and -, where a space may part two signs


def static_bundle() -> str:
    """All widgets as one classic script (no modules, no requests) that starts every ``.nf-widget`` of its
    page.
    """
    return f"(() => {{\n{_modules('host')}}})();\n"


def live_module(name: str) -> str:
    """The ES module that anywidget loads for the widget in ``static/<name>.mjs``."""
    start = (
        f"export default {{ render: ({{ model, el }}) => in_frame.mount(in_{name}.default, model, el) }};\n"
    )
    return _modules("frame", name) + start


def _modules(*entries: str) -> str:
    """The entries and all they import, each once and after what it needs, as
    ``const in_name = (() => {...})();``.
    """
    written: dict[str, str] = {}

    def write(name: str) -> None:
        if name in written:
            return
        source = (_STATIC / f"{name}.mjs").read_text(encoding="utf-8")
        for _, needed in _IMPORT.findall(source):
            write(needed)
        written[name] = _scope(name, source)

    for entry in entries:
        write(entry)
    return "".join(written.values())


def _scope(name: str, source: str) -> str:
    exported = _EXPORT.findall(source)
    if _DEFAULT.search(source):
        exported.append("default: widget")
    body = _IMPORT.sub(
        lambda m: f"const {m[1]} = in_{m[2]}{'' if m[1].startswith('{') else '.default'};\n", source
    )
    body = _DEFAULT.sub("const widget = ", _EXPORT.sub("", body))
    if left := re.search(r"^(import|export)\b.*", body, re.MULTILINE):
        raise ValueError(
            f"{name}.mjs: the bundle understands only plain imports and exports, found {left[0]!r}"
        )
    body = _tight(_INDENT.sub("", _COMMENT.sub("", body)))
    return f"const in_{name} = (() => {{\n{body}return {{ {', '.join(exported)} }};\n}})();\n"


def _tight(source: str) -> str:
    """Without spaces around signs, in lines that have no text, comment or pattern in them and lie outside
    templates.
    """
    lines, inside = [], False
    for line in source.splitlines(keepends=True):
        plain = not inside and not any(mark in line for mark in "\"'`/")
        lines.append(_SPACES.sub(r"\1", line) if plain else line)
        inside ^= line.count("`") % 2 == 1
    return "".join(lines)
