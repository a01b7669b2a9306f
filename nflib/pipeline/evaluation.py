"""Scores of the images in a folder, against those of another or without a reference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np

from .. import __version__, metrics, scores, units
from ..files import write_json
from ..images import list_images, read
from ..images.listing import root_of
from ..images.pairing import partners, relative


@dataclass(frozen=True)
class Evaluation:
    """What :func:`evaluate` found.

    >>> scores = {"a.png": (30.0,), "b.png": (32.0,)}
    >>> found = Evaluation(("psnr",), scores, ("restored", "truth"), border=0, skipped=(), unpaired=((), ()))
    >>> found.mean("psnr"), round(found.deviation("psnr"), 3)
    (31.0, 1.414)

    Attributes:
        metrics: names of the metrics.
        scores: file name, such as ``a.png`` or ``x/a.png`` -> one number for each metric; infinite or NaN
            where there was nothing to measure, as for the PSNR of equal images.
        folders: as they were named, the second None where nothing was compared.
        border: pixels that were left out on every side.
        skipped: one line for each pair that could not be scored.
        unpaired: files of the first and of the second folder without a partner.
    """

    metrics: tuple[str, ...]
    scores: dict[str, tuple[float, ...]]
    folders: tuple[str, str | None]
    border: int
    skipped: tuple[str, ...]
    unpaired: tuple[tuple[str, ...], tuple[str, ...]]

    def column(self, name: str) -> np.ndarray:
        """What a metric gave for each image."""
        position = self.metrics.index(name)
        return np.array([measured[position] for measured in self.scores.values()])

    def mean(self, name: str) -> float | None:
        """Over the images that could be measured; None if there is none."""
        return scores.mean(self.column(name).tolist())

    def deviation(self, name: str) -> float | None:
        """Standard deviation between these images (n - 1); None for fewer than two."""
        return scores.deviation(self.column(name).tolist())

    def unmeasured(self, name: str) -> list[str]:
        """The files that are in no mean, since a metric gave no finite number for them."""
        return [file for file, score in zip(self.scores, self.column(name)) if not scores.is_score(score)]

    @property
    def remarks(self) -> tuple[str, ...]:
        """One line for each metric that could not measure some images: how many, and which."""
        lines = []
        for name in self.metrics:
            if files := self.unmeasured(name):
                why = "equal to the reference, " if name == "psnr" else ""
                some = f"{len(files)} of {len(self.scores)} images"
                lines.append(f"{name}: {some} {why}not finite and not in the mean: {named(files)}")
        return tuple(lines)

    def save(self, path: str | Path) -> None:
        """Write as JSON. What could not be measured is null there, and its files are listed."""
        described = {}
        for name in self.metrics:
            metric = metrics.METRICS[name]
            described[name] = {
                "mean": self.mean(name),
                "deviation": self.deviation(name),
                "unmeasured": self.unmeasured(name),
                "lower_is_better": metric.lower_is_better,
                "unit": metric.unit,
                "convention": metric.convention,
            }
        images = {file: dict(zip(self.metrics, measured)) for file, measured in self.scores.items()}
        write_json(
            Path(path),
            {
                "nflib": __version__,
                "folders": list(self.folders),
                "border": self.border,
                "metrics": described,
                "images": images,
                "skipped": list(self.skipped),
                "unpaired": [list(names) for names in self.unpaired],
            },
        )


def evaluate(
    images: str | Path,
    reference: str | Path | None = None,
    names: Sequence[str] = ("psnr", "ssim"),
    border: int = 0,
) -> Evaluation:
    """Score the images of a folder, against those of the same name (suffix aside) in another; of
    ``FOLDER/**`` and another ``FOLDER/**`` those in folders of the same names.

    All means are over the same images: a pair that one metric cannot score is skipped and listed. Only equal
    pairs, whose PSNR is infinite, are left out of its mean alone (:attr:`Evaluation.remarks`).

    Args:
        images: the folder to be judged.
        reference: the folder with the truth; not needed if no metric compares.
        names: of metrics, keys of :data:`nflib.metrics.METRICS`.
        border: pixels to leave out on every side.
    """
    unknown = [name for name in names if name not in metrics.METRICS]
    if unknown or not names:
        raise ValueError(
            f"metrics must be some of {', '.join(metrics.METRICS)}, got "
            f"{', '.join(map(repr, unknown)) or 'none'}"
        )
    chosen = [metrics.METRICS[name] for name in dict.fromkeys(names)]
    comparing = [metric.name for metric in chosen if metric.needs_reference]
    if comparing and reference is None:
        raise ValueError(f"{comparing[0]} compares with a reference: name a second folder")
    if border < 0:
        raise ValueError(f"border must be at least 0, got {border}")
    found = relative(list_images(images), root_of(images))
    pairs: dict[PurePath, Path | None] = dict.fromkeys(found)
    skipped: list[str] = []
    alone: tuple[list[PurePath], list[PurePath]] = ([], [])
    if comparing:
        assert reference is not None
        truth = relative(list_images(reference), root_of(reference))
        pairs, skipped, alone = _paired(found, truth)
    if not pairs and not skipped:
        raise ValueError(f"{images}: no file here has the name of one in {reference}")
    tried = len(pairs) + len(skipped)
    measured = {}
    for name in units.progress([*pairs], "images"):
        try:
            measured[name.as_posix()] = _scores(found[name], pairs[name], chosen, border)
        except metrics.MissingWeights:
            raise
        except ValueError as error:
            skipped.append(str(error))
    if not measured:
        raise ValueError(f"{images}: none of {tried} images could be scored; the first: {skipped[0]}")
    unpaired = tuple(n.as_posix() for n in alone[0]), tuple(n.as_posix() for n in alone[1])
    folders = str(images), str(reference) if comparing else None
    return Evaluation(
        tuple(metric.name for metric in chosen), measured, folders, border, tuple(skipped), unpaired
    )


def _paired(
    found: Mapping[PurePath, Path], truth: Mapping[PurePath, Path]
) -> tuple[dict[PurePath, Path | None], list[str], tuple[list[PurePath], list[PurePath]]]:
    """The truth of each file, a line for each file that may have several or shares its one, and the names on
    both sides without any.
    """
    candidates = partners([*found], [*truth])
    wanted = Counter(names[0] for names in candidates.values() if len(names) == 1)
    pairs: dict[PurePath, Path | None] = {}
    skipped = []
    for name, names in candidates.items():
        if len(names) > 1:
            several = " and ".join(map(str, names))
            skipped.append(f"{found[name]}: may belong to {several}, expected one")
        elif names and names[0] != name and wanted[names[0]] > 1:
            skipped.append(f"{found[name]}: its reference {truth[names[0]]} may belong to another file too")
        elif names:
            pairs[name] = truth[names[0]]
    known = {name for names in candidates.values() for name in names}
    alone = [name for name in found if not candidates[name]], [name for name in truth if name not in known]
    return pairs, skipped, alone


def _scores(file: Path, truth: Path | None, chosen, border: int) -> tuple[float, ...]:
    image = read(file)[None]
    reference = None if truth is None else read(truth)[None]
    if reference is not None and reference.shape != image.shape:
        size, other = (f"{x.shape[-1]}x{x.shape[-2]}" for x in (image, reference))
        raise ValueError(f"{file}: {size} pixels, but its reference {truth} has {other}")
    try:
        image = metrics.crop_border(image, border)
        reference = None if reference is None else metrics.crop_border(reference, border)
        return tuple(
            (metric.function(image, reference) if metric.needs_reference else metric.function(image)).item()
            for metric in chosen
        )
    except metrics.MissingWeights:
        raise
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error


def named(files: Sequence[str], most: int = 5) -> str:
    """The first of some files, and how many more there are."""
    return ", ".join(files[:most]) + (f" and {len(files) - most} more" if len(files) > most else "")
