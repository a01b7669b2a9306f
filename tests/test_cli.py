import json
import subprocess
import sys

import pytest
import torch
from typer.testing import CliRunner

import nflib
from nflib import images, pipeline, units
from nflib.cli import Degradation, app


def run(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


def folder_of_noise(folder, sigma, seed, n=3):
    folder.mkdir()
    generator = units.generator(seed)
    for i in range(n):
        images.write(folder / f"{i}.png", (0.5 + sigma * torch.randn(3, 64, 64, generator=generator)).clamp(0, 1))
    return folder


def test_version_and_help():
    assert run("--version").output == f"nflib {nflib.__version__}\n"
    result = run("--help")
    assert result.exit_code == 0 and "photos" in result.output and "noise" in result.output
    for command in ("photos", "noise", "evaluate"):
        assert run(command, "--help").exit_code == 0


def test_help_imports_nothing_heavy():
    program = """
import sys
from nflib.cli import app
try: app(["--help"])
except SystemExit as end: assert end.code == 0
assert not {"torch", "numpy", "PIL", "matplotlib"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)


def test_the_installed_command(tmp_path):
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
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr == f"nflib: {tmp_path / 'no'}: no such folder\n"


def test_choices_are_those_of_the_pipeline():
    assert [choice.value for choice in Degradation] == list(pipeline.DEGRADATIONS)


def test_photos(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(pipeline, "write_photos", lambda *a: calls.append(a) or ["one", "two"])
    result = run("photos", tmp_path / "out", "--degradation", "camera", "--seed", 4)
    assert result.exit_code == 0 and calls == [(tmp_path / "out", "camera", 4)]
    assert result.output.startswith(f"2 photos written to {tmp_path / 'out'}\nTry: nflib noise --clean ")
    monkeypatch.setattr(pipeline, "write_photos", lambda *a: [])
    assert "is complete, nothing to do" in run("photos", tmp_path / "out").output


def test_photos_into_somebody_elses_folder(tmp_path):
    (tmp_path / "mine.txt").write_text("x")
    result = run("photos", tmp_path)
    assert result.exit_code == 2 and result.stdout == ""
    assert result.stderr.startswith(f"nflib: {tmp_path}: is not empty") and result.stderr.count("\n") == 1
    assert [f.name for f in tmp_path.iterdir()] == ["mine.txt"]


def test_noise_prints_a_table_and_what_it_assumes(tmp_path):
    clean = folder_of_noise(tmp_path / "clean", 3 / 255, 0)
    degraded = folder_of_noise(tmp_path / "degraded", 5 / 255, 1)  # 3 and 4 make 5
    (degraded / "x.jpg").write_text("not an image")
    result = run("noise", "--clean", clean, "--degraded", degraded, "--json", tmp_path / "out.json")
    assert result.exit_code == 0
    saved = json.loads((tmp_path / "out.json").read_text())
    for name in ("red", "green", "blue"):
        row = next(line for line in result.stdout.splitlines() if name in line)
        assert 255 * saved["channels"][name]["sigma"] == pytest.approx(4, abs=0.25)
        assert f"{255 * saved['channels'][name]['sigma']:.2f}" in row
        assert f"{255 * saved['channels'][name]['low']:.2f} to {255 * saved['channels'][name]['high']:.2f}" in row
    assert "3 clean and 3 degraded" in result.stdout and "noise is white" in result.stdout
    assert result.stderr.splitlines()[0].startswith(f"skipped {degraded / 'x.jpg'}: not an image")
    assert result.stderr.splitlines()[-1] == "files skipped: 1"


def test_noise_says_when_there_is_less_detail_and_when_photos_are_few(tmp_path):
    clean = folder_of_noise(tmp_path / "clean", 5 / 255, 0, n=1)
    degraded = folder_of_noise(tmp_path / "degraded", 1 / 255, 1)
    result = run("noise", "--clean", clean, "--degraded", degraded)
    assert result.exit_code == 0 and "unknown" in result.stdout
    text = " ".join(result.stdout.split())
    assert "needs at least two photos" in text and "less fine detail than the clean ones (red, green, blue)" in text


def test_noise_into_a_folder_that_is_not_there(tmp_path):
    folder = folder_of_noise(tmp_path / "a", 0.1, 0)
    result = run("noise", "--clean", folder, "--degraded", folder, "--json", tmp_path / "no" / "out.json")
    assert result.exit_code == 2 and result.stdout == ""
    assert "does not exist" in result.stderr and result.stderr.count("\n") == 1


def test_evaluate_prints_a_table_with_directions(tmp_path):
    clean = folder_of_noise(tmp_path / "clean", 0.02, 0)
    judged = folder_of_noise(tmp_path / "judged", 0.02, 1)
    (judged / "1.png").write_text("not an image")
    (judged / "2.png").rename(judged / "two.png")
    images.write(judged / "3.png", torch.zeros(3, 8, 8))
    images.write(clean / "3.png", images.read(clean / "0.png"))
    images.write(judged / "4.png", images.read(clean / "2.png"))
    images.write(clean / "4.png", images.read(clean / "0.png"))
    result = run("evaluate", judged, clean, "--metrics", "psnr, piqe", "--per-image", "--json", tmp_path / "out.json")
    assert result.exit_code == 0
    saved = json.loads((tmp_path / "out.json").read_text())
    assert list(saved["images"]) == ["0.png", "4.png"]
    lines = {line.split()[1]: line for line in result.stdout.splitlines() if len(line.split()) > 2}
    for name, scores in saved["images"].items():
        assert f"{scores['psnr']:.2f}" in lines[name] and f"{scores['piqe']:.2f}" in lines[name]
    assert f"{saved['metrics']['psnr']['mean']:.2f}" in lines["mean"]
    assert f"{saved['metrics']['piqe']['deviation']:.2f}" in lines["standard"]
    assert "↑ dB" in result.stdout and "↓" in result.stdout and "2 images" in result.stdout
    assert "psnr: higher is better; RGB" in result.stdout and "piqe: lower is better" in result.stdout
    errors = result.stderr.splitlines()
    assert errors[0].startswith(f"skipped {judged / '1.png'}") and "3.png: 8x8 pixels, but" in errors[1]
    assert (
        f"without a partner in {judged}: 1 (two.png)" in errors and f"without a partner in {clean}: 1 (2.png)" in errors
    )
    assert errors[-1] == "files skipped: 2"
    short = run("evaluate", judged, clean, "--metrics", "psnr")
    assert "0.png" not in short.stdout and "mean" in short.stdout


def test_evaluate_offers_the_metrics_there_are():
    from nflib.metrics import METRICS

    text = " ".join(run("evaluate", "--help").output.split())
    assert f"Some of {', '.join(METRICS)}; with commas" in text


def test_evaluate_with_nothing_to_compare(tmp_path):
    judged = folder_of_noise(tmp_path / "judged", 0.02, 1)
    result = run("evaluate", judged, "--metrics", "piqe")
    assert result.exit_code == 0 and "piqe" in result.stdout and result.stderr == ""
    result = run("evaluate", judged)
    assert result.exit_code == 2 and result.stdout == ""
    assert result.stderr == "nflib: psnr compares with a reference: name a second folder\n"


def test_usage_errors():
    assert run("noise").exit_code == 2
    assert run("photos", "x", "--degradation", "fog").exit_code == 2
    assert run("no-such-command").exit_code == 2
