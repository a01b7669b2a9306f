"""Jobs that make images out of images, file by file: they go on where they stopped and step over
bad files."""

from __future__ import annotations

import hashlib
import os
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from .. import __version__, units
from ..checkpoints.files import find
from ..files import LONGEST_NAME, digest, is_temporary_of, made_folder, read_json, write_json
from ..images import list_images, read_picture, write
from ..noise import SeenContent
from ..processes import Share, claimed

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
    grey_channel: int | None = None,
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
            ``a.jpg`` are both there, their results are called ``a.png.png`` and ``a.jpg.png``.
        settings: what determines the results besides the image, with its ``seed`` where it is random;
            anything JSON can hold. Of its ``model`` counts what it holds, not what it is called
            (:func:`identity`).
        make: image (3, H, W) and generator -> as many images (3, H', W') as there are suffixes.
        description: for the progress bar.
        share: of the images, sorted by name. Nothing is done about the files of others, which may be writing
            them now.
        seen: what the model was taught on; None says nothing of images that are outside it.
        grey_channel: the channel that is kept of what was made of a grey image; the mean of the three by
            default, which has less noise than each.

    Raises:
        ValueError: no images, ``out`` has results of other settings or files of somebody else that would be
            overwritten, or another job writes there now.
    """
    source, out = Path(source), Path(out)
    if out.resolve() == (source if source.is_dir() else source.parent).resolve():
        raise ValueError(f"{out}: holds the images themselves; choose another folder for the results")
    files: Sequence[Path] = list_images(source) if source.is_dir() else [source]
    settings = {**settings, "content": identity(settings["model"])}
    names = result_names(files, max(len(suffix) + 4 for suffix in suffixes))
    targets = {file: [out / f"{names[file]}{suffix}.png" for suffix in suffixes] for file in files}
    # those of others too: nobody may begin where anything was made with other settings
    done = {file for file in files if _is_done(file, _record(out, names[file]), targets[file], settings)}
    files = share.of(files)
    todo = [file for file in files if file not in done]
    written: list[Path] = []
    skipped: list[str] = []
    lost: list[str] = []
    outside: list[str] = []
    with made_folder(out, alone=share.count == 1), claimed(out, share):
        _tidy(out, {name for file in files for name in _written(names[file], targets[file])})
        for file in units.progress(todo, description) if share.index == 0 else todo:
            results = targets[file]
            generator = units.generator(zlib.crc32(os.fsencode(f"{settings.get('seed')} {file.stem}")))
            path, begun = _record(out, names[file]), False
            try:
                picture = read_picture(file)
                record = {
                    **settings,
                    "source": file.name,
                    "sha256": digest(file),
                    "files": [result.name for result in results],
                    "nflib": __version__,
                }
                write_json(path, {**record, "done": False})
                begun = True
                for result, made in zip(results, make(picture.pixels, generator), strict=True):
                    if picture.grey and grey_channel is not None:
                        made = made[grey_channel]
                    write(result, made, like=picture)
            except (ValueError, OSError) as error:
                for result in (*results, path) if begun else ():
                    result.unlink(missing_ok=True)
                if isinstance(error, OSError):  # a full disk, or the like: no other image would fare better
                    raise
                skipped.append(str(error) if str(file) in str(error) else f"{file}: {error}")
                continue
            write_json(path, {**record, "done": True})
            written += results
            lost += picture.lost
            if seen is not None and (parts := seen.outside(picture.pixels)):
                said = (f"{100 * part:.0f} % is {what}" for what, part in parts.items())
                outside.append(f"{file}: {', '.join(said)}")
    kept = len(files) - len(todo)
    return Samples(tuple(written), kept, tuple(skipped), tuple(lost), tuple(outside))


def check_samples(samples: int) -> None:
    """Raise ValueError if more results of each image are asked for than anybody could mean."""
    if samples > MOST_SAMPLES:
        raise ValueError(f"samples must be at most {MOST_SAMPLES:,}, got {samples!s:.60}")


def result_names(files: Sequence[Path], room: int = 4) -> dict[Path, str]:
    """What the results of each image are called: its name without the suffix, or with it where two differ in
    nothing else (in capitals neither: there are file systems that do not see them). A suffix of ``room``
    bytes must fit behind it.
    """
    count = Counter(file.stem.casefold() for file in files)
    return {
        file: _fitting(file.stem if count[file.stem.casefold()] == 1 else file.name, room) for file in files
    }


def _record(out: Path, name: str) -> Path:
    """Where it is written how the results of this name were made."""
    return out / f"{_fitting(name, len('.json'))}.json"


def _fitting(name: str, room: int) -> str:
    """A name that leaves room for a suffix of so many bytes, with a digest in place of what was too long."""
    encoded = os.fsencode(name)
    if len(encoded) + room <= LONGEST_NAME:
        return name
    short = name
    while len(os.fsencode(short)) + room + 17 > LONGEST_NAME:
        short = short[:-1]
    return f"{short}-{hashlib.sha256(encoded).hexdigest()[:16]}"


def identity(model: str | os.PathLike) -> str:
    """What the name of a model or degrader stands for, by content: the same for the same model file under
    another path, another for another file of the same name.
    """
    whole = str(model)
    return "+".join(_content(part) for part in ([whole] if Path(whole).is_file() else whole.split("+")))


def _content(part: str) -> str:
    kind, colon, folder = part.partition(":")
    if kind == "patches" and colon and Path(folder).is_dir():
        together = hashlib.sha256("".join(map(digest, list_images(folder))).encode())
        return f"patches:{together.hexdigest()}"
    try:
        return digest(find(part))
    except (ValueError, OSError):  # a degradation by name
        return part


def _is_done(file: Path, record: Path, results: list[Path], settings: dict) -> bool:
    """Whether the results of an image are all there, and of this image."""
    if not record.is_file():
        for result in results:
            if result.exists():
                raise ValueError(
                    f"{result}: is there already and was not written by this command; choose another folder"
                )
        return False
    content = read_json(record)
    for key in settings.keys() - {"model"}:
        if content.get(key) != settings[key]:
            shown = "model" if key == "content" else key
            same = content.get(shown) == settings[shown]
            raise ValueError(
                f"{record}: was made with {shown} {content.get(shown)}, now asked for {settings[shown]}"
                f"{', which has changed since' if same else ''}; choose another folder"
            )
    complete = content.get("done") is True and all(result.is_file() for result in results)
    return complete and content.get("sha256") == digest(file)


def _written(name: str, results: list[Path]) -> tuple[str, ...]:
    return (_record(Path(), name).name, *(result.name for result in results))


def _tidy(out: Path, names: set[str]) -> None:
    """Remove what a killed job left under the temporary names of these files, ``.NAME.PID.part``."""
    for file in out.glob(".*.part"):
        if is_temporary_of(file, names):
            file.unlink(missing_ok=True)
