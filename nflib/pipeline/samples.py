"""Jobs that make images out of images, file by file: they go on where they stopped and step over
bad files."""

from __future__ import annotations

import hashlib
import math
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path, PurePath
from typing import NamedTuple

import torch
from torch import Tensor

from .. import __version__, units
from ..checkpoints.files import find
from ..degraders.named import parts_of
from ..files import copy, digest, is_temporary_of, made_folder, read_json
from ..images import Picture, list_images, read_picture, write
from ..images.listing import root_of
from ..images.strips import Strips
from ..images.writing import DEPTH, LOSSY, StripWriter, kind_of, not_held
from ..noise import SeenContent
from ..processes import Share, claimed
from ..provenance import device_name
from .image_job import ImageJob
from .results import Results, record_of, result_names

# Results of one image.
MOST_SAMPLES = 10**5


class Samples(NamedTuple):
    """What a job on images did: files written now, images that were done already, one line for each that was
    skipped, what of images the results do not have, such as "EXIF data", once for each image, and one line
    for each that is outside what the model was taught.

    >>> Samples(written=(Path("out/a.png"),), kept=3, skipped=()).kept
    3
    """

    written: tuple[Path, ...]
    kept: int
    skipped: tuple[str, ...]
    lost: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()


def write_samples(
    source: str | os.PathLike,
    out: str | os.PathLike,
    *,
    suffixes: Sequence[str],
    settings: dict,
    make: Callable[[Tensor, torch.Generator], Iterable[Tensor] | Strips],
    description: str,
    share: Share = Share(),
    seen: SeenContent | None = None,
    results: Results = Results(),
    grey_channel: int | None = None,
    levels: int = 16,
    device: torch.device | None = None,
    unchanged: bool = False,
) -> Samples:
    """Write what ``make`` makes of every image of a share, and beside it ``out/NAME.json``: of what and how
    it was made.

    An image whose files are all there as they were written, made of the same pixels with the same settings,
    is kept; one whose source has changed since is made again. Results that somebody has changed are refused.
    Each image has its own random numbers, which depend on the seed and its name only: the files are the same
    however many processes share the work. Files are whole or not there, and the JSON says last that an image
    is done. What this job did not write it does not touch.

    Results have the depth, alpha and colour profile of their image, and are grey if it is
    (:func:`nflib.images.read_picture`).

    Args:
        source: an image or a folder of images. Files that cannot be read are skipped and listed in the
            answer.
        out: folder, made if it is not there. While a job writes there, no other may.
        suffixes: of the results: image NAME gives ``out/NAME{suffix}.png`` for each. Where ``a.png`` and
            ``a.jpg`` are both there, their results are called ``a.png.png`` and ``a.jpg.png``
            (:func:`~nflib.pipeline.results.result_names`).
        settings: what determines the results besides the image, with its ``seed`` where it is random;
            anything JSON can hold. Of its ``model`` counts what it holds, not what it is called
            (:func:`identity`).
        make: image (3, H, W) and generator -> as many images (3, H', W') as there are suffixes, or
            :class:`~nflib.images.strips.Strips` of them.
        description: for the progress bar.
        share: of the images, sorted by name. Nothing is done about the files of others, which may be writing
            them now.
        seen: what the model was taught on; None says nothing of images that are outside it.
        results: how they are written.
        grey_channel: the channel that is kept of what was made of a grey image; the mean of the three by
            default, which has less noise than each.
        device: where they are made, which is said.
        levels: bits to which ``make`` rounds; deeper images lose what lies between, which is said.
        unchanged: ``make`` returns the images as they are. A result in the format of its image is then a copy
            of the file.

    Raises:
        ValueError: no images, ``out`` has results of other settings, or files of somebody else or that
            somebody has changed which would be overwritten, or another job writes there now.
    """
    source, out = Path(source), Path(out)
    folder = source if source.is_dir() else source.parent
    if out.resolve() == folder.resolve():
        raise ValueError(f"{out}: holds the images themselves; choose another folder for the results")
    files = _sources(source, out, results)
    settings = {**settings, "content": identity(settings["model"])}
    settings |= {"depth": results.depth, "format": results.format}
    names = result_names([file.relative_to(folder) for file in files], lambda name: _owner(out, name))
    jobs = [
        ImageJob(file, out, names[file.relative_to(folder)], suffixes, results.suffix(file)) for file in files
    ]
    # those of others too: nobody may begin where anything was made with other settings
    done = {job.source for job in jobs if job.is_done(settings, results.overwrite)}
    current = {file for job in jobs for file in (job.record, *job.results)}
    jobs = list(share.of(jobs))
    todo = [job for job in jobs if job.source not in done]
    written: list[Path] = []
    skipped: list[str] = []
    lost: list[str] = []
    outside: list[str] = []
    with made_folder(out, alone=share.count == 1), claimed(out, share):
        _tidy(jobs)
        if share.index == 0 and (missing := len(files) - len(done)):
            place = "" if device is None else f" on {device_name(device)},"
            place = f" shared by {share.count} processes," if share.count > 1 else place
            units.say(f"{description}: {missing} of {len(files)} photos,{place} results in {out}")
        for job in units.progress(todo, description) if share.index == 0 or units.is_told() else todo:
            generator = units.generator(zlib.crc32(os.fsencode(f"{settings.get('seed')} {job.name}")))
            before = job.written_before()
            older = before - current  # of other settings, under other names
            made_now = [result for result in job.results if result in before]
            try:
                picture = read_picture(job.source)
                record = {
                    **settings,
                    "source": job.source.name,
                    "sha256": digest(job.source),
                    "nflib": __version__,
                }
                job.begin(record, older)
                made_now.append(job.record)
                same = unchanged and results.is_file(job.source, picture, job.results[0].suffix)
                if same:
                    for result in job.results:
                        copy(job.source, result)
                        made_now.append(result)
                else:
                    images = make(picture.pixels, generator)
                    bits = results.bits(job.results[0].suffix)
                    for result in _written(job.results, images, bits, picture, grey_channel):
                        made_now.append(result)
                job.finish(record)
            except (ValueError, OSError) as error:
                for result in made_now if job.record in made_now else ():
                    result.unlink(missing_ok=True)
                if isinstance(error, OSError):  # a full disk, or the like: no other image would fare better
                    raise
                skipped.append(str(error) if str(job.source) in str(error) else f"{job.source}: {error}")
                continue
            for result in older:  # they would be nobody's
                result.unlink(missing_ok=True)
            written += job.results
            lost += () if same else _lost(job, picture, results, levels, unchanged)
            if seen is not None and (parts := seen.outside(picture.pixels)):
                said = (f"{100 * part:.0f} % is {what}" for what, part in parts.items())
                outside.append(f"{job.source}: {', '.join(said)}")
    kept = len(jobs) - len(todo)
    return Samples(tuple(written), kept, tuple(skipped), tuple(lost), tuple(outside))


def _written(
    files: Sequence[Path],
    images: Iterable[Tensor] | Strips,
    bits: int | None,
    like: Picture,
    grey_channel: int | None,
) -> Iterator[Path]:
    """Write each image into its file; gives the files one by one, when they are there."""
    if isinstance(images, Strips):
        size = images.height, images.width
        writers = [StripWriter(file, size, bits, like=like) for file in files]
        for part in images.parts:
            for writer, strip in zip(writers, part, strict=True):
                writer.add(strip)
        while writers:
            writers[0].write()
            yield writers.pop(0).path
        return
    for file, image in zip(files, images, strict=True):
        made = image[grey_channel] if like.grey and grey_channel is not None else image
        write(file, made, bits, like=like)
        yield file


def _lost(job: ImageJob, picture: Picture, results: Results, levels: int, unchanged: bool) -> list[str]:
    """What of an image its results do not have, in words."""
    result = job.results[0]
    missing = [*results.lost(job.source, picture), *not_held(picture, result, results.bits(result.suffix))]
    if levels < picture.bits and DEPTH not in missing:
        missing.append(f"levels between those of {levels} bits")
    if unchanged and (kind := kind_of(result)) in LOSSY:
        missing.append(f"its exact values, which {kind} does not keep")
    return missing


def _sources(source: Path, out: Path, results: Results) -> list[Path]:
    """The images of a folder, or the one; not the results that lie inside the folder."""
    if not source.is_dir():
        return [source]
    files = list_images(source, results.recursive)
    here = out.resolve()
    files = [
        file for file in files if here not in file.parent.resolve().parents and file.parent.resolve() != here
    ]
    if not files:
        raise ValueError(f"{source}: no images in this folder, but for those in {out}")
    return files


def _owner(out: Path, name: PurePath) -> str | None:
    """The file name of the image whose results are called so in a folder."""
    try:
        return read_json(record_of(out, name)).get("source")
    except (ValueError, OSError):
        return None


def check_samples(samples: int, tau: float) -> None:
    """Raise ValueError unless each image can have so many results of this strength or temperature; more than
    anybody could mean are none.
    """
    if samples < 1 or not 0 <= tau < math.inf:
        raise ValueError(f"samples must be at least 1 and tau a number, 0 or more, got {samples} and {tau}")
    if samples > MOST_SAMPLES:
        raise ValueError(f"samples must be at most {MOST_SAMPLES:,}, got {samples!s:.60}")


def identity(model: str | os.PathLike) -> str:
    """What the name of a model or degrader stands for, by content: the same for the same model file under
    another path, another for another file of the same name.
    """
    return "+".join(map(_content, parts_of(str(model))))


def _content(part: str) -> str:
    kind, colon, folder = part.partition(":")
    if kind == "patches" and colon and root_of(folder).is_dir():
        together = hashlib.sha256("".join(map(digest, list_images(folder))).encode())
        return f"patches:{together.hexdigest()}"
    try:
        return digest(find(part))
    except (ValueError, OSError):  # a degradation by name
        return part


def _tidy(jobs: Sequence[ImageJob]) -> None:
    """Remove what a killed job left under the temporary names of these files, ``.NAME.PID.part``."""
    for folder in {job.record.parent for job in jobs}:
        names = {file.name for job in jobs for file in (job.record, *job.results) if file.parent == folder}
        for file in folder.glob(".*.part"):
            if is_temporary_of(file, names):
                file.unlink(missing_ok=True)
