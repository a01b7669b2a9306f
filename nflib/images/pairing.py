"""Which files of two folders belong together, by their names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePath


def relative(files: Sequence[Path], folder: Path) -> dict[PurePath, Path]:
    """Files by their names in a folder, such as ``x/a.png``."""
    return {file.relative_to(folder): file for file in files}


def partners(files: Sequence[PurePath], others: Sequence[PurePath]) -> dict[PurePath, list[PurePath]]:
    """For each name of a file those of another folder that may be its partner: one, if all is well.

    Partners lie in folders of the same names and have the same name; else a name that is the other's and a
    suffix more, as results of ``a.png`` and ``a.jpg`` have; else the same name but for the suffix.

    >>> found = partners([PurePath("x/a.png"), PurePath("b.png")], [PurePath("x/a.jpg"), PurePath("a.jpg")])
    >>> [[str(other) for other in names] for names in found.values()]
    [['x/a.jpg'], []]

    Args:
        files, others: relative to their folders.
    """
    exact = set(others)
    longer: dict[PurePath, list[PurePath]] = {}
    for name in others:
        longer.setdefault(name.with_suffix(""), []).append(name)

    def of(name: PurePath) -> list[PurePath]:
        bare = name.with_suffix("")
        for found in ([name], longer.get(name, []), [bare]):
            if there := [other for other in found if other in exact]:
                return there
        return longer.get(bare, [])

    return {name: of(name) for name in files}
