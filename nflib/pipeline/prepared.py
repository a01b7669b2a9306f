"""What a folder of prepared photos was made of: what is there already, and what may be removed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import __version__
from ..files import check_as_written, damaged, digest, json_text, parse_json, read_json, write_json

RECORD, LOG = "preparation.json", "preparation.log"
"""In the target: what was done, and, until all is done, a line for each photo that was begun or made."""


class Preparation:
    """The photos that were made in a folder, each with a digest of its source and of every file.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     before = Preparation(Path(folder), Path("photos"), [1, 2])
    ...     before.made
    {}

    Args:
        target: the folder, which need not be there.
        source: where the photos are from.
        scales: of the photos.

    Attributes:
        record: what ``preparation.json`` says, empty if it is not there.
        made: name of a photo -> digest of its source, and of its file at every scale; both are empty where it
            was begun and perhaps not finished, and of records of older versions.
    """

    def __init__(self, target: Path, source: Path, scales: list[int]):
        self.target, self.source, self.scales = target, source, scales
        self.record: dict[str, Any] = read_json(target / RECORD) if (target / RECORD).is_file() else {}
        empty = {"sha256": "", "results": {}}
        with damaged(target / RECORD, "is no record of prepared photos"):
            self.made: dict[str, dict] = {name: dict(empty) for name in self.record.get("files", [])}
            self.made |= {name: _checked(made) for name, made in self.record.get("made", {}).items()}
            if self.record:
                Path(self.record["source"])
                [*self.record["scales"]]
        for line in (target / LOG).read_text("utf-8").splitlines() if (target / LOG).is_file() else ():
            try:
                self.made |= {name: _checked(made) for name, made in parse_json(line).items()}
            except (
                ValueError,
                AttributeError,
                TypeError,
                KeyError,
            ):  # the last line, when the job was killed
                continue

    def check_same(self, digests: set[str]) -> None:
        """Raise ValueError if photos were made here at other scales, or of another folder that has not one
        photo with a digest of these.
        """
        known = {one["sha256"] for one in self.made.values()} - {""}
        if not known:
            return
        record, advice = self.target / RECORD, "choose another target"
        if self.record["scales"] != self.scales:
            found = f"was made with scales {self.record['scales']}, now asked for {self.scales}"
            raise ValueError(f"{record}: {found}; {advice}")
        other = Path(self.record["source"]).resolve() != self.source.resolve()
        if other and not known & digests:
            found = f"was made of {self.record['source']}, {self.source} has none of its photos"
            raise ValueError(f"{record}: {found}; {advice}")

    def files(self, name: str) -> dict[int, Path]:
        """Where a photo is, scale by scale."""
        return {scale: self.target / f"{scale}x" / name for scale in self.scales}

    def holds(self, name: str, source: str) -> bool:
        """Whether a photo is here at all scales as it was made, and of a source with this digest.

        Raises:
            ValueError: one of its files is here and was not made by this job, or somebody has changed it.
        """
        files = self.files(name)
        if name not in self.made:
            for file in files.values():
                if file.exists():
                    raise ValueError(
                        f"{file}: is there already and was not written by this command; choose another target"
                    )
            return False
        mine = self.made[name]
        for scale, file in files.items() if mine["sha256"] else ():
            check_as_written(file, mine["results"].get(str(scale)), "move it away, or choose another target")
        return mine["sha256"] == source and all(self._is_mine(name, scale) for scale in self.scales)

    def begin(self, name: str) -> None:
        """Note that files of this name are this job's, whatever is in them until :meth:`finish`."""
        if not self.record:
            self.target.mkdir(parents=True, exist_ok=True)
            self.record = {"source": str(self.source), "scales": self.scales}
            write_json(self.target / RECORD, self.record)
        self._note(name, {"sha256": "", "results": {}})

    def finish(self, name: str, source: str) -> None:
        """Note that a photo is here at all scales."""
        results = {str(scale): digest(file) for scale, file in self.files(name).items()}
        self._note(name, {"sha256": source, "results": results})

    def remove(self, name: str) -> None:
        """Remove the files of a photo that are still as they were made, and forget it."""
        unfinished = not self.made[name]["sha256"]
        for scale, file in self.files(name).items():
            if self._is_mine(name, scale) or unfinished:
                file.unlink(missing_ok=True)
        del self.made[name]

    def save(self, said: Mapping[str, Any]) -> None:
        """Write the record."""
        made = dict(sorted(self.made.items()))
        settings = {"source": str(self.source), "scales": self.scales, "nflib": __version__}
        content = {**settings, "files": list(made), "made": made, **said}
        if content != self.record:
            write_json(self.target / RECORD, content)
        (self.target / LOG).unlink(missing_ok=True)

    def _is_mine(self, name: str, scale: int) -> bool:
        file = self.files(name)[scale]
        return file.is_file() and self.made[name]["results"].get(str(scale)) == digest(file)

    def _note(self, name: str, made: dict) -> None:
        self.made[name] = made
        for file in self.files(name).values():
            file.parent.mkdir(parents=True, exist_ok=True)
        with (self.target / LOG).open("a", encoding="utf-8") as log:
            log.write(json_text({name: made}) + "\n")


def _checked(made: Any) -> dict:
    """What is noted of a photo, if it is a digest and digests by scale."""
    if not isinstance(made["sha256"], str) or not isinstance(made["results"], dict):
        raise ValueError(f"expected digests, got {made!s:.60}")
    return made
