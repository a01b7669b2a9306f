"""Write ``constraints.txt``: the exact versions, in the environment that runs this, of everything nflib's
extras need.

Run by ``tools/dev.py constraints`` inside ``.venv`` after a full ``make test``. Only what is reached from
nflib is listed, so a tool installed by hand stays out; packages other platforms need are left to pip.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

HEADER = """\
# The exact set of packages this version was tested with (Python 3.11, CPU).
# Written by: python3 tools/dev.py constraints
# Used by: make setup. Ranges are in pyproject.toml.
"""
NOT_LISTED = {"nflib", "pip", "wheel"}
EXTRAS = {"book", "train", "metrics", "perceptual", "test", "lint"}


def reached(name: str, extras: frozenset[str], seen: dict[tuple[str, frozenset[str]], str]) -> None:
    """Add to ``seen`` a distribution and all it requires here; GPU libraries of torch are torch's own
    business.
    """
    if (name, extras) in seen:
        return
    try:
        found = distribution(name)
    except PackageNotFoundError:
        return
    seen[name, extras] = Version(found.version).public
    for line in found.requires or ():
        need = Requirement(line)
        wanted = need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in extras | {""})
        if wanted and not need.name.startswith(("nvidia-", "cuda-")):
            reached(canonicalize_name(need.name), frozenset(need.extras), seen)


def main() -> None:
    seen: dict = {}
    reached("nflib", frozenset(EXTRAS), seen)
    pins = {name: version for (name, _), version in seen.items() if name not in NOT_LISTED | {"triton"}}
    target = Path(__file__).resolve().parents[1] / "constraints.txt"
    part = target.with_suffix(".part")
    part.write_text(HEADER + "".join(f"{name}=={pins[name]}\n" for name in sorted(pins)), encoding="utf-8")
    part.replace(target)
    print(f"{target.name}: {len(pins)} packages")


if __name__ == "__main__":
    main()
