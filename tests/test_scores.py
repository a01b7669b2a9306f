"""What is not finite is no score, and never written as a number."""

import json
import math
import re
from pathlib import Path

import pytest

from nflib import scores
from nflib.files import json_text, write_json

NOTHING = (None, math.nan, math.inf, -math.inf)
PACKAGE = Path(__file__).resolve().parents[1] / "nflib"


@pytest.mark.parametrize("value", NOTHING)
@pytest.mark.parametrize("lower", [True, False])
def test_what_is_not_finite_is_never_best_and_always_beaten(value, lower) -> None:
    assert not scores.is_score(value)
    assert scores.or_none(value) is None
    assert not scores.is_better(value, None, lower=lower)
    assert not scores.is_better(value, 3.0, lower=lower)
    assert scores.is_better(3.0, value, lower=lower)


def test_better_is_lower_or_higher() -> None:
    assert scores.is_better(1.0, 2.0)
    assert not scores.is_better(2.0, 2.0)
    assert scores.is_better(2.0, 1.0, lower=False)


def test_means_are_over_scores_alone() -> None:
    assert scores.mean([1.0, *NOTHING, 3.0]) == 2
    assert scores.deviation([1.0, *NOTHING, 3.0]) == pytest.approx(2**0.5)
    assert scores.mean(NOTHING) is None
    assert scores.deviation([1.0, *NOTHING]) is None


def test_json_has_null_in_place_of_what_is_not_finite(tmp_path) -> None:
    content = {"a": [1.5, math.nan, {"b": (math.inf, -math.inf)}], "c": "Infinity", "d": 3, "e": True}
    expected = {"a": [1.5, None, {"b": [None, None]}], "c": "Infinity", "d": 3, "e": True}
    write_json(tmp_path / "x.json", content)
    for text in (json_text(content), (tmp_path / "x.json").read_text()):
        assert json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON")) == expected


def test_one_function_writes_json() -> None:
    writers = {
        path.relative_to(PACKAGE).as_posix(): len(found)
        for path in sorted(PACKAGE.rglob("*.py"))
        if (found := re.findall(r"\bjson\.dumps?\(|JSONEncoder|to_json\(", path.read_text(encoding="utf-8")))
    }
    assert writers == {"files.py": 1}
    assert "allow_nan=False" in (PACKAGE / "files.py").read_text(encoding="utf-8")
