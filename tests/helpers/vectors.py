"""The closed-form test vectors in math_vectors.json, by name."""

import json
from pathlib import Path

_DATA = json.loads((Path(__file__).parent / "math_vectors.json").read_text())
CASES = {case["name"]: case for case in _DATA["cases"]}
RTOL, ATOL = _DATA["tolerance"]["rtol"], _DATA["tolerance"]["atol"]


def of_topic(topic: str) -> list[str]:
    return [name for name, case in CASES.items() if case["topic"] == topic]


def case(name: str) -> tuple[dict, dict]:
    """Inputs and expected values of a case."""
    return CASES[name]["inputs"], CASES[name]["expected"]


def assert_matches(actual: dict, expected: dict) -> None:
    """Every expected key is there and agrees at the tolerance of the file."""
    import numpy as np

    assert set(actual) == set(expected), f"keys differ: {set(actual) ^ set(expected)}"
    for key, value in expected.items():
        np.testing.assert_allclose(
            np.asarray(actual[key], dtype=float),
            np.asarray(value, dtype=float),
            rtol=RTOL,
            atol=ATOL,
            err_msg=key,
        )
