"""The list of models and what is said of one."""

from nflib import checkpoints
from nflib.models import Glow, GlowConfig
from tests.helpers import commands


def run(*arguments) -> tuple[int, str, str]:
    result = commands.run("models", *arguments, COLUMNS="80")
    return result.exit_code, result.stdout, result.stderr


def test_bundled_models_are_listed() -> None:
    code, out, _ = run()
    text = " ".join(out.replace("│", " ").split())
    assert code == 0
    for name in checkpoints.bundled():
        model = checkpoints.describe(name)
        assert name in text
        assert f"{model.parameters:,} parameters" in text
        assert f"{model.size / 1e6:.1f} MB" in text
        assert model.notes["command"] in text
        assert f"{model.notes['seconds']} s on" in text
        assert all(f"{value:.4g}" in text for value in model.metrics.values())
        assert all(" ".join(line.split()) in text for line in model.notes["licences"])


def test_one_model_is_shown_with_all_its_notes(tmp_path) -> None:
    notes = {
        "seed": 3,
        "licences": ["[a] one", "two"],
        "recipe": {"steps": 7},
        "curve": [1, 2],
        "metrics": {"spectrum, dB": 1.5},
    }
    checkpoints.save(Glow(GlowConfig(2, 1, 4)), tmp_path / "mine.safetensors", notes)
    code, out, _ = run(tmp_path / "mine.safetensors")
    lines = out.splitlines()
    assert code == 0
    assert lines[0].startswith("mine: Glow, ")
    assert "written by nflib" in out
    for line in (
        "  levels: 2",
        "  spectrum, dB: 1.5",
        "  seed: 3",
        "    [a] one",
        "    two",
        "    steps: 7",
        "  curve: [1, 2]",
    ):
        assert line in lines


def test_a_model_that_says_little(tmp_path, monkeypatch) -> None:
    checkpoints.save(Glow(GlowConfig(2, 1, 4)), tmp_path / "bare.safetensors")
    monkeypatch.setattr(checkpoints.files, "WEIGHTS", tmp_path)
    code, out, _ = run()
    assert code == 0
    assert "bare" in out
    assert "not measured" in out
    assert "not noted" in out


def test_a_model_that_is_not_there() -> None:
    code, out, err = run("nothing")
    assert code == 2
    assert out == ""
    assert err.count("\n") == 1
    assert "nothing: no such file, and no bundled model" in err


def test_learned_degraders_stand_beside_the_law() -> None:
    _, out, _ = run()
    text = " ".join(out.replace("│", " ").split())
    for kind in ("ntire", "camera", "aim"):
        law = checkpoints.describe(f"law_{kind}").metrics["largest error (1 is still good)"]
        assert text.count(f"the law's: {law:.4g}") == 2  # of DeFlow and of LUD-VAE
