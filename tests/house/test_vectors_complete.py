"""No vector of this package's code is forgotten: each case is used by a test, by name or with its topic."""

from pathlib import Path

from tests.helpers.vectors import CASES, of_topic


def test_every_case_is_used() -> None:
    tests = Path(__file__).resolve().parents[1]
    texts = " ".join(
        path.read_text() for path in tests.rglob("test_*.py") if path.name != Path(__file__).name
    )
    by_topic = {
        name
        for topic in {c["topic"] for c in CASES.values()}
        if f'of_topic("{topic}")' in texts
        for name in of_topic(topic)
    }
    unused = {name for name in CASES if f'"{name}"' not in texts} - by_topic
    assert not unused
