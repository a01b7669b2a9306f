"""Scores of the images in a folder, against those of another or without a reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import __version__, metrics, scores, units
from ..files import write_json
from ..images import list_images, read


@dataclass(frozen=True)
class Evaluation:
    """What :func:`evaluate` found.

    >>> scores = {"a.png": (30.0,), "b.png": (32.0,)}
    >>> found = Evaluation(("psnr",), scores, ("restored", "truth"), border=0, skipped=(), unpaired=((), ()))
    >>> found.mean("psnr"), round(found.deviation("psnr"), 3)
    (31.0, 1.414)

    Attributes:
        metrics: names of the metrics.
        scores: file name -> one number for each metric; infinite or NaN where there was nothing to measure,
            as for the PSNR of equal images.
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
    """Score the images of a folder, against those of the same name (suffix aside) in another.

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
    found = _by_stem(images)
    truth: Mapping[str, Path | None] = dict.fromkeys(found)
    if comparing:
        assert reference is not None
        truth = _by_stem(reference)
    paired = [stem for stem in found if stem in truth]
    if not paired:
        raise ValueError(f"{images}: no file here has the name of one in {reference}")
    measured, skipped = {}, []
    for stem in units.progress(paired, "images"):
        try:
            measured[found[stem].name] = _scores(found[stem], truth[stem], chosen, border)
        except metrics.MissingWeights:
            raise
        except ValueError as error:
            skipped.append(str(error))
    if not measured:
        raise ValueError(f"{images}: none of {len(paired)} images could be scored; the first: {skipped[0]}")
    unpaired = (
        tuple(file.name for stem, file in found.items() if stem not in truth),
        tuple(file.name for stem, file in truth.items() if file is not None and stem not in found),
    )
    folders = str(images), str(reference) if comparing else None
    return Evaluation(
        tuple(metric.name for metric in chosen), measured, folders, border, tuple(skipped), unpaired
    )


def _by_stem(folder: str | Path) -> dict[str, Path]:
    """Name without suffix -> image file."""
    files: dict[str, Path] = {}
    for file in list_images(folder):
        if file.stem in files:
            raise ValueError(
                f"{folder}: {files[file.stem].name} and {file.name} have the same name, expected one"
            )
        files[file.stem] = file
    return files


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
