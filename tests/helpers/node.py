"""The widgets' own modules run in Node, so that their numbers can be compared with Python's."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import nflib.widgets

STATIC = Path(nflib.widgets.__file__).parent / "static"


def run(script: str, *arguments) -> Any:
    """``script`` is the body of a function of (args, load) that returns JSON; ``load("maths")`` is
    a module."""
    program = shutil.which("node")
    if program is None:
        pytest.skip("no node found: the browser's mathematics is not compared with Python's")
    source = f"""
        const load = (name) => import({json.dumps(STATIC.as_uri())} + "/" + name + ".mjs");
        const args = JSON.parse(require("fs").readFileSync(0, "utf8"));
        (async () => {{ {script} }})().then((result) => console.log(JSON.stringify(result)));
    """
    done = subprocess.run(
        [program, "-e", source], input=json.dumps(arguments), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
