import signal
import subprocess
import sys
from pathlib import Path

import pytest

import nflib
from tests.helpers.commands import run


def test_version_and_help() -> None:
    assert run("--version").output == f"nflib {nflib.__version__}\n"
    result = run("--help")
    assert result.exit_code == 0
    assert "photos" in result.output
    assert "noise" in result.output
    for command in ("photos", "noise", "evaluate"):
        assert run(command, "--help").exit_code == 0


def test_help_imports_nothing_heavy() -> None:
    program = """
import sys
from nflib.cli import app
try: app(["--help"])
except SystemExit as end: assert end.code == 0
assert not {"torch", "numpy", "PIL", "matplotlib"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)


def test_the_installed_command(tmp_path) -> None:
    """The real program: an error is one line on stderr without a traceback."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from nflib.cli import app; app()",
            "noise",
            "--clean",
            tmp_path / "no",
            "--degraded",
            tmp_path,
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == f"nflib: {tmp_path / 'no'}: no such folder\n"


def test_usage_errors() -> None:
    assert run("noise").exit_code == 2
    assert run("photos", "x", "--degradation", "fog").exit_code == 2
    assert run("no-such-command").exit_code == 2


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (1, 129)])
def test_a_job_that_is_stopped_says_so(tmp_path, number, code) -> None:
    program = f"""
import os, signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a job in the background ignores
signal.signal(signal.SIGHUP, signal.SIG_DFL)
from nflib import pipeline
pipeline.degrade = lambda *_, **__: os.kill(os.getpid(), {int(number)})
from nflib.cli import app
app()
"""
    command = ["degrade", tmp_path, "--model", "ntire", "--out", tmp_path / "out"]
    done = subprocess.run([sys.executable, "-c", program, *command], capture_output=True, text=True)
    assert done.returncode == code
    assert done.stderr == "nflib: stopped; the same command goes on where it was\n"


def test_what_was_to_be_ignored_is(tmp_path) -> None:
    """As nohup does with the closing of a terminal."""
    program = """
import os, signal
signal.signal(signal.SIGHUP, signal.SIG_IGN)
from nflib import pipeline
pipeline.write_photos = lambda *_, **__: os.kill(os.getpid(), signal.SIGHUP) or []
from nflib.cli import app
app()
"""
    done = subprocess.run([sys.executable, "-c", program, "photos", tmp_path], capture_output=True, text=True)
    assert done.returncode == 0
    assert "complete, nothing to do" in done.stdout


def test_a_stop_while_packages_are_loaded_says_so_too(monkeypatch) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("nflib.cli.train._rows", stopped)
    done = run("train", "rrdb", "--help")
    assert done.exit_code == 130
    assert done.stderr == "nflib: stopped; the same command goes on where it was\n"


@pytest.mark.parametrize("command", ["evaluate", "check", "noise"])
def test_numbers_replace_no_file_of_another_kind(tmp_path, command) -> None:
    """Known before the work: the folders are not even there."""
    mine = tmp_path / "mine.png"
    mine.write_bytes(b"a picture")
    sides = ["a", "b"] if command == "evaluate" else ["--clean", "a", "--degraded", "b"]
    for file, why in (
        (mine, "holds no JSON; it is not replaced"),
        (Path("/dev/null"), "is no ordinary file"),
    ):
        done = run(command, *sides, "--json", file)
        assert done.exit_code == 2
        assert why in done.stderr
    assert mine.read_bytes() == b"a picture"
    for text in ("", "{}"):
        (tmp_path / "old.json").write_text(text)
        assert "no such folder" in run(command, *sides, "--json", tmp_path / "old.json").stderr


def test_a_drawing_has_a_name_that_can_be_drawn() -> None:
    done = run("noise", "--clean", "a", "--degraded", "b", "--plot", "c.xyz")
    assert done.stderr == "nflib: c.xyz: expected a name that ends in .png .svg .pdf\n"
