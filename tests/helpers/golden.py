"""Fixtures made with the papers' official code. They lie outside the repository; without them the
tests skip."""

import json
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "shared" / "golden"
needed = pytest.mark.skipif(not FOLDER.is_dir(), reason="needs the golden fixtures beside the repository")


def tensors(name: str) -> tuple[dict, dict]:
    """The official state dict of a fixture, and its other tensors, all in float64."""
    from safetensors.torch import load_file

    everything = {key: value.double() for key, value in load_file(FOLDER / f"{name}.safetensors").items()}
    state = {
        key.removeprefix("state."): value for key, value in everything.items() if key.startswith("state.")
    }
    return state, {key: value for key, value in everything.items() if not key.startswith("state.")}


def description(name: str) -> dict:
    return json.loads((FOLDER / f"{name}.json").read_text())
