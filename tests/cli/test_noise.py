import json

import pytest

from tests.helpers.commands import run
from tests.helpers.folders import folder_of_noise


def test_noise_prints_tables_and_what_it_assumes(tmp_path) -> None:
    clean = folder_of_noise(tmp_path / "clean", 3 / 255, 0)
    degraded = folder_of_noise(tmp_path / "degraded", 5 / 255, 1)  # 3 and 4 make 5
    (degraded / "x.jpg").write_text("not an image")
    out, plot = tmp_path / "out.json", tmp_path / "law.png"
    result = run("noise", "--clean", clean, "--degraded", degraded, "--json", out, "--plot", plot)
    assert result.exit_code == 1, result.output  # a file could not be used
    saved = json.loads(out.read_text())
    for name in ("red", "green", "blue"):
        row = next(line for line in result.stdout.splitlines() if name in line)
        assert 255 * saved["channels"][name]["sigma"] == pytest.approx(4, abs=0.25)
        assert f"{255 * saved['channels'][name]['sigma']:.2f}" in row
        assert (
            f"{255 * saved['channels'][name]['low']:.2f} to {255 * saved['channels'][name]['high']:.2f}"
            in row
        )
    row = next(line for line in result.stdout.splitlines() if "antidiagonal" in line)
    assert f"{saved['neighbours']['antidiagonal']['value']:.2f}" in row
    text = " ".join(result.stdout.split())
    assert "3 clean and 3 degraded" in text
    assert "what is to be seen" in text
    assert "Note: windows are from 3 clean and 3 degraded photos only" in text
    assert plot.read_bytes()[1:4] == b"PNG"
    assert result.stderr.splitlines()[0].startswith(f"skipped {degraded / 'x.jpg'}: not an image")
    assert result.stderr.splitlines()[-1] == "files skipped: 1"


def test_noise_says_when_there_is_less_detail_and_when_photos_are_few(tmp_path) -> None:
    clean = folder_of_noise(tmp_path / "clean", 5 / 255, 0, n=1)
    degraded = folder_of_noise(tmp_path / "degraded", 1 / 255, 1)
    result = run("noise", "--clean", clean, "--degraded", degraded)
    assert result.exit_code == 0
    assert "unknown" in result.stdout
    text = " ".join(result.stdout.split())
    assert "needs at least two photos" in text
    assert "less fine detail than the clean ones (red, green, blue)" in text


def test_noise_names_what_came_after_it(tmp_path) -> None:
    """Said, not found: of 64 pixels little can be found."""
    clean, degraded = (folder_of_noise(tmp_path / name, s / 255, s) for name, s in (("a", 1), ("b", 8)))
    words = ("noise", "--clean", clean, "--degraded", degraded, "--last-stage")
    text = " ".join(run(*words, "jpeg:50").stdout.split())
    assert "went through jpeg:50 after the noise" in text
    assert "this is the noise before it" in text
    wrong = run(*words, "webp:50")
    assert wrong.exit_code == 2
    assert "expected jpeg:QUALITY" in wrong.stderr


def test_noise_into_a_folder_that_is_not_there(tmp_path) -> None:
    folder = folder_of_noise(tmp_path / "a", 0.1, 0)
    result = run("noise", "--clean", folder, "--degraded", folder, "--json", tmp_path / "no" / "out.json")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "does not exist" in result.stderr
    assert result.stderr.count("\n") == 1
