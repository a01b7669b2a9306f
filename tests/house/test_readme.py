"""The program in the README runs and prints what the README says."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "README.md").read_text()
PROGRAM = re.search(r"```python\n(.*?)```", TEXT, re.S)[1]


@pytest.mark.parametrize(
    ("level", "printed"),
    [
        ("25", re.search(r"It prints `(.*?)`", TEXT)[1]),
        ("12", re.search(r"prints (\d+\.\d), because", TEXT)[1]),
    ],
)
def test_program(capsys, level, printed) -> None:
    assert len(PROGRAM.splitlines()) <= 15
    exec(PROGRAM.replace("25 / 255", f"{level} / 255"), {})
    assert printed in capsys.readouterr().out


def test_files_it_names_are_there() -> None:
    names = set(re.findall(r"\]\(((?!http)[^)]+)\)", TEXT)) | set(
        re.findall(r"`([\w.]+/[\w./]*|[A-Z]+\.(?:md|cff)|[\w]+\.(?:txt|yml))`", TEXT)
    )
    # made by running the commands the README gives
    made = {
        "_build/html/index.html",
        "try/validation",
        "try/clean",
        "try/degraded",
        "run/best.safetensors",
        "run/model.safetensors",
    }
    missing = {
        name for name in names - made if not ((ROOT / name).exists() or (ROOT / "nflib" / name).exists())
    }
    assert names
    assert not missing
