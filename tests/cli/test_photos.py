from nflib import pipeline
from nflib.cli import Degradation
from tests.helpers.commands import run


def test_photos(tmp_path, monkeypatch) -> None:
    calls = []
    monkeypatch.setattr(pipeline, "write_photos", lambda *a: calls.append(a) or ["one", "two"])
    result = run("photos", tmp_path / "out", "--degradation", "camera", "--seed", 4)
    assert result.exit_code == 0
    assert calls == [(tmp_path / "out", "camera", 4)]
    assert result.output.startswith(f"2 photos written to {tmp_path / 'out'}\nTry: nflib noise --clean ")
    monkeypatch.setattr(pipeline, "write_photos", lambda *a: [])
    assert "is complete, nothing to do" in run("photos", tmp_path / "out").output


def test_photos_into_somebody_elses_folder(tmp_path) -> None:
    (tmp_path / "mine.txt").write_text("x")
    result = run("photos", tmp_path)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith(f"nflib: {tmp_path}: is not empty")
    assert result.stderr.count("\n") == 1
    assert [f.name for f in tmp_path.iterdir()] == ["mine.txt"]


def test_choices_are_those_of_the_pipeline() -> None:
    assert [choice.value for choice in Degradation] == list(pipeline.DEGRADATIONS)
