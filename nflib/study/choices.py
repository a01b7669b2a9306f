"""What a user study leaves behind: choices between two methods, one JSON object a line, and the wins they add
up to.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from pathlib import Path

import numpy as np

from ..files import json_text, parse_json


@dataclass(frozen=True)
class Choice:
    """One choice between the same crop of two results.

    >>> time, crop = "2026-01-31T12:00:00Z", (0, 0, 64)
    >>> choice = Choice(time, seed=1, photo="china", crop=crop, left="ours", right="theirs", chosen="ours")
    >>> Choice.of(json.loads(choice.line())) == choice
    True

    Attributes:
        time: when, as ISO 8601 with a time zone.
        seed: of the order of the questions; one participant, one seed.
        photo: its name.
        crop: (top, left, side) in pixels.
        left, right: the methods, where their crops were.
        chosen: ``left`` or ``right``, by name.
    """

    time: str
    seed: int
    photo: str
    crop: tuple[int, int, int]
    left: str
    right: str
    chosen: str

    @classmethod
    def of(cls, record) -> Choice:
        """The choice in a decoded JSON object.

        Raises:
            ValueError: something is missing, unknown or no choice.
        """
        if not isinstance(record, dict):
            raise ValueError(f"expected an object, got {type(record).__name__}")
        names = [field.name for field in fields(cls)]
        if set(record) != set(names):
            raise ValueError(f"expected {', '.join(names)}, got {', '.join(map(str, record)) or 'nothing'}")
        for name in ("time", "photo", "left", "right", "chosen"):
            if not isinstance(record[name], str):
                raise ValueError(f"{name} must be text, got {record[name]!r}")
        if not _is_timestamp(record["time"]):
            raise ValueError(
                f"time must be a time with its zone, as 2026-01-31T12:00:00Z, got {record['time']!r}"
            )
        if not _are_naturals([record["seed"]], 1):
            raise ValueError(f"seed must be a whole number, not negative, got {record['seed']!r}")
        if not _are_naturals(record["crop"], 3):
            raise ValueError(f"crop must be top, left and side in pixels, got {record['crop']!r}")
        if record["left"] == record["right"] or record["chosen"] not in (record["left"], record["right"]):
            raise ValueError(
                f"chosen must be one of two methods, {record['left']!r} and {record['right']!r}, got "
                f"{record['chosen']!r}"
            )
        return cls(**{**record, "crop": tuple(record["crop"])})

    def line(self) -> str:
        """Its line in a file, with the line's end."""
        return json_text(asdict(self), ensure_ascii=False, separators=(",", ":")) + "\n"


def append_choices(path: str | os.PathLike, choices: Iterable[Choice]) -> None:
    """Add lines to a file, which is made if it is not there: in one write, and on the disk when
    this returns."""
    path = Path(path)
    if not path.parent.is_dir():
        raise ValueError(f"{path}: the folder {path.parent} does not exist")
    with path.open("a+b", buffering=0) as file:
        written = file.seek(0, os.SEEK_END)
        file.seek(max(written - 1, 0))
        start = (
            "" if file.read(1) in (b"", b"\n") else "\n"
        )  # an editor may have left the last line without an end
        text = start + "".join(choice.line() for choice in choices)
        file.write(text.encode("utf-8", "backslashreplace"))
        os.fsync(file.fileno())


def read_choices(path: str | os.PathLike) -> list[Choice]:
    """The choices in a file that the widget wrote or a page gave for download.

    Raises:
        ValueError: naming the file, the line and what is wrong with it. An empty file has no choices and is
            no error.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path}: no such file, expected recorded choices")
    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError:
        raise ValueError(f"{path}: is not text in UTF-8, expected recorded choices") from None
    choices = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                choices.append(Choice.of(parse_json(line)))
            except json.JSONDecodeError as error:
                raise ValueError(
                    f"{path}, line {number}: not JSON ({error}); a line that was cut off can be deleted"
                ) from None
            except ValueError as error:
                raise ValueError(f"{path}, line {number}: {error}") from None
    return choices


def read_all(paths: Iterable[str | os.PathLike]) -> tuple[list[Choice], int]:
    """The choices of several files, each once: the same file under two names, or a copy of it that has grown
    since, does not count twice.

    Returns:
        The choices, and how many of the files' lines were there already.

    Raises:
        ValueError: as for :func:`read_choices`.
    """
    found: dict[Choice, int] = {}
    total = 0
    for path in paths:
        counted = Counter(read_choices(path))
        total += counted.total()
        for choice, count in counted.items():  # a file may hold two alike of one second
            found[choice] = max(count, found.get(choice, 0))
    choices = [choice for choice, count in found.items() for _ in range(count)]
    return choices, total - len(choices)


def win_matrix(
    choices: Iterable[Choice], methods: Sequence[str] | None = None
) -> tuple[np.ndarray, list[str]]:
    """How often each method was chosen over each other.

    Args:
        methods: names in the order wanted; by default those in the choices, by alphabet.

    Returns:
        ``wins`` (K, K) and the K names: what :func:`nflib.study.bradley_terry.fit` takes.
    """
    choices = list(choices)
    methods = (
        sorted({name for c in choices for name in (c.left, c.right)}) if methods is None else list(methods)
    )
    wins = np.zeros((len(methods), len(methods)))
    for choice in choices:
        for name in (choice.left, choice.right):
            if name not in methods:
                raise ValueError(
                    f"methods must hold all that were compared, {name!r} is not among {', '.join(methods)}"
                )
        lost = choice.left if choice.chosen == choice.right else choice.right
        wins[methods.index(choice.chosen), methods.index(lost)] += 1
    return wins, methods


def _is_timestamp(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _are_naturals(values, length: int) -> bool:
    whole = isinstance(values, (list, tuple)) and all(
        isinstance(v, int) and not isinstance(v, bool) and v >= 0 for v in values
    )
    return whole and len(values) == length
