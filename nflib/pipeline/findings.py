"""What the facts of two folders mean for a training, in words, and the verdict."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from .. import units
from ..domain import Leak
from ..noise import FolderTraces
from ..noise.jpeg_files import NEAR
from .photo_facts import FolderFacts, PhotoFacts, same_pixels

FEW = 10  # photos of a folder with which a flow can hardly be trained
DARK = 0.5  # the brightest value of a folder below which something is wrong with the range
EMPTY = 0.05  # share of a folder's pixels in saturated or constant parts that is worth knowing
LARGER = 1.5  # times the sides of the other folder's photos
NAMED = 3  # photos that are named in a finding
# h is told not to give the folder away with an AUC of this at most, and only where chance does as much.
MOST_TOLD = 0.7
WIDE_AUC = 0.5  # an interval wider than this says nothing, be it of h or of the control
# The folders are taken for exchanged where the flattest places of the clean photos have so much noise (image
# range), so many times that of the degraded ones, in so many of all pairs of a clean and a degraded photo.
NOISY, NOISIER, PAIRS = 2 / 255, 2.0, 0.9
FORMATS = {"JPEG": ("JPEG", "MPO"), "WebP": ("WEBP lossy",)}  # lossy ones, as the kinds of photos begin
LEVELS = ("error", "warning", "note", "good")


class Finding(NamedTuple):
    """``level`` is "error" (do not train), "warning", "note" (to know, or more than these photos tell)
    or "good"; ``text`` is one line; ``short`` is what a verdict says of a warning.

    >>> Finding("warning", "8 clean photos are few; what is learned will be about these", "few photos").level
    'warning'
    """

    level: str
    text: str
    short: str = ""


def verdict(findings: Iterable[Finding]) -> str:
    """One line: "train", "train, but mind: ..." or "do not train: ..."."""
    findings = list(findings)
    if errors := [finding.text for finding in findings if finding.level == "error"]:
        return "do not train: " + "; ".join(errors)
    shorts = dict.fromkeys(finding.short for finding in findings if finding.level == "warning")
    return "train" + (", but mind: " + "; ".join(shorts) if shorts else "")


def of_folder(facts: FolderFacts, name: str, crop: int) -> Iterator[Finding]:
    """Findings about one folder."""

    def told(short: str, what: str, photos=()) -> Finding:
        return Finding("warning", f"{name}: {what}" + (f": {names(photos)}" if photos else ""), short)

    if facts.skipped:
        what = f"{len(facts.skipped)} files cannot be read and will be left out"
        yield told("files that cannot be read", what)
    small = [photo for photo in facts.photos if min(photo.height, photo.width) < crop]
    if len(small) == len(facts.photos):
        yield Finding("error", f"{name}: no photo has {crop}x{crop} pixels, the size of a crop")
    elif small:
        what = f"{len(small)} photos are smaller than a crop of {crop}x{crop} and will be left out"
        yield told("small photos", what, small)
    if grey := [photo for photo in facts.photos if photo.grey]:
        yield told("grey photos", f"{len(grey)} photos are grey, their noise the same in all channels", grey)
    if deep := [photo for photo in facts.photos if photo.deep]:
        what = f"{len(deep)} photos have more than 8 bits; training rounds them to 8"
        yield Finding("note", f"{name}: {what}: {names(deep)}")
    if (high := max(photo.high for photo in facts.photos)) < DARK:
        what = f"no value is above {high:.3g} of the range; 10 or 12 bits stored as 16 look like that"
        yield told(f"dark {name} photos", what)
    if (lost := float(np.mean([photo.saturated for photo in facts.photos]))) >= EMPTY:
        what = f"{lost:.0%} of the pixels are in saturated parts, of which nothing is learned"
        yield told(f"saturated parts of {name} photos", what, _most(facts, "saturated"))
    alike = float(np.mean([photo.constant for photo in facts.photos]))
    if alike >= EMPTY and name == "degraded":
        what = f"{alike:.0%} of the pixels are in constant parts, of which nothing is learned"
        yield told("constant parts of degraded photos", what, _most(facts, "constant"))
    for kind, formats in FORMATS.items():
        files = [photo for photo in facts.photos if photo.kind.startswith(formats)]
        if files and name == "clean":
            what = f"{len(files)} photos are {kind} files, their compression passes for clean"
            yield told(f"clean {kind} files", f"{what}; shrinking hides it (nflib data prepare)", files)
        elif files and kind == "WebP":
            what = f"{len(files)} photos are WebP files, whose compression is learned as if it were noise"
            yield told("degraded WebP files", what, files)
    for group in same_pixels(facts.photos):
        yield told("photos that are there twice", "the same pixels more than once", group)


def _most(facts: FolderFacts, what: str) -> list[PhotoFacts]:
    """The photos that have a part of some kind, those with most of it first."""
    found = [photo for photo in facts.photos if getattr(photo, what) >= EMPTY]
    return sorted(found, key=lambda photo: -getattr(photo, what))


def of_count(x: FolderFacts, y: FolderFacts, crop: int) -> Iterator[Finding]:
    """Whether there are enough photos."""
    large = {
        name: sum(min(photo.height, photo.width) >= crop for photo in facts.photos)
        for name, facts in (("clean", x), ("degraded", y))
    }
    few = " and ".join(f"{count} {name}" for name, count in large.items() if 0 < count < FEW)
    if few:
        yield Finding("warning", f"{few} photos are few; what is learned will be about these", "few photos")


def of_both(x: FolderFacts, y: FolderFacts, alike: list) -> Iterator[Finding]:
    """Findings about what the folders share."""
    groups = same_pixels((*x.photos, *y.photos))
    identical = [group for group in groups if len({photo.file.parent for photo in group}) > 1]
    whole = {photo.digest for photo in x.photos} == {photo.digest for photo in y.photos}
    if whole:
        yield Finding("error", f"both folders hold the same photos: {names(x.photos)}")
    elif identical:
        what = f"{len(identical)} photos are clean and degraded at once, the same pixels in both folders"
        yield Finding("error", f"{what}: {names(identical[0])}")
    pairs = [pair for pair in alike if pair[0].digest != pair[1].digest]
    if pairs and not whole:
        what = f"{len(pairs)} clean and degraded photos seem to show the same scene"
        text = f"{what}; fine to train on, but nothing to validate on: {names(pairs[0])}"
        yield Finding("warning", text, "scenes in both folders")
    if not identical and not pairs and not whole:
        yield Finding("good", "no photo is in both folders")
    for one, other, name in ((x, y, "clean"), (y, x, "degraded")):
        if one.side > LARGER * other.side:
            what = f"the {name} photos are {one.side / other.side:.1f} times larger"
            text = f"{what}: content should have the same scale (nflib data prepare shrinks)"
            yield Finding("warning", text, f"larger {name} photos")


def of_order(x: FolderFacts, y: FolderFacts, jpeg: FolderTraces) -> Iterator[Finding]:
    """Whether clean and degraded are exchanged. JPEG takes noise away, so after it there is no telling."""
    floors = [np.array([photo.floor for photo in facts.photos]) for facts in (x, y)]
    clean, degraded = (float(np.median(floor)) for floor in floors)
    share = (floors[0][:, None] > floors[1]).mean()
    if jpeg.stage is None and clean > NOISY and clean > NOISIER * degraded and share >= PAIRS:
        levels = f"{units.grey_levels(clean):.1f} and {units.grey_levels(degraded):.1f} grey levels"
        where = "in the flattest places of the clean and the degraded photos"
        yield Finding("error", f"the folders seem to be exchanged: noise of {levels} {where}")


def of_jpeg(clean: FolderTraces, degraded: FolderTraces) -> Iterator[Finding]:
    """What JPEG did to the folders, by pixels and headers."""
    stage, before = degraded.stage, clean.stage
    if stage is not None and before is not None and abs(stage.quality - before.quality) <= NEAR:
        yield Finding("note", f"both folders went through {clean}, which is no part of what is learned")
    elif stage is not None:
        other = "the clean one did not" if before is None else f"the clean one through {clean}"
        what = f"the degraded folder went through {degraded}; {other}"
        yield Finding("note", f"{what}: --last-stage auto learns what came before it, and ends with {stage}")
    elif any(trace.quality is not None for trace in degraded.traces):
        found = ", ".join(f"{text} {count}" for text, count in degraded.counts.most_common())
        text = f"degraded: not all photos went through the same JPEG ({found}): there is no one --last-stage"
        yield Finding("warning", text, "different JPEGs")
    shared = before is not None and stage is not None and abs(stage.quality - before.quality) <= NEAR
    if before is not None and not shared and any(trace.blocks for trace in clean.traces):
        text = f"clean: the photos went through {clean}, which passes for clean"
        yield Finding("warning", text, "JPEG in the clean photos")


def of_leaks(found: dict[str, Leak]) -> Finding:
    """Whether h gives away the folder: an AUC that is high, and higher than that of two halves of the clean
    photos. A control whose interval is wide cannot say that it is not.
    """
    h, control = found["h"], found.get("control")
    low, high = h.interval
    auc = f"AUC {h.auc:.2f}, {low:.2f} to {high:.2f}"
    hide = "a larger --scale, or --h with more noise, hides more; or the scenes differ"
    if low <= 0.5 and high - low > WIDE_AUC:
        text = f"whether h gives away the folder cannot be told from so few photos ({auc})"
        return Finding("note", text)
    if low <= 0.5 and h.auc <= MOST_TOLD:
        return Finding("good", f"h does not give away the folder ({auc})")
    if control is None or control.interval[1] - control.interval[0] > WIDE_AUC:
        beside = (
            ""
            if control is None
            else f", and clean photos from clean ones {control.interval[0]:.2f} to {control.interval[1]:.2f}"
        )
        text = f"h tells the folders apart ({auc}{beside}), by the degradation or by the scenes: {hide}"
        return Finding("warning", text, "h gives away the folder")
    if h.auc <= min(control.interval[1], MOST_TOLD):
        text = f"h tells the folders apart ({auc}) no better than clean photos from clean ones"
        return Finding("good", f"{text} ({control.auc:.2f})")
    return Finding("warning", f"h gives away the folder ({auc}): {hide}", "h gives away the folder")


def names(photos: Iterable[PhotoFacts]) -> str:
    files = [str(photo.file) for photo in photos]
    return ", ".join(files[:NAMED]) + (f" and {len(files) - NAMED} more" if len(files) > NAMED else "")
