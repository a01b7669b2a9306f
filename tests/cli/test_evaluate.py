import json

import torch

from nflib import images
from nflib.metrics import METRICS
from tests.helpers.commands import run
from tests.helpers.folders import folder_of_noise


def test_evaluate_prints_a_table_with_directions(tmp_path) -> None:
    clean = folder_of_noise(tmp_path / "clean", 0.02, 0)
    judged = folder_of_noise(tmp_path / "judged", 0.02, 1)
    (judged / "1.png").write_text("not an image")
    (judged / "2.png").rename(judged / "two.png")
    images.write(judged / "3.png", torch.zeros(3, 8, 8))
    images.write(clean / "3.png", images.read(clean / "0.png"))
    images.write(judged / "4.png", images.read(clean / "2.png"))
    images.write(clean / "4.png", images.read(clean / "0.png"))
    result = run(
        "evaluate", judged, clean, "--metrics", "psnr, piqe", "--per-image", "--json", tmp_path / "out.json"
    )
    assert result.exit_code == 1  # some files could not be used
    saved = json.loads((tmp_path / "out.json").read_text())
    assert list(saved["images"]) == ["0.png", "4.png"]
    lines = {line.split()[1]: line for line in result.stdout.splitlines() if len(line.split()) > 2}
    for name, scores in saved["images"].items():
        assert f"{scores['psnr']:.2f}" in lines[name]
        assert f"{scores['piqe']:.2f}" in lines[name]
    assert f"{saved['metrics']['psnr']['mean']:.2f}" in lines["mean"]
    assert f"{saved['metrics']['piqe']['deviation']:.2f}" in lines["standard"]
    assert "↑ dB" in result.stdout
    assert "↓" in result.stdout
    assert "2 images" in result.stdout
    assert "psnr: higher is better; RGB" in result.stdout
    assert "piqe: lower is better" in result.stdout
    errors = result.stderr.splitlines()
    assert errors[0].startswith(f"skipped {judged / '1.png'}")
    assert "3.png: 8x8 pixels, but" in errors[1]
    assert f"without a partner in {judged}: 1 (two.png)" in errors
    assert f"without a partner in {clean}: 1 (2.png)" in errors
    assert errors[-1] == "files skipped: 2"
    short = run("evaluate", judged, clean, "--metrics", "psnr")
    assert "0.png" not in short.stdout
    assert "mean" in short.stdout


def test_evaluate_offers_the_metrics_there_are() -> None:
    text = " ".join(run("evaluate", "--help").output.split())
    assert f"Some of {', '.join(METRICS)}; with commas" in text


def test_evaluate_with_nothing_to_compare(tmp_path) -> None:
    judged = folder_of_noise(tmp_path / "judged", 0.02, 1)
    result = run("evaluate", judged, "--metrics", "piqe")
    assert result.exit_code == 0
    assert "piqe" in result.stdout
    assert result.stderr == ""
    result = run("evaluate", judged)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr == "nflib: psnr compares with a reference: name a second folder\n"
