"""One image of a job: its results, and the file that says how they were made."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any

from ..files import check_as_written, digest, read_json, write_json
from .results import fitting, record_of

# What results were made with whose record does not say.
USUAL = {"depth": "keep", "format": "png"}


class ImageJob:
    """One image: its results, and the file that says how they were made, and what each of them holds.

    >>> job = ImageJob(Path("in/a.jpg"), Path("out"), PurePath("a"), ["_1", "_2"], ".png")
    >>> [file.name for file in (*job.results, job.record)]
    ['a_1.png', 'a_2.png', 'a.json']

    Args:
        source: the image.
        out: folder of the results.
        name: what the results are called in there, without what follows.
        suffixes: a result for each.
        ending: of the results' names, such as ".png".
    """

    def __init__(self, source: Path, out: Path, name: PurePath, suffixes: Sequence[str], ending: str):
        self.source = source
        self.name = name.as_posix()  # which the random numbers depend on
        self.record = record_of(out, name)
        short = fitting(name, max(len(f"{suffix}{ending}") for suffix in suffixes))
        self.results = [out / f"{short}{suffix}{ending}" for suffix in suffixes]

    def is_done(self, settings: dict, overwrite: bool) -> bool:
        """Whether the results are all there, of this image and with these settings.

        Raises:
            ValueError: they are of other settings or somebody else's, or were changed since, and are not to
                be overwritten.
        """
        content = self._noted()
        if content is None:
            theirs = [file for file in (self.record, *self.results) if os.path.lexists(file)]
            if theirs and not overwrite:
                raise ValueError(
                    f"{theirs[0]}: is there already and was not written by this command; overwrite it "
                    "(--overwrite), or choose another folder"
                )
            return False
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
        there = [result for result in self.results if result.is_file()]
        changed = [result for result in there if not self._is_as_noted(result, content)]
        if changed and self._noted() == content:  # else another process is making it again just now
            if not overwrite:
                advice = "overwrite it (--overwrite), move it away, or choose another folder"
                check_as_written(changed[0], content["results"][changed[0].name], advice)
            return False
        complete = content.get("done") is True and len(there) == len(self.results)
        return complete and content.get("sha256") == digest(self.source)

    def written_before(self) -> set[Path]:
        """The files that are there as an earlier job wrote them, whatever they are called."""
        content = self._noted() or {}
        files = content.get("files")
        names = files if isinstance(files, list) else []
        names = [file for file in names if isinstance(file, str) and PurePath(file).name == file]
        found = [self.record.with_name(name) for name in names]
        return {file for file in found if file.is_file() and self._is_as_noted(file, content)}

    def begin(self, record: dict, more: set[Path]) -> None:
        """Note that the results are this job's, and more files too, whatever they hold until
        :meth:`finish`.
        """
        self.record.parent.mkdir(parents=True, exist_ok=True)
        files = sorted({file.name for file in (*self.results, *more)})
        noted = {file.name: digest(file) for file in more}
        write_json(self.record, {**record, "files": files, "results": noted, "done": False})

    def finish(self, record: dict) -> None:
        """Note that the results are there, and what they hold."""
        results = {result.name: digest(result) for result in self.results}
        write_json(self.record, {**record, "files": [*results], "results": results, "done": True})

    def _noted(self) -> dict[str, Any] | None:
        """The record, if it was written by such a job."""
        try:
            content = read_json(self.record)
        except (ValueError, OSError):
            return None
        return content if {"nflib", "source", "sha256", "files"} <= content.keys() else None

    def _is_as_noted(self, file: Path, content: dict) -> bool:
        """Whether a file holds what the record says; of what it says nothing about, it does."""
        noted = content.get("results")
        expected = noted.get(file.name) if isinstance(noted, dict) else None
        return expected is None or expected == digest(file)
