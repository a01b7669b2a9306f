"""Jobs that make images out of images, file by file: they go on where they stopped and step over
bad files."""

from __future__ import annotations

import hashlib
import math
import os
import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePath
from typing import NamedTuple

import torch
from torch import Tensor

from .. import __version__, units
from ..checkpoints.files import find
from ..degraders.named import parts_of
from ..files import digest, is_temporary_of, made_folder, read_json, write_json
from ..images import list_images, read_picture, write
from ..images.listing import root_of
from ..images.writing import DEPTH, not_held
from ..noise import SeenContent
from ..processes import Share, claimed
from ..provenance import device_name
from .results import Results, fitting, record_of, result_names

# What results were made with whose record does not say.
USUAL = {"depth": "keep", "format": "png"}

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
    make: Callable[[Tensor, torch.Generator], Iterable[Tensor]],
    description: str,
    share: Share = Share(),
    seen: SeenContent | None = None,
    results: Results = Results(),
    grey_channel: int | None = None,
    levels: int = 16,
    device: torch.device | None = None,
) -> Samples:
    """Write what ``make`` makes of every image of a share, and beside it ``out/NAME.json``: of what and how
    it was made.

    An image whose files are all there, made of the same pixels with the same settings, is kept; one whose
    source has changed since is made again. Each image has its own random numbers, which depend on the seed
    and its name only: the files are the same however many processes share the work. Files are whole or not
    there, and the JSON says last that an image is done. What this job did not write it does not touch.

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
        make: image (3, H, W) and generator -> as many images (3, H', W') as there are suffixes.
        description: for the progress bar.
        share: of the images, sorted by name. Nothing is done about the files of others, which may be writing
            them now.
        seen: what the model was taught on; None says nothing of images that are outside it.
        results: how they are written.
        grey_channel: the channel that is kept of what was made of a grey image; the mean of the three by
            default, which has less noise than each.
        device: where they are made, which is said.
        levels: bits to which ``make`` rounds; deeper images lose what lies between, which is said.

    Raises:
        ValueError: no images, ``out`` has results of other settings or files of somebody else that would be
            overwritten, or another job writes there now.
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
        _Job(file, out, names[file.relative_to(folder)], suffixes, results.suffix(file)) for file in files
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
        if todo and share.index == 0:
            place = "" if device is None else f" on {device_name(device)},"
            units.say(f"{description}: {len(todo)} of {len(files)} photos,{place} results in {out}")
        for job in units.progress(todo, description) if share.index == 0 else todo:
            generator = units.generator(zlib.crc32(os.fsencode(f"{settings.get('seed')} {job.name}")))
            before = job.written_before()
            made_now = list(job.results) if job.is_ours() else []
            try:
                picture = read_picture(job.source)
                record = {
                    **settings,
                    "source": job.source.name,
                    "sha256": digest(job.source),
                    "files": [result.name for result in job.results],
                    "nflib": __version__,
                }
                job.record.parent.mkdir(parents=True, exist_ok=True)
                both = sorted({*record["files"], *(file.name for file in before - current)})
                write_json(job.record, {**record, "files": both, "done": False})
                made_now.append(job.record)
                images = make(picture.pixels, generator)
                for result, made in zip(job.results, images, strict=True):
                    if picture.grey and grey_channel is not None:
                        made = made[grey_channel]
                    write(result, made, results.bits(result.suffix), like=picture)
                    made_now.append(result)
            except (ValueError, OSError) as error:
                for result in made_now if job.record in made_now else ():
                    result.unlink(missing_ok=True)
                if isinstance(error, OSError):  # a full disk, or the like: no other image would fare better
                    raise
                skipped.append(str(error) if str(job.source) in str(error) else f"{job.source}: {error}")
                continue
            write_json(job.record, {**record, "done": True})
            for result in before - current:  # of other settings: they would be nobody's
                result.unlink(missing_ok=True)
            written += job.results
            bits = results.bits(job.results[0].suffix)
            missing = [*results.lost(job.source, picture), *not_held(picture, job.results[0], bits)]
            if levels < picture.bits and DEPTH not in missing:
                missing.append(f"levels between those of {levels} bits")
            lost += missing
            if seen is not None and (parts := seen.outside(picture.pixels)):
                said = (f"{100 * part:.0f} % is {what}" for what, part in parts.items())
                outside.append(f"{job.source}: {', '.join(said)}")
    kept = len(jobs) - len(todo)
    return Samples(tuple(written), kept, tuple(skipped), tuple(lost), tuple(outside))


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


class _Job:
    """One image: its results, and the file that says how they were made."""

    def __init__(self, source: Path, out: Path, name: PurePath, suffixes: Sequence[str], ending: str):
        self.source = source
        self.name = name.as_posix()  # which the random numbers depend on
        self.record = record_of(out, name)
        short = fitting(name, max(len(f"{suffix}{ending}") for suffix in suffixes))
        self.results = [out / f"{short}{suffix}{ending}" for suffix in suffixes]

    def is_done(self, settings: dict, overwrite: bool) -> bool:
        """Whether the results are all there, of this image and with these settings.

        Raises:
            ValueError: they are of other settings or somebody else's, and not to be overwritten.
        """
        if not self.is_ours():
            theirs = [file for file in (self.record, *self.results) if os.path.lexists(file)]
            if theirs and not overwrite:
                raise ValueError(
                    f"{theirs[0]}: is there already and was not written by this command; overwrite it "
                    "(--overwrite), or choose another folder"
                )
            return False
        content = read_json(self.record)
        for key in settings.keys() - {"model"}:
            found = content.get(key, USUAL.get(key))
            if found != settings[key] and not overwrite:
                shown = "model" if key == "content" else key
                same = content.get(shown) == settings[shown]
                raise ValueError(
                    f"{self.record}: was made with {shown} {content.get(shown)}, now asked for "
                    f"{settings[shown]}{', which has changed since' if same else ''}; overwrite it "
                    "(--overwrite), or choose another folder"
                )
            if found != settings[key]:
                return False
        complete = content.get("done") is True and all(result.is_file() for result in self.results)
        return complete and content.get("sha256") == digest(self.source)

    def is_ours(self) -> bool:
        """Whether the record was written by such a job."""
        try:
            content = read_json(self.record)
        except (ValueError, OSError):
            return False
        return {"nflib", "source", "sha256", "files"} <= content.keys()

    def written_before(self) -> set[Path]:
        """The results that are there by the record of an earlier job, whatever they are called."""
        files = read_json(self.record)["files"] if self.is_ours() else ()
        names = [file for file in files if isinstance(file, str) and PurePath(file).name == file]
        return {self.record.with_name(name) for name in names} if isinstance(files, list) else set()


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


def _tidy(jobs: Sequence[_Job]) -> None:
    """Remove what a killed job left under the temporary names of these files, ``.NAME.PID.part``."""
    for folder in {job.record.parent for job in jobs}:
        names = {file.name for job in jobs for file in (job.record, *job.results) if file.parent == folder}
        for file in folder.glob(".*.part"):
            if is_temporary_of(file, names):
                file.unlink(missing_ok=True)
