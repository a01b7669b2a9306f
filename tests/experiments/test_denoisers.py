"""The comparison of denoisers on two small pairs: every row that needs no training, and that it goes on."""

from __future__ import annotations

import importlib.util
import json

import pytest
import torch

from experiments.quality import denoisers
from nflib import images, units
from tests.helpers.folders import smooth_photo


def test_rows_of_a_set(tmp_path, capsys, monkeypatch) -> None:
    noise = units.generator(0)
    (tmp_path / "val").mkdir()
    for name in ("a", "b"):
        clean = smooth_photo(ord(name))
        noisy = (clean + 0.1 * torch.randn(clean.shape, generator=noise)).clamp(0, 1)
        images.write(tmp_path / "val" / f"{name}_reference.png", clean)
        images.write(tmp_path / "val" / f"{name}_noisy.png", noisy)
    words = ["--tiny", "--commit", "abc", "--out", str(tmp_path / "found.json"), "--renoir", str(tmp_path)]
    words += ["--only", "input", "scikit-image", "total variation", "denoiser_universal"]
    denoisers.main(words)
    parts = json.loads((tmp_path / "found.json").read_text())["parts"]
    wanted = ["input", "total variation", "total variation, tuned", "scikit-image non-local means"]
    if importlib.util.find_spec("pywt"):
        wanted.append("scikit-image non-local means, tuned")
    wanted.append("denoiser_universal")
    assert list(parts) == [f"renoir/{name}" for name in wanted]
    for part in parts.values():
        assert len(part["psnr"]) == len(part["ssim"]) == 2
        assert part["seconds"] >= 0
    means = {name.partition("/")[2]: sum(part["psnr"]) / 2 for name, part in parts.items()}
    assert means["denoiser_universal"] > means["input"] + 1
    assert means["scikit-image non-local means"] > means["input"] + 3
    assert means["total variation, tuned"] >= means["total variation"] > means["input"] + 3
    assert "denoiser_universal" in capsys.readouterr().out
    monkeypatch.setattr(denoisers, "timed", None)  # nothing is done again
    denoisers.main(words)


@pytest.mark.skipif(importlib.util.find_spec("cv2") is None, reason="OpenCV is not installed")
def test_opencv_sees_colours_in_its_own_order() -> None:
    """Exchanging red and blue before and after changes the result of its defaults."""
    import cv2

    photo = (smooth_photo(0) * 255).byte().permute(1, 2, 0).contiguous().numpy()
    settings = dict(denoisers.classical())["OpenCV non-local means"]
    wanted = cv2.fastNlMeansDenoisingColored(cv2.cvtColor(photo, cv2.COLOR_RGB2BGR), None, 3, 3)
    assert (settings["h 3, 3"](photo) == cv2.cvtColor(wanted, cv2.COLOR_BGR2RGB)).all()
