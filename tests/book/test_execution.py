"""Notebooks run again exactly when something they use has changed; a failing cell and a warning are told by
name.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

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
    count = execution.execute_missing(project, "smoke", sys.executable, say=said.append, **arguments)
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
