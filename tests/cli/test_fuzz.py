"""Damaged files and nonsense in options: a command ends with exit code 0, 1 or 2 and a line, no traceback."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.helpers import fuzz
from tests.helpers.commands import run

SEED = 0
TRAIN = ("--task", "denoise", "--degrader", "white:12", "--network", "dncnn", "--steps", 1, "--batch", 1)


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("fuzz")
    fuzz.photos(folder / "one", side=40)
    fuzz.photos(folder / "clean", 2, 40)
    fuzz.photos(folder / "degraded", 2, 40, noise=0.05, first=5)
    fuzz.models(folder / "models")
    return folder


def use(file: Path, words: tuple[str, ...], place: Path) -> str | None:
    if words == ("models",):
        return fuzz.problem("models", file)
    shutil.rmtree(place / "out", ignore_errors=True)
    return fuzz.problem(words[0], place / "one", *words[1:], file, "--out", place / "out")


def model_files(place: Path) -> Callable[[random.Random], str | None]:
    files = {file: file.read_bytes() for file in sorted((place / "models").iterdir())}
    uses = {"law": ("degrade", "--model"), "dncnn": ("restore", "--model"), "rrdb": ("restore", "--model")}

    def one(chance: random.Random) -> str | None:
        file = chance.choice(list(files))
        bad = place / "bad.safetensors"
        how = chance.randrange(3)
        data = files[file]
        bad.write_bytes(
            fuzz.damaged(data, chance, files[chance.choice(list(files))])
            if how == 0
            else fuzz.changed_model(data, chance)
        )
        words = uses.get(file.stem, ("models",)) if chance.random() < 0.8 else ("models",)
        return use(bad, words, place)

    return one


def json_files(place: Path) -> Callable[[random.Random], str | None]:
    jobs = {
        "degrade": ("degrade", place / "one", "--model", "white:12", "--out"),
        "photos": ("photos",),
        "prepare": ("data", "prepare", "--source", place / "one", "--scales", "1", "2", "--target"),
    }
    made = {}
    for name, words in jobs.items():
        assert run(*words, place / f"made_{name}").exit_code == 0
        made[name] = next((place / f"made_{name}").glob("*.json"))
    texts = {name: file.read_bytes() for name, file in made.items()}

    def one(chance: random.Random) -> str | None:
        name = chance.choice(list(made))
        content = json.loads(texts[name])
        made[name].write_bytes(
            fuzz.damaged(texts[name], chance)
            if chance.random() < 0.4
            else json.dumps(fuzz.changed(content, chance)).encode()
        )
        wrong = fuzz.problem(*jobs[name], place / f"made_{name}")
        made[name].write_bytes(texts[name])
        return wrong

    return one


def choices(place: Path) -> Callable[[random.Random], str | None]:
    lines = [
        {
            **{"time": f"2026-01-31T12:00:0{i}Z", "seed": 1, "photo": "a", "crop": [0, 0, 64]},
            **{"left": "A", "right": "B", "chosen": "AB"[i % 2]},
        }
        for i in range(4)
    ]

    def one(chance: random.Random) -> str | None:
        records = [fuzz.changed(line, chance) if chance.random() < 0.4 else line for line in lines]
        data = "\n".join(json.dumps(record) for record in records).encode()
        file = place / "choices.jsonl"
        file.write_bytes(fuzz.damaged(data, chance) if chance.random() < 0.4 else data)
        return fuzz.problem("study", "results", file)

    return one


def states(place: Path) -> Callable[[random.Random], str | None]:
    words = ("train", "restorer", "--clean", place / "one", "--out", place / "run", "--crop", 8, *TRAIN)
    assert run(*words).exit_code == 0
    file = place / "run" / "last.state"
    data = file.read_bytes()
    state = torch.load(file, weights_only=True)
    trap = place / "trap"

    def one(chance: random.Random) -> str | None:
        how = chance.randrange(4)
        if how == 0:
            file.write_bytes(fuzz.damaged(data, chance))
        elif how == 1:
            torch.save(
                chance.choice([fuzz.Mine(trap), {**state, "model": fuzz.Mine(trap)}, [state], 3]), file
            )
        else:
            part = chance.choice(["model", "average", "optimiser", "random", "settings", "photos", "step"])
            inner = state.get(part)
            torch.save({**state, part: fuzz.changed(inner, chance)}, file)
        wrong = fuzz.problem(*words, "--resume")
        file.write_bytes(data)
        assert not trap.exists()
        return wrong

    return one


def options(place: Path) -> Callable[[random.Random], str | None]:
    a, b, out = place / "clean", place / "degraded", place / "options"
    lines = [
        (
            "degrade",
            place / "one",
            "--model",
            "white:12",
            "--out",
            out,
            "--tau",
            1,
            "--seed",
            0,
            "--samples",
            1,
        ),
        ("degrade", place / "one", "--model", "law_ntire", "--out", out, "--tile", 64, "--device", "cpu"),
        ("restore", place / "one", "--model", "denoiser_ntire_small", "--out", out, "--tile", 64),
        ("super-resolve", place / "one", "--model", "rrdb_x4_small", "--out", out, "--tau", 1),
        ("evaluate", a, a, "--metrics", "psnr", "--border", 0),
        ("noise", "--clean", a, "--degraded", b, "--last-stage", "none", "--json", place / "n.json"),
        ("data", "prepare", "--source", place / "one", "--target", out, "--scales", 1),
        ("data", "show", "aim19", "--root", place),
        ("models", "law_ntire"),
        ("photos", place / "made_photos", "--degradation", "none", "--seed", 0),
        ("train", "law", "--clean", a, "--degraded", b, "--out", out, "--last-stage", "none"),
        ("train", "glow", "--images", a, "--out", out, "--steps", 1, "--batch", 2, "--crop", 8, "--lr", 1),
        ("train", "restorer", "--clean", place / "one", "--out", out, "--crop", 8, "--strength", 1, *TRAIN),
    ]

    def one(chance: random.Random) -> str | None:
        words = [str(word) for word in chance.choice(lines)]
        for _ in range(chance.choice([1, 1, 2])):
            at = chance.randrange(1, len(words))
            words[at] = chance.choice(fuzz.TEXTS)
        if not any(word in ("1", "2", "--dry-run") for word in words) and words[0] == "train":
            words.append("--dry-run")
        shutil.rmtree(out, ignore_errors=True)
        return fuzz.problem(*words)

    return one


def test_damaged_models(place) -> None:
    assert list(fuzz.each({"model": model_files(place)}, 100, SEED)) == []


def test_damaged_records(place) -> None:
    assert list(fuzz.each({"json": json_files(place), "choices": choices(place)}, 60, SEED)) == []


def test_damaged_states(place) -> None:
    assert list(fuzz.each({"state": states(place)}, 30, SEED)) == []


def test_options(place, monkeypatch) -> None:
    monkeypatch.chdir(place)
    assert list(fuzz.each({"options": options(place)}, 50, SEED)) == []
