"""What a training that goes on may change, and what of it need not be computed again."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..checkpoints.files import read_header
from .logs import COLUMNS
from .recipe import Recipe
from .running import Running
from .state import read_state

# What a resumed training may not change without becoming another one; of its recipe the steps may be more.
FIXED = ("task", "model", "recipe", "seed", "crops", "precision")


def resumed(out: str | os.PathLike, running: Running) -> dict[str, Any] | None:
    """The configuration of the model of the run that will be resumed, field by field as JSON has it; None if
    a new one begins.

    Its weights are in the state, and whatever a new model starts from need not be found again. What was
    measured for the configuration is here.
    """
    state = Path(out) / "last.state"
    if not running.resume or running.dry_run or not state.exists():
        return None
    return json.loads(read_state(state).get("settings", {}).get("model", "{}"))


def check_unwritten(out: Path) -> None:
    """Raise ValueError if a folder without a state has files that a new run would write over: a model, and
    what no run that was killed before its first state can have left.
    """

    def is_left(file: Path) -> bool:
        try:
            if file.suffix == ".csv":
                return file.read_text(encoding="utf-8").startswith(f"{','.join(COLUMNS)}")
            return bool(read_header(file))
        except (ValueError, OSError):
            return False

    names = ("model.safetensors", "model.json", "best.safetensors", "metrics.csv")
    for file in (out / name for name in names):
        if os.path.lexists(file) and (file.stem == "model" or not is_left(file)):
            raise ValueError(
                f"{file}: is there already and was not written by this run; choose another folder"
            )


def check_same(out: Path, saved: Mapping, settings: Mapping[str, Any], notes: Iterable[str]) -> None:
    """Raise ValueError, naming what differs, unless these settings are those of the saved run."""
    files = [name for name, note in saved["settings"].items() if _is_file(note)]
    for name in dict.fromkeys((*FIXED, *notes, *files)):
        before, now = saved["settings"].get(name), settings.get(name)
        if name == "recipe" and before is not None:
            before, now = json.loads(before), json.loads(settings[name])
            if now["steps"] < saved["step"]:
                raise ValueError(
                    f"{out}: has done {saved['step']} steps, now asked for {now['steps']}; choose another "
                    "folder"
                )
            now = {**now, "steps": before["steps"]}
        if content(before) != content(now):
            raise ValueError(f"{out}: {name} was {before}, now {now}; choose another folder")


def content(note: Any) -> Any:
    """What counts of a note: of a file what it holds, whatever it is called."""
    return note["sha256"] if _is_file(note) else note


def _is_file(note: Any) -> bool:
    return isinstance(note, dict) and note.keys() == {"file", "sha256"}


def say_schedule(out: Path, saved: Mapping, recipe: Recipe) -> None:
    """Log a line where the steps that were done had other learning rates than those of a run of so many."""
    noted = json.loads(saved["settings"]["recipe"])
    values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in noted.items()}
    before = Recipe(**values)
    done = range(saved["step"])
    if before.steps != recipe.steps and any(before.lr_at(step) != recipe.lr_at(step) for step in done):
        logging.getLogger(__name__).warning(
            "%s: the first %d steps had the learning rates of a run of %d; from here on they are those of "
            "one of %d, the next %.3g",
            out,
            saved["step"],
            before.steps,
            recipe.steps,
            recipe.lr_at(min(saved["step"], recipe.steps - 1)),
        )
