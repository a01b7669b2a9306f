"""The scale folders that training reads: ``1x``, ``4x``, ... inside the folder of a domain."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from .. import __version__, units
from ..data import ChannelStatistics, scale_pyramid
from ..data.scales import check_scales
from ..files import read_json, write_json
from ..images import list_images, read, write

RECORD = "preparation.json"


class Prepared(NamedTuple):
    """What :func:`prepare` did: photos made now, photos that were there already, one line for each that was
    skipped, and the channel statistics of each scale.

    >>> Prepared(written=2, kept=1, skipped=(), statistics={}).written
    2
    """

    written: int
    kept: int
    skipped: tuple[str, ...]
    statistics: dict[int, ChannelStatistics]


def prepare(source: str | os.PathLike, target: str | os.PathLike, scales: Sequence[int]) -> Prepared:
    """Write every photo at every scale, ``target/4x/NAME.png``, and ``target/preparation.json``: what was
    done, what was skipped and the channel statistics of each scale.

    As the published preparation does it, see :func:`nflib.data.scale_pyramid`. Called again it goes on where
    it was stopped: photos that are there at all scales, and not older than their source, are kept.

    Args:
        source: folder of photos of any sizes and formats. Those that cannot be read, or are smaller than the
            largest scale, are skipped.
        target: folder, made if it is not there; may be the source itself.
        scales: such as (1, 4, 32): a photo at its own size, a quarter of it and 1/32.

    Raises:
        ValueError: nothing could be read, the target was made with other settings, or two photos have the
            same name.
    """
    check_scales(scales)
    source, target, scales = Path(source), Path(target), sorted(scales)
    files = list_images(source)
    folders = {scale: target / f"{scale}x" for scale in scales}
    if source.resolve() in {folder.resolve() for folder in folders.values()}:
        raise ValueError(f"{target}: the photos of {source} would be written over; choose another target")
    stems = [file.stem for file in files]
    twice = sorted({stem for stem in stems if stems.count(stem) > 1})
    if twice:
        raise ValueError(
            f"{source}: more than one photo is called {twice[0]}; the results would have the same name"
        )
    settings = {"source": str(source), "scales": scales}
    record = target / RECORD
    earlier = read_json(record) if record.is_file() else settings
    found = {key: earlier.get(key) for key in settings}
    if found != settings:
        raise ValueError(f"{record}: was made with {found}, now asked for {settings}; choose another target")
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    if not record.is_file():
        write_json(record, settings)

    written, done, skipped = 0, [], []
    for file in units.progress(files, source.name):
        results = {scale: folder / f"{file.stem}.png" for scale, folder in folders.items()}
        if not all(_newer(result, file) for result in results.values()):
            try:
                pyramid = _pyramid(file, scales)
            except ValueError as error:
                skipped.append(str(error))
                continue
            for scale, image in pyramid.items():
                write(results[scale], image)
            written += 1
        done.append(file)
    if not done:
        raise ValueError(f"{source}: none of {len(files)} photos could be prepared; the first: {skipped[0]}")
    names = [f"{file.stem}.png" for file in done]
    if written or (earlier.get("files"), earlier.get("skipped")) != (names, skipped):
        statistics = {scale: _statistics(folder, names) for scale, folder in folders.items()}
        stored = {str(scale): asdict(one) for scale, one in statistics.items()}
        write_json(
            record,
            {**settings, "nflib": __version__, "files": names, "skipped": skipped, "statistics": stored},
        )
    return Prepared(written, len(done) - written, tuple(skipped), stored_statistics(target))


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


def _newer(result: Path, source: Path) -> bool:
    return result.is_file() and result.stat().st_mtime >= source.stat().st_mtime


def _statistics(folder: Path, names: Sequence[str]) -> ChannelStatistics:
    files = units.progress(names, f"statistics {folder.name}")
    return ChannelStatistics.pooled(ChannelStatistics.of_image(read(folder / name)) for name in files)
