"""The user study: what it shows, asks and records; that page and Python ask the same and find the same
scores.
"""

from __future__ import annotations

import itertools
import json
import re

import numpy as np
import pytest
import torch

from nflib import widgets
from nflib.study.bradley_terry import draw, fit
from nflib.study.choices import Choice, read_choices, win_matrix
from nflib.widgets.user_study import _decode
from tests.helpers.node import run
from tests.helpers.scene import study, study_choices, study_results

pytest.importorskip("anywidget", reason="the widget classes need anywidget")


def test_crops_are_those_of_the_results_exactly() -> None:
    results, _ = study_results()
    for photo in study().scene["photos"]:
        for crop in photo["crops"]:
            top, left = crop["top"], crop["left"]
            for method, image in zip(results, crop["images"], strict=True):
                expected = (255 * results[method][photo["name"]][:, top : top + 16, left : left + 16]).round()
                assert (
                    torch.from_numpy(_decode(image).copy()).permute(2, 0, 1).equal(expected.to(torch.uint8))
                )


def test_crops_are_random_inside_and_different() -> None:
    results, whole = study_results()
    crops = widgets.UserStudy.of(
        results, whole, crops=81, side=16, generator=torch.Generator().manual_seed(0)
    ).scene["photos"][1]["crops"]
    assert {(c["top"], c["left"]) for c in crops} == set(
        itertools.product(range(9), range(9))
    )  # 24 x 24: there are no more
    assert study().scene == study().scene


def test_every_pair_is_asked_once_for_every_crop_in_the_order_of_the_seed() -> None:
    first, second = study(seed=1).questions(), study(seed=2).questions()
    whole = {
        (photo, crop, pair)
        for photo in (0, 1)
        for crop in (0, 1)
        for pair in itertools.combinations(range(3), 2)
    }
    for asked in (first, second):
        assert {(q.photo, q.crop, tuple(sorted((q.left, q.right)))) for q in asked} == whole
        assert len(asked) == 12
    assert first != second


def test_sides_and_places_are_random() -> None:
    scene = study().scene
    asked = [widgets.UserStudy(scene=scene, seed=seed).questions() for seed in range(200)]
    swapped = np.mean([q.left > q.right for one in asked for q in one])
    assert swapped == pytest.approx(0.5, abs=3 * 0.5 / np.sqrt(2400))
    starts = np.mean([one[0].photo == 0 and one[0].crop == 0 for one in asked])
    assert starts == pytest.approx(0.25, abs=3.5 * np.sqrt(0.25 * 0.75 / 200))


def test_the_page_asks_what_python_asks_and_records_it_likewise() -> None:
    widget = study(seed=7)
    records, asked, remaining = run(
        """const { default: w } = await load("user_study");
        let state = args[0]; const asked = [], remaining = [];
        const [left, right] = w.controls(state);
        for (;;) {
            const result = w.solve(state);
            remaining.push(result.remaining);
            if (!result.question) return [w.controls(state)[3].text(state), asked, remaining];
            asked.push(result.question);
            state = { ...state, ...(asked.length % 3 ? left : right).patch(state) };
        }""",
        widget.state,
    )
    assert [tuple(q[key] for key in ("photo", "crop", "left", "right")) for q in asked] == [
        tuple(q) for q in widget.questions()
    ]
    assert remaining == list(range(12, -1, -1))
    made = [Choice.of(json.loads(line)) for line in records.splitlines()]
    assert records == "".join(choice.line() for choice in made)  # byte for byte what Python writes
    assert [c.chosen == (c.left if i % 3 else c.right) for i, c in enumerate(made, 1)] == [True] * 12
    widget.choices = [json.loads(line) for line in records.splitlines()]
    assert widget.remaining() == []


@pytest.mark.parametrize("size", [2, 3, 7])
def test_scores_in_the_page_are_those_of_python(size) -> None:
    chance = torch.Generator().manual_seed(size)
    wins = [
        draw(torch.randn(size, generator=chance) * scale, count, chance)
        for scale in (0.3, 3)
        for count in (3, 40)
    ]
    wins.append(np.triu(np.full((size, size), 500.0), 1))  # the first always wins
    found = run(
        "const { fit } = await load('bradley_terry'); return args.map(fit);", *[w.tolist() for w in wins]
    )
    for browser, one in zip(found, map(fit, wins), strict=True):
        assert browser["scores"] == pytest.approx(one.scores, rel=1e-9, abs=1e-11)
        assert np.array(browser["covariance"]) == pytest.approx(one.covariance, rel=1e-8, abs=1e-11)


def test_there_are_no_scores_before_all_methods_are_compared() -> None:
    apart = np.zeros((4, 4))
    apart[0, 1] = apart[1, 0] = apart[2, 3] = 5
    linked = apart.copy()
    linked[3, 1] = 1
    assert run(
        "const { fit } = await load('bradley_terry'); return args.map((w) => fit(w) !== null);",
        apart.tolist(),
        linked.tolist(),
    ) == [False, True]
    few = study(choices=study_choices(1), enough=1)
    assert few.readouts()["spread"] == 0
    assert "so far there are 1" in few.summary()
    with pytest.raises(ValueError, match="nothing compares"):
        few.scores()


def test_scores_are_shown_from_enough_choices_on() -> None:
    choices = study_choices(9)
    assert "Scores after" not in study(choices=choices, enough=10).summary()
    shown = study(choices=choices, enough=9)
    assert shown.readouts()["spread"] == pytest.approx(
        np.ptp(fit(*win_matrix(map(Choice.of, choices))).scores)
    )
    assert all(
        f"{method} {shown.scores().score(method)}" in shown.summary() for method in shown.scene["methods"]
    )


def test_choices_are_recorded_at_once_and_an_interrupted_study_goes_on(tmp_path) -> None:
    file, choices = tmp_path / "choices.jsonl", study_choices(5)
    widget = study(file=file)
    assert not file.exists()
    for count in (1, 2, 3):
        widget.set_state({"choices": choices[:count]})  # what a message from the page does
        assert len(read_choices(file)) == count
    again = study(file=file)
    assert again.choices == choices[:3]
    assert again.remaining() == study().questions()[3:]
    again.choices = choices
    assert [c.line() for c in read_choices(file)] == [Choice.of(record).line() for record in choices]
    assert len(study(file=file, seed=2).remaining()) == 12  # another participant is asked everything


def test_a_choice_that_comes_back_is_recorded_once(tmp_path) -> None:
    file, choices = tmp_path / "choices.jsonl", study_choices(2)
    widget = study(file=file)
    widget.choices = choices
    widget.choices = []
    widget.choices = choices[:1]
    assert [c.line() for c in read_choices(file)] == [Choice.of(record).line() for record in choices]


def test_a_choice_that_could_not_be_written_is_written_with_the_next(tmp_path) -> None:
    (folder := tmp_path / "folder").mkdir()
    widget = study(file=folder / "choices.jsonl")
    folder.rmdir()
    with pytest.raises(ValueError, match="does not exist"):
        widget.choices = study_choices(1)
    folder.mkdir()
    widget.choices = study_choices(2)
    assert len(read_choices(folder / "choices.jsonl")) == 2


def test_a_record_from_the_page_that_is_no_choice_is_refused(tmp_path) -> None:
    widget = study(file=tmp_path / "choices.jsonl")
    with pytest.raises(Exception, match="chosen must be one of two methods"):
        widget.choices = [{**study_choices(1)[0], "chosen": "else"}]
    assert widget.choices == []
    assert not (tmp_path / "choices.jsonl").exists()


@pytest.mark.parametrize("count", [0, 12])
def test_the_page_does_not_name_the_methods_of_a_question(count) -> None:
    widget = study(choices=study_choices(count), enough=13)
    body, words = run(
        """const { default: w } = await load("user_study"); const result = w.solve(args[0]);
        return [w.draw(args[0], result, 700).body, w.summary(args[0], result)];""",
        widget.state,
    )
    for method in ("DeFlow", "white", "cubic"):
        assert method not in body + words + widget.summary()


@pytest.mark.parametrize("side", [1, 16, 80, 300])
def test_pictures_fit_the_page_whatever_their_size(side) -> None:
    widget = of(
        results={m: {"x": torch.zeros(3, 300, 900)} for m in "ab"},
        whole={"x": torch.zeros(3, 30, 90)},
        side=side,
    )
    widths = [260, 560, 830]
    bodies = run(
        "const { default: w } = await load('user_study'); return args[1].map((width) => w.draw(args[0], "
        "w.solve(args[0]), width).body);",
        widget.state,
        widths,
    )
    for body, width in zip(bodies, widths, strict=True):
        boxes = [
            [float(v) for v in found]
            for found in re.findall(r'<image x="([^"]*)" y="[^"]*" width="([^"]*)" height="([^"]*)"', body)
        ]
        assert len(boxes) == 3
        assert all(
            left >= 0 and w > 20 and left + w < width + 1e-6 and 10 < h < width for left, w, h in boxes
        )
        whole, left, right = boxes
        assert left[0] + left[1] < right[0]
        assert width < 560 or whole[0] + whole[1] < left[0]


def test_names_are_escaped_in_the_page() -> None:
    widget = study(choices=study_choices(12), enough=1)
    body = run(
        "const { default: w } = await load('user_study'); return w.draw(args[0], w.solve(args[0]), "
        "700).body;",
        widget.state,
    )
    assert "bi&#60;i&#62;cubic" in body
    assert "bi<i>" not in body


@pytest.mark.parametrize("count", [0, 8, 12])
def test_picture_in_every_state(count) -> None:
    from matplotlib.figure import Figure

    study(choices=study_choices(count), enough=5).draw(figure := Figure())
    axes = [ax for part in (figure.subfigs or [figure]) for ax in part.axes]
    assert len([ax for ax in axes if ax.images]) == (3 if count < 12 else 0)
    assert [ax.get_xlabel() for ax in axes if ax.get_xlabel()] == (
        ["score, with its 95 % interval"] if count else []
    )


def of(**changes) -> widgets.UserStudy:
    results, whole = study_results()
    return widgets.UserStudy.of(**{"results": results, "whole": whole, "crops": 2, "side": 16, **changes})


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: widgets.UserStudy(), "scene must hold methods, photos, side, got nothing"),
        (lambda: of(results={"one": {}}), "at least two methods, got one"),
        (
            lambda: of(results={**study_results()[0], "half": {"cat": torch.rand(3, 30, 40)}}),
            "results of half must be of the photos in whole, cat, .* got cat",
        ),
        (lambda: of(results={**study_results()[0], "a" * 31: {}}), "1 to 30 letters, got 'aaa"),
        (
            lambda: of(
                results={m: {"x": torch.rand(3, 30, 40 + i)} for i, m in enumerate("ab")},
                whole={"x": torch.rand(3, 3, 4)},
            ),
            "one size, got a 30 x 40, b 30 x 41",
        ),
        (lambda: of(side=31), "cat must have room for 2 different crops of side 31, got 30 x 40"),
        (lambda: of(crops=82), "room for 82 different crops"),
        (
            lambda: of(whole={name: torch.rand(3, 40, 30) for name in study_results()[1]}),
            "proportions of the results, 30 x 40, got 40 x 30",
        ),
        (
            lambda: of(
                results={m: {"x": torch.rand(3, 400, 400)} for m in "abcd"},
                whole={"x": torch.rand(3, 9, 9)},
                side=380,
                crops=1,
            ),
            "at most 1.5 MB, got 2",
        ),
        (lambda: study(file="nowhere/choices.jsonl"), "the folder nowhere does not exist"),
        (lambda: study(file="x", choices=[]), "file or choices, not both"),
        (lambda: study(choices=[{}]), "choices: expected time"),
        (
            lambda: study(choices=[{**study_choices(1)[0], "crop": [99, 0, 16]}]),
            r"at \(99, 0, 16\) of .*, which this study does not ask",
        ),
        (lambda: study(enough=0), "enough"),
    ],
)
def test_bad_arguments_say_what_is_wrong(make, words) -> None:
    with pytest.raises(ValueError, match=words):
        make()
