"""Which stage came last, as trainings ask for it."""

import pytest

from nflib.data import photos
from nflib.images import JPEG
from nflib.training.last_stage import known_stage

COFFEE, ASTRONAUT = (photos()[name][:, :240, :320] for name in ("coffee", "astronaut"))


def test_what_is_said_is_taken(tmp_path) -> None:
    nowhere = tmp_path / "none"  # not looked at
    assert known_stage("jpeg:62:444", nowhere, nowhere) == JPEG(62, "4:4:4")
    assert known_stage("none", nowhere, nowhere) is None
    with pytest.raises(ValueError, match="often: expected jpeg:QUALITY"):
        known_stage("often", nowhere, nowhere)
    with pytest.raises(ValueError, match="no such folder"):
        known_stage("auto", nowhere, nowhere)


def test_what_is_seen() -> None:
    assert known_stage("auto", [ASTRONAUT], [JPEG(62)(COFFEE)]) == JPEG(62)
    assert known_stage("auto", [ASTRONAUT], [COFFEE]) is None
    assert known_stage("auto", [JPEG(95)(ASTRONAUT)], [JPEG(62)(COFFEE)]) == JPEG(62)
    assert known_stage("auto", [JPEG(63)(ASTRONAUT)], [JPEG(62)(COFFEE)]) is None  # both went through it
