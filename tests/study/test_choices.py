"""Recorded choices: written line by line, read back, added up; broken lines are named."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from nflib.cli import app
from nflib.study.choices import Choice, append_choices, read_choices, win_matrix


def choice(left="DeFlow", right="white", chosen="DeFlow", **more) -> Choice:
    return Choice(
        **{
            "time": "2026-01-31T12:00:00.000Z",
            "seed": 1,
            "photo": "Tür",
            "crop": (3, 40, 80),
            "left": left,
            "right": right,
            "chosen": chosen,
            **more,
        }
    )


def test_what_is_appended_is_read_back(tmp_path) -> None:
    file = tmp_path / "choices.jsonl"
    first, second, third = choice(), choice(chosen="white", seed=2), choice(crop=(0, 0, 80))
    append_choices(file, [first, second])
    append_choices(file, [third])
    assert read_choices(file) == [first, second, third]
    assert [json.loads(line)["photo"] for line in file.read_text(encoding="utf-8").splitlines()] == [
        "Tür"
    ] * 3


def test_appending_after_a_line_without_an_end(tmp_path) -> None:
    file = tmp_path / "choices.jsonl"
    file.write_text(choice().line().rstrip("\n"), encoding="utf-8")
    append_choices(file, [choice(seed=5)])
    assert [c.seed for c in read_choices(file)] == [1, 5]


def test_no_choices_in_an_empty_file(tmp_path) -> None:
    (tmp_path / "empty").touch()
    assert read_choices(tmp_path / "empty") == []


def test_wins_are_counted_by_hand() -> None:
    made = [
        choice(),
        choice("white", "DeFlow", "DeFlow"),
        choice(chosen="white"),
        choice("bicubic", "white", "white"),
    ]
    wins, methods = win_matrix(made)
    assert methods == ["DeFlow", "bicubic", "white"]
    assert wins.tolist() == [[0, 0, 2], [0, 0, 0], [1, 1, 0]]
    wins, methods = win_matrix(made, ["white", "bicubic", "DeFlow", "unseen"])
    assert methods[3] == "unseen"
    assert wins.sum() == 4
    assert wins[2, 0] == 2
    with pytest.raises(ValueError, match="'bicubic' is not among DeFlow, white"):
        win_matrix(made, ["DeFlow", "white"])


GOOD = json.loads(choice().line())


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"time": "2026', "line 2: not JSON .* cut off can be deleted"),
        ("[1, 2]", "line 2: expected an object, got list"),
        ({**GOOD, "extra": 1}, "line 2: expected time, seed, photo, crop, left, right, chosen, got .*extra"),
        ({k: v for k, v in GOOD.items() if k != "seed"}, "line 2: expected time, seed"),
        ({**GOOD, "time": "yesterday"}, "time must be a time with its zone.*'yesterday'"),
        ({**GOOD, "time": "2026-01-31T12:00:00"}, "time must be a time with its zone"),
        ({**GOOD, "seed": -1}, "seed must be a whole number, not negative, got -1"),
        ({**GOOD, "seed": True}, "seed must be"),
        ({**GOOD, "crop": [1, 2]}, r"crop must be top, left and side in pixels, got \[1, 2\]"),
        ({**GOOD, "crop": [1, 2, 80.5]}, "crop must be"),
        ({**GOOD, "photo": None}, "photo must be text, got None"),
        (
            {**GOOD, "chosen": "bicubic"},
            "chosen must be one of two methods, 'DeFlow' and 'white', got 'bicubic'",
        ),
        ({**GOOD, "right": "DeFlow"}, "chosen must be one of two methods"),
    ],
)
def test_broken_lines_are_named(tmp_path, line, words) -> None:
    file = tmp_path / "choices.jsonl"
    file.write_text(
        choice().line() + (line if isinstance(line, str) else json.dumps(line)) + "\n", encoding="utf-8"
    )
    with pytest.raises(ValueError, match=words) as raised:
        read_choices(file)
    assert str(raised.value).startswith(f"{file}, line 2: ")


def test_files_that_cannot_be_read(tmp_path) -> None:
    with pytest.raises(ValueError, match="no such file"):
        read_choices(tmp_path / "missing")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="not text in UTF-8"):
        read_choices(tmp_path / "binary")
    with pytest.raises(ValueError, match="the folder .* does not exist"):
        append_choices(tmp_path / "nowhere" / "file", [choice()])


def test_the_command_prints_scores_of_all_files(tmp_path) -> None:
    a, b = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    append_choices(a, [choice()] * 8 + [choice(chosen="white")] * 2)
    append_choices(b, [choice("white", "bicubic", "white", seed=2)] * 5)
    result = CliRunner().invoke(app, ["study", "results", str(a), str(b)])
    lines = result.stdout.splitlines()
    assert result.exit_code == 0, result.output
    assert [line.split()[0] for line in lines[1:4]] == ["DeFlow", "white", "bicubic"]
    assert "8 of 10" in lines[1]
    assert "7 of 15" in lines[2]
    assert "0 of 5" in lines[3]
    assert lines[-1] == "From 15 choices, 2 seeds."


def test_a_choice_in_two_files_counts_once(tmp_path) -> None:
    """The same file under two names, and an older copy of it; two equal choices in one file are two."""
    a, copy = tmp_path / "a.jsonl", tmp_path / "copy.jsonl"
    append_choices(copy, [choice()] * 3)
    append_choices(a, [choice()] * 5 + [choice(chosen="white")])
    alone = CliRunner().invoke(app, ["study", "results", str(a)])
    (tmp_path / "b").symlink_to(a)
    result = CliRunner().invoke(app, ["study", "results", str(copy), str(a), str(tmp_path / "b")])
    assert result.stdout == alone.stdout
    assert alone.stdout.splitlines()[-1] == "From 6 choices, 1 seed."
    assert (alone.stderr, result.stderr) == ("", "9 choices are in several of the files, and count once\n")


def test_the_command_says_what_is_wrong(tmp_path) -> None:
    broken, empty = tmp_path / "broken.jsonl", tmp_path / "empty.jsonl"
    broken.write_text("{}\n")
    empty.touch()
    for file, words in ((broken, "broken.jsonl, line 1: expected time"), (empty, "no choices in there")):
        result = CliRunner().invoke(app, ["study", "results", str(file)])
        assert result.exit_code == 2
        assert words in result.stderr
        assert result.stdout == ""
