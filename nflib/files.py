"""Files that are whole or not there, whatever happens while they are written; and what files hold."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import pickle
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

# Bytes of a file name that every usual file system takes.
LONGEST_NAME = 255


def parse_json(text: str | bytes) -> Any:
    """What a text in JSON says; ValueError for whatever is wrong with it."""
    try:
        return json.loads(text.decode() if isinstance(text, bytes) else text)
    except RecursionError:
        raise ValueError("brackets within brackets without end") from None


def read_json(path: Path) -> dict:
    """A JSON object; anything else is a ValueError that names the file."""
    try:
        found = parse_json(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path}: cannot be read as JSON: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"{path}: expected a JSON object, got {type(found).__name__}")
    return found


def json_text(content: Any, **layout: Any) -> str:
    """Content as JSON, which has no numbers that are not finite: ``null`` stands in their place.

    Args:
        content: nested dicts, lists and tuples of what JSON has.
        layout: as of :func:`json.dumps`.
    """
    return json.dumps(_written(content), allow_nan=False, **layout)


def _written(content: Any) -> Any:
    if isinstance(content, float):
        return content if math.isfinite(content) else None
    if isinstance(content, dict):
        return {key: _written(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_written(value) for value in content]
    return content


def write_json(path: Path, content: dict) -> None:
    """Write, indented, with characters as they are; names that are no text are escaped, and come back."""
    text = json_text(content, indent=1, ensure_ascii=False) + "\n"
    write_bytes(path, text.encode("utf-8", "backslashreplace"))


def check_place(path: str | os.PathLike | None) -> None:
    """Raise ValueError if a file cannot be written there: to ask before the work and not after it."""
    if path is None:
        return
    path = Path(path)
    if not path.parent.is_dir():
        raise ValueError(f"{path}: the folder {path.parent} does not exist")
    if path.is_dir():
        raise ValueError(f"{path}: is a folder, expected a file name")
    if (path.exists() and not path.is_file()) or path.parent.resolve() == Path("/dev"):
        raise ValueError(f"{path}: is no ordinary file, and would be replaced by one; name another")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise ValueError(f"{path}: no permission to write in the folder {path.parent}")


def check_json_place(path: str | os.PathLike | None) -> None:
    """Raise ValueError if a command cannot write its numbers to a file: as :func:`check_place`, and where a
    file is that holds no JSON and is not empty.
    """
    check_place(path)
    if path is not None and Path(path).is_file() and Path(path).stat().st_size:
        try:
            read_json(Path(path))
        except ValueError:
            raise ValueError(
                f"{path}: is there already and holds no JSON; it is not replaced, name another file"
            ) from None


@contextlib.contextmanager
def whole(path: str | os.PathLike) -> Iterator[IO[bytes]]:
    """A file to write into that gets its name when all is written, and is gone if that fails.

    Raises:
        ValueError: it cannot be written there.
        OSError: the disk is full or the like; says which file.
    """
    check_place(path)
    path = Path(path)
    temporary = temporary_path(path)
    try:
        with temporary.open("wb") as file:
            yield file
        os.replace(temporary, path)
    except OSError as error:
        if error.errno is None or error.filename not in (None, str(temporary)):
            raise
        raise OSError(error.errno, f"cannot be written: {error.strerror}", str(path)) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_bytes(path: str | os.PathLike, data: bytes) -> None:
    """Write a file that is whole or not there, whatever happens on the way."""
    with whole(path) as file:
        file.write(data)


def copy(source: str | os.PathLike, path: str | os.PathLike) -> None:
    """Copy what a file holds into another that is whole or not there."""
    with open(source, "rb") as found, whole(path) as file:
        shutil.copyfileobj(found, file, 2**20)


def check_as_written(file: Path, expected: str | None, advice: str) -> None:
    """Raise ValueError if a file is there and does not hold what a job wrote, by its digest: it is somebody's
    now, or damaged. Without a digest nothing is known.
    """
    if expected is not None and file.is_file() and digest(file) != expected:
        raise ValueError(
            f"{file}: is not as this command wrote it, somebody changed it or it is damaged; {advice}"
        )


def temporary_path(path: Path) -> Path:
    """Where a file is written by this process before it gets its name: ``.NAME.PID.part``, a digest in place
    of a name that would be too long.
    """
    return path.with_name(f".{_short(path.name)}.{os.getpid()}.part")


def is_temporary_of(file: Path, names: set[str]) -> bool:
    """Whether a file is a temporary one, of any process, of a file with one of these names."""
    name, process, _ = (".." + file.name[1:]).rsplit(".", 2)
    return process.isdecimal() and name[2:] in set(map(_short, names))


def _short(name: str) -> str:
    encoded = os.fsencode(name)
    return name if len(encoded) < LONGEST_NAME - 25 else hashlib.sha256(encoded).hexdigest()[:32]


@contextlib.contextmanager
def made_folder(path: Path, *, alone: bool = True) -> Iterator[None]:
    """Make a folder, with those around it, and take away again what of them is empty in the end, if this
    process is alone with it.
    """
    made = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        for folder in made if alone else ():
            with contextlib.suppress(OSError):
                folder.rmdir()


def reason(error: BaseException) -> str:
    """What went wrong, in words for whoever called a command: of a system error the path and why."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"
    return str(error) or type(error).__name__


@contextlib.contextmanager
def damaged(path: str | os.PathLike, what: str) -> Iterator[None]:
    """Decode a file within this context: whatever its content leads to becomes one ValueError that names it.

    Args:
        path: of the file.
        what: is wrong with it then, such as "not a readable model".
    """
    try:
        yield
    except pickle.UnpicklingError as error:
        told = "it is damaged, or holds other things than tensors, numbers and texts"
        raise ValueError(f"{path}: {what}: {told}") from error
    except Exception as error:  # decoders raise nearly anything on broken files
        told = reason(error).strip().partition("\n")[0].replace(f"{path}: ", "")
        raise ValueError(f"{path}: {what}: {told}") from error


def read_pickled(path: str | os.PathLike, what: str = "not a readable checkpoint") -> Any:
    """What ``torch.save`` wrote: tensors, numbers, texts, lists and dictionaries. Nothing in the file is run.

    Raises:
        ValueError: it is no such file, or damaged.
    """
    import torch

    with damaged(path, what), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # remarks on files of other kinds, which are refused anyway
        return torch.load(path, map_location="cpu", weights_only=True)


def digest(path: str | os.PathLike) -> str:
    """What a file holds, as a SHA-256 in hexadecimal: equal for equal files, whatever they are called."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
