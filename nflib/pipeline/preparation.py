"""The scale folders that training reads: ``1x``, ``4x``, ... inside the folder of a domain."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from .. import units
from ..data import ChannelStatistics, scale_pyramid
from ..data.scales import check_scales
from ..files import digest, read_json
from ..images import list_images, read, write
from ..processes import claimed
from .prepared import RECORD, Preparation
from .samples import result_names


class Prepared(NamedTuple):
    """What :func:`prepare` did: photos made now, photos that were there already, one line for each that was
    skipped, the channel statistics of each scale, and how many photos were removed since the source does not
    have them any more.

    >>> Prepared(written=2, kept=1, skipped=(), statistics={}).written
    2
    """

    written: int
    kept: int
    skipped: tuple[str, ...]
    statistics: dict[int, ChannelStatistics]
    removed: int = 0


def prepare(source: str | os.PathLike, target: str | os.PathLike, scales: Sequence[int]) -> Prepared:
    """Write every photo at every scale, ``target/4x/NAME.png``, and ``target/preparation.json``: what was
    done, what was skipped and the channel statistics of each scale.

    As the published preparation does it, see :func:`nflib.data.scale_pyramid`. Called again it goes on where
    it was stopped. What is there is known by content: a photo is kept if it is as it was made, of a source
    that is as it was, wherever that lies now. What the source does not have any more is removed if this job
    made it; nothing else is touched.

    Args:
        source: folder of photos of any sizes and formats. Those that cannot be read, or are smaller than the
            largest scale, are skipped.
        target: folder, made if it is not there; may be the source itself.
        scales: such as (1, 4, 32): a photo at its own size, a quarter of it and 1/32. Where ``a.png`` and
            ``a.jpg`` are both there, their results are called ``a.png.png`` and ``a.jpg.png``.

    Raises:
        ValueError: nothing could be read, the target was made with other scales or of other photos
            altogether, or has files of these names that this job did not make, or another job writes there.
    """
    check_scales(scales)
    source, target, scales = Path(source), Path(target), sorted(scales)
    files = list_images(source)
    if source.resolve() in {(target / f"{scale}x").resolve() for scale in scales}:
        raise ValueError(f"{target}: the photos of {source} would be written over; choose another target")
    named = result_names([file.relative_to(source) for file in files])
    names = {source / file: f"{name}.png" for file, name in named.items()}
    before = Preparation(target, source, scales)
    digests = {file: digest(file) for file in files}
    before.check_same(set(digests.values()))
    missing = not target.exists()
    target.mkdir(parents=True, exist_ok=True)
    with claimed(target):
        done = _made(before, names, digests)
    if not done.written + done.kept:
        if missing:
            target.rmdir()
        first = done.skipped[0]
        raise ValueError(f"{source}: none of {len(files)} photos could be prepared; the first: {first}")
    return done._replace(statistics=stored_statistics(target))


def _made(before: Preparation, names: dict[Path, str], digests: dict[Path, str]) -> Prepared:
    """Make what is missing, remove what is too much, and write the record if there is anything in it."""
    todo = [file for file in names if not before.holds(names[file], digests[file])]
    skipped: dict[Path, str] = {}
    for file in units.progress(todo, before.source.name):
        name = names[file]
        try:
            pyramid = _pyramid(file, before.scales)
        except ValueError as error:
            skipped[file] = str(error)
            continue
        before.begin(name)
        for scale, image in pyramid.items():
            write(before.files(name)[scale], image)
        before.finish(name, digests[file])
    here = {name for file, name in names.items() if file not in skipped}
    gone = [name for name in before.made if name not in here]
    if here:
        for name in gone:
            before.remove(name)
        _record(before, list(skipped.values()), changed=bool(gone) or len(todo) > len(skipped))
    written = len(todo) - len(skipped)
    return Prepared(written, len(names) - len(todo), tuple(skipped.values()), {}, len(gone))


def _record(before: Preparation, skipped: list[str], *, changed: bool) -> None:
    stored = before.record.get("statistics")
    if changed or not stored:
        folders = {scale: before.target / f"{scale}x" for scale in before.scales}
        names = sorted(before.made)
        stored = {str(scale): asdict(_statistics(folder, names)) for scale, folder in folders.items()}
    before.save({"skipped": skipped, "statistics": stored})


def stored_statistics(folder: str | os.PathLike) -> dict[int, ChannelStatistics]:
    """Channel statistics of each scale of a folder that :func:`prepare` wrote:
    ``stored_statistics("clean")[4]``.
    """
    record = Path(folder) / RECORD
    if not record.is_file():
        raise ValueError(f"{record}: no such file; nflib data prepare writes it")
    try:
        stored = read_json(record)["statistics"]
        return {int(scale): _triples(found) for scale, found in stored.items() if scale.isdecimal()}
    except (KeyError, TypeError, AttributeError, OverflowError):
        raise ValueError(
            f"{record}: holds no channel statistics; call nflib data prepare again to finish it"
        ) from None


def _triples(found: dict) -> ChannelStatistics:
    mean, deviation = (tuple(map(float, found[name])) for name in ("mean", "deviation"))
    if len(mean) != 3 or len(deviation) != 3 or not math.isfinite(sum((*mean, *deviation))):
        raise TypeError("not three numbers")
    return ChannelStatistics(mean, deviation, int(found["pixels"]))


def _pyramid(file: Path, scales: Sequence[int]) -> dict[int, Tensor]:
    image = read(file)
    try:
        return scale_pyramid(image, scales)
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error


def _statistics(folder: Path, names: Sequence[str]) -> ChannelStatistics:
    files = units.progress(names, f"statistics {folder.name}")
    return ChannelStatistics.pooled(ChannelStatistics.of_image(read(folder / name)) for name in files)
