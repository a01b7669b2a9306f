"""Jobs that make images out of images, file by file: they go on where they stopped and step over
bad files."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from .. import __version__, units
from ..files import read_json, write_json
from ..images import list_images, read, write
from ..processes import Share


class Samples(NamedTuple):
    """What a job on images did: files written now, images that were done already, one line for each that was
    skipped.

    >>> Samples(written=(Path("out/a.png"),), kept=3, skipped=()).kept
    3
    """

    written: tuple[Path, ...]
    kept: int
    skipped: tuple[str, ...]


def write_samples(
    source: str | os.PathLike,
    out: str | os.PathLike,
    *,
    suffixes: Sequence[str],
    settings: dict,
    make: Callable[[Tensor, torch.Generator], Iterable[Tensor]],
    description: str,
    share: Share = Share(),
) -> Samples:
    """Write what ``make`` makes of every image of a share, and beside it ``out/NAME.json`` with the settings.

    An image whose files are all there, made with the same settings, is kept. Each image has its own random
    numbers, which depend on the seed and its name only: the files are the same however many processes share
    the work. Files are whole or not there, and the JSON comes last: with it, an image is done.

    Args:
        source: an image or a folder of images. Files that cannot be read are skipped and listed in the
            answer.
        out: folder, made if it is not there.
        suffixes: of the results: image NAME gives ``out/NAME{suffix}.png`` for each.
        settings: what determines the results besides the image, with its ``seed`` where it is random;
            anything JSON can hold.
        make: image (3, H, W) and generator -> as many images (3, H', W') as there are suffixes.
        description: for the progress bar.
        share: of the images, sorted by name. Nothing is done about the files of others, which may be writing
            them now.

    Raises:
        ValueError: no images, two images of the same name, or ``out`` has results of other settings.
    """
    source, out = Path(source), Path(out)
    if out.resolve() == (source if source.is_dir() else source.parent).resolve():
        raise ValueError(f"{out}: holds the images themselves; choose another folder for the results")
    files: Sequence[Path] = list_images(source) if source.is_dir() else [source]
    targets: dict[str, list[Path]] = {}
    for file in files:
        if file.stem in targets:
            raise ValueError(
                f"{source}: more than one image is called {file.stem}; the results would have the same name"
            )
        targets[file.stem] = [out / f"{file.stem}{suffix}.png" for suffix in suffixes]
    # those of others too: nobody may begin where anything was made with other settings
    done = {file.stem for file in files if _is_done(out / f"{file.stem}.json", targets[file.stem], settings)}
    files = share.of(files)
    todo = [file for file in files if file.stem not in done]
    out.mkdir(parents=True, exist_ok=True)
    _tidy(
        out,
        {
            name
            for file in files
            for name in (f"{file.stem}.json", *(target.name for target in targets[file.stem]))
        },
    )
    written, skipped = [], []
    for file in units.progress(todo, description) if share.index == 0 else todo:
        results = targets[file.stem]
        generator = units.generator(zlib.crc32(f"{settings.get('seed')} {file.stem}".encode()))
        try:
            for result, image in zip(results, make(read(file), generator), strict=True):
                write(result, image)
        except ValueError as error:
            skipped.append(str(error) if str(file) in str(error) else f"{file}: {error}")
            for result in results:
                result.unlink(missing_ok=True)
            continue
        record = {
            **settings,
            "source": file.name,
            "files": [result.name for result in results],
            "nflib": __version__,
        }
        write_json(out / f"{file.stem}.json", record)
        written += results
    return Samples(tuple(written), len(files) - len(todo), tuple(skipped))


def _is_done(record: Path, results: list[Path], settings: dict) -> bool:
    if not record.is_file():
        return False
    content = read_json(record)
    found = {key: content.get(key) for key in settings}
    if found != settings:
        raise ValueError(f"{record}: was made with {found}, now asked for {settings}; choose another folder")
    return all(result.is_file() for result in results)


def _tidy(out: Path, names: set[str]) -> None:
    """Remove what a killed job left under the temporary names of these files, ``.NAME.PID.part``."""
    for file in out.glob(".*.part"):
        if file.name[1:].rsplit(".", 2)[0] in names:
            file.unlink(missing_ok=True)
