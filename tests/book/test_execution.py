"""Notebooks run again exactly when something they use has changed, beside each other; a failing cell and a
warning are told by name, and so are cells that take long.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import cores
import execution
import notebooks
import pytest


def write(path: Path, *code: str) -> Path:
    cells = [
        {
            "cell_type": "code",
            "id": "parameters",
            "metadata": {"tags": ["parameters"]},
            "source": 'profile = "cpu"',
        }
    ]
    cells += [
        {"cell_type": "code", "id": f"step-{i}", "metadata": {}, "source": source}
        for i, source in enumerate(code)
    ]
    path.write_text(notebooks.dumps(notebooks.normalise({"cells": cells, "metadata": {}})))
    return path


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """A tiny repository with a package called nflib and one notebook."""
    for name, text in {
        "nflib/__init__.py": "",
        "nflib/used.py": "from pathlib import Path\nvalue = Path(__file__).with_name('data.txt').read_text()",
        "nflib/unused.py": "",
        "nflib/data.txt": "7",
        "nflib/other/__init__.py": "",
        "nflib/other/asset.txt": "not used by the notebook",
        "results/table.json": "[1]",
        "constraints.txt": "",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
        os.utime(tmp_path / name, (1, 1))
    (tmp_path / "book").mkdir()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


def run(project, **arguments) -> tuple[int, list[str]]:
    said = []
    count = execution.execute_missing(project, "smoke", python=sys.executable, say=said.append, **arguments)
    return count, said


def test_runs_again_only_when_something_it_uses_changed(project) -> None:
    source = write(
        project / "book/a.ipynb",
        "import nflib.used\n\nprint(profile, nflib.used.value, open('../results/table.json').read())",
    )
    os.utime(source, (1, 1))
    assert run(project)[0] == 1
    done = json.loads((project / "_build/executed/smoke/a.ipynb").read_text())
    assert done["cells"][-1]["outputs"][0]["text"] == ["smoke 7 [1]\n"]
    assert run(project)[0] == 0

    for name in ("nflib/unused.py", "nflib/other/asset.txt"):
        (project / name).write_text("changed")
    changed = json.loads(source.read_text())
    changed["cells"].insert(
        0, {"cell_type": "markdown", "id": "prose", "metadata": {}, "source": ["New words."]}
    )
    source.write_text(json.dumps(changed))
    assert execution.is_current(project, source, "smoke")

    for name, text in {
        "nflib/used.py": "value = 8",
        "nflib/data.txt": "9",
        "nflib/new.txt": "",
        "results/table.json": "[2]",
        "constraints.txt": "x==1",
    }.items():
        before = (project / name).read_text() if (project / name).exists() else None
        (project / name).write_text(text)
        assert not execution.is_current(project, source, "smoke"), name
        (project / name).unlink() if before is None else (project / name).write_text(before)
        assert execution.is_current(project, source, "smoke"), name
    write(source, "import nflib.used")
    assert not execution.is_current(project, source, "smoke")
    assert not execution.is_current(project, source, "cpu")


def test_two_run_beside_each_other_and_what_takes_long_is_told(project, monkeypatch) -> None:
    """Each waits until the other has begun, which alone it would do in vain."""
    monkeypatch.setenv("NFLIB_WORKERS", "2")
    monkeypatch.setattr(execution, "LONG_CELL", 0.2)
    meet = "import pathlib, time\n\npathlib.Path('{}').touch()\nend = time.monotonic() + 60\n"
    meet += "while not pathlib.Path('{}').exists():\n    assert time.monotonic() < end\n    time.sleep(0.02)"
    for name, other in ("ab", "ba"):
        write(
            project / f"book/{name}.ipynb", meet.format(name, other), "time.sleep(0.3)", "sum(range(10**6))"
        )
    count, said = run(project)
    assert count == 2
    for name in "ab":
        (line,) = [s for s in said if s.startswith(f"  {name}.ipynb: cell 3")]
        assert line == f"  {name}.ipynb: cell 3 of 4 (step-1) in 0 s"
        assert not [s for s in said if s.startswith(f"  {name}.ipynb: cell 4")]
        stamp = json.loads((project / f"_build/executed/smoke/{name}.stamp.json").read_text())
        assert list(stamp["cells"]) == ["parameters", "step-0", "step-1", "step-2"]
        assert 0.3 <= stamp["cells"]["step-1"] <= sum(stamp["cells"].values()) <= stamp["seconds"]
        assert stamp["processor_seconds"] > 0


@pytest.mark.parametrize(
    ("cores_there", "gigabytes", "chosen", "workers", "threads"),
    [(2, 16, "", 2, "1"), (2, 4, "", 1, "2"), (8, 8, "", 2, "2"), (8, 64, "", 8, "1"), (1, 1, "3", 3, "1")],
)
def test_a_process_a_core_where_there_is_memory(
    monkeypatch, cores_there, gigabytes, chosen, workers, threads
) -> None:
    monkeypatch.setenv("NFLIB_WORKERS", chosen)
    monkeypatch.setattr(cores, "cores", lambda: cores_there)
    monkeypatch.setattr(cores, "memory", lambda: gigabytes * 2**30)
    assert cores.workers() == workers
    assert cores.thread_variables(workers)["OMP_NUM_THREADS"] == threads


def test_a_number_of_workers_that_is_none_is_refused(monkeypatch) -> None:
    monkeypatch.setenv("NFLIB_WORKERS", "two")
    with pytest.raises(ValueError, match="NFLIB_WORKERS must be a whole number from 1 on, got 'two'"):
        cores.workers()


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("import warnings\n\nwarnings.warn('careful')", "UserWarning: careful"),
        ("import nflib.warns", "DeprecationWarning: old"),
    ],
)
def test_a_failing_cell_is_named(project, code, error) -> None:
    (project / "nflib/warns.py").write_text("import warnings\nwarnings.warn('old', DeprecationWarning)")
    write(project / "book/bad.ipynb", "fine = 1", code)
    with pytest.raises(execution.ExecutionError) as told:
        run(project)
    assert f"book/bad.ipynb, code cell 3 (id step-1): {error}" in str(told.value)
    assert code in str(told.value)
    assert not (project / "_build/executed/smoke/bad.ipynb").exists()
    assert not execution.is_current(project, project / "book/bad.ipynb", "smoke")


def test_warnings_of_other_packages_stay_warnings(project) -> None:
    (project / "elsewhere.py").write_text(
        "import warnings\nwarnings.warn('not ours')\nwarnings.warn('old', DeprecationWarning)"
    )
    write(project / "book/a.ipynb", "import elsewhere")
    assert run(project)[0] == 1


def test_a_notebook_that_died_leaves_the_older_result_alone_but_not_current(project) -> None:
    source = write(project / "book/a.ipynb", "print(1)")
    run(project)
    write(source, "import os\n\nos._exit(3)")
    with pytest.raises(execution.ExecutionError, match="book/a.ipynb could not be executed"):
        run(project)
    assert not execution.is_current(project, source, "smoke")


def test_names_are_checked(project) -> None:
    write(project / "book/a.ipynb")
    with pytest.raises(ValueError, match="no notebook b in book/; there are: a"):
        run(project, only=["b"])
    with pytest.raises(ValueError, match="profile must be one of smoke, cpu, gpu, got 'fast'"):
        execution.executed_folder(project, "fast")
