import json
import math
from pathlib import Path
from typing import Any, Never

import numpy as np
import pytest
import torch

from nflib import data, degraders, images, metrics, pipeline, units


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> tuple[Path, Any]:
    """The bundled photos, written once."""
    out = tmp_path_factory.mktemp("data") / "deep" / "photos"
    return out, pipeline.write_photos(out, "ntire", seed=5)


def test_write_photos_makes_unpaired_folders_and_validation_pairs(bundle) -> None:
    out, written = bundle
    found = {str(f.relative_to(out)) for f in out.rglob("*.png")}
    assert (
        found
        == {str(f.relative_to(out)) for f in written}
        == {
            "clean/astronaut.png",
            "clean/motorcycle.png",
            "degraded/coffee.png",
            "degraded/rocket.png",
            "degraded/china.png",
            "validation/clean/chelsea.png",
            "validation/clean/flower.png",
            "validation/degraded/chelsea.png",
            "validation/degraded/flower.png",
        }
    )
    photos = data.photos()
    for file in ("clean/astronaut", "validation/clean/flower"):
        assert torch.equal(images.read(out / f"{file}.png"), photos[file.split("/")[-1]])
    for file in ("degraded/coffee", "validation/degraded/chelsea"):
        residual = images.read(out / f"{file}.png") - photos[file.split("/")[-1]]
        assert residual.std() * 255 == pytest.approx(12, rel=0.05)
    attributions = json.loads((out / "photos.json").read_text())["photos"]
    assert len(attributions) == 7
    assert sum("CC BY 2.0" in a for a in attributions) == 2


def test_write_photos_goes_on_where_it_stopped_with_the_same_numbers(bundle) -> None:
    out, _ = bundle
    lost = out / "degraded" / "rocket.png"
    before = lost.read_bytes()
    kept = (out / "degraded" / "coffee.png").stat().st_mtime_ns
    lost.unlink()
    assert pipeline.write_photos(out, "ntire", seed=5) == [lost]
    assert lost.read_bytes() == before
    assert (out / "degraded" / "coffee.png").stat().st_mtime_ns == kept
    assert pipeline.write_photos(out, "ntire", seed=5) == []


def test_write_photos_neither_keeps_nor_replaces_what_somebody_changed(bundle) -> None:
    out, _ = bundle
    file = out / "clean" / "astronaut.png"
    before = file.read_bytes()
    file.write_bytes(before[:999])
    with pytest.raises(ValueError, match="astronaut.png: is not as this command wrote it.* move it away, or"):
        pipeline.write_photos(out, "ntire", seed=5)
    assert file.read_bytes() == before[:999]
    file.write_bytes(before)
    assert pipeline.write_photos(out, "ntire", seed=5) == []


def test_write_photos_refuses_to_mix(bundle, tmp_path) -> None:
    out, _ = bundle
    with pytest.raises(ValueError, match="was made with .*'seed': 5.* choose another folder"):
        pipeline.write_photos(out, "ntire", seed=6)
    with pytest.raises(
        ValueError, match="degradation must be one of ntire, aim, camera, lowlight, dark, none, got 'fog'"
    ):
        pipeline.write_photos(tmp_path / "new", "fog")
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(ValueError, match="is not empty and was not made by this command"):
        pipeline.write_photos(tmp_path)
    with pytest.raises(ValueError, match="is a file, expected a folder"):
        pipeline.write_photos(tmp_path / "mine.txt")
    (tmp_path / "photos.json").write_text("{")
    with pytest.raises(ValueError, match="photos.json: cannot be read as JSON"):
        pipeline.write_photos(tmp_path)
    assert sorted(f.name for f in tmp_path.iterdir()) == ["mine.txt", "photos.json"]


def squares(folder, n, sigma, seed) -> Path:
    """Random images of squares with white noise of deviation sigma (one per channel), 16-bit so that rounding
    adds nothing.
    """
    folder.mkdir()
    generator = units.generator(seed)
    for i in range(n):
        image = 0.3 + 0.4 * torch.rand(3, 3, 4, generator=generator)
        image = image.repeat_interleave(32, 1).repeat_interleave(32, 2)
        noise = torch.randn(image.shape, generator=generator) * torch.tensor(sigma).view(3, 1, 1)
        images.write(folder / f"{i}.png", (image + noise).clamp(0, 1), bits=16)
    return folder


def test_estimate_noise_finds_the_level_of_each_channel(tmp_path) -> None:
    clean = squares(tmp_path / "clean", 8, (0.0, 0.0, 0.0), 0)
    sigma = (0.02, 0.03, 0.05)
    estimate = pipeline.estimate_noise(clean, squares(tmp_path / "degraded", 10, sigma, 1))
    assert (estimate.clean_photos, estimate.degraded_photos, estimate.skipped) == (8, 10, ())
    for truth, found in zip(sigma, estimate.channels.values()):
        assert found.seen
        assert found.low < found.sigma < found.high
        assert found.sigma == pytest.approx(truth, rel=0.03)
        assert found.high - found.low < 0.1 * truth
        assert found.curve["middle"].value == pytest.approx(truth, rel=0.03)
    assert all(abs(level.value) < 0.05 for level in estimate.neighbours.values())
    estimate.save(tmp_path / "noise.json")
    saved = json.loads((tmp_path / "noise.json").read_text())
    assert saved["channels"]["blue"]["sigma"] == estimate.channels["blue"].sigma
    assert saved["channels"]["blue"]["curve"]["middle"]["value"] == pytest.approx(0.05, rel=0.03)
    assert saved["neighbours"].keys() == {"right", "down", "diagonal", "antidiagonal"}
    assert saved["last_stage"] == ""
    assert saved["assumes"]


def test_correlated_noise_is_found_at_full_strength(bundle) -> None:
    """NTIRE-like noise of 12 grey levels, which a filter of the finest detail alone takes for 17; and noise
    whose neighbours are alike, of which that filter sees next to nothing.
    """
    out, _ = bundle
    estimate = pipeline.estimate_noise(out / "clean", out / "degraded")
    found = estimate.channels["green"]
    assert 255 * found.sigma == pytest.approx(12, rel=0.2)
    assert found.low < 12 / 255 < found.high
    covariance = degraders.NTIRE().covariance(64, 64)[1, 1]
    low, high = estimate.neighbours["diagonal"][1:]
    assert low < covariance[1, 1] / covariance[0, 0] < high
    assert estimate.neighbours["diagonal"].value > 0.4 > 0 > estimate.neighbours["right"].value


def test_doubled_pixels_have_all_of_their_noise(tmp_path) -> None:
    """Each pixel four times: in one of four 2x2 phases there is no difference at all."""
    for name, sigma, seed in (("clean", 0.0, 0), ("degraded", 0.04, 1)):
        small = squares(tmp_path / f"small {name}", 4, (sigma,) * 3, seed)
        (tmp_path / name).mkdir()
        for file in small.iterdir():
            large = images.read(file).repeat_interleave(2, 1).repeat_interleave(2, 2)
            images.write(tmp_path / name / file.name, large, bits=16)
    estimate = pipeline.estimate_noise(tmp_path / "clean", tmp_path / "degraded")
    assert estimate.channels["red"].sigma == pytest.approx(0.04, rel=0.05)
    assert estimate.neighbours["right"].value == pytest.approx(0.5, abs=0.1)


def test_less_detail_than_the_clean_is_not_seen(tmp_path) -> None:
    noisy = squares(tmp_path / "noisy", 3, (0.05, 0.05, 0.05), 0)
    estimate = pipeline.estimate_noise(noisy, squares(tmp_path / "quiet", 3, (0.01, 0.01, 0.01), 1))
    assert all(not found.seen and found.sigma == 0 == found.low for found in estimate.channels.values())


def test_one_photo_gives_no_interval(tmp_path) -> None:
    clean = squares(tmp_path / "clean", 1, (0.0, 0.0, 0.0), 0)
    estimate = pipeline.estimate_noise(clean, squares(tmp_path / "degraded", 4, (0.03, 0.03, 0.03), 1))
    found = estimate.channels["red"]
    assert found.sigma == pytest.approx(0.03, rel=0.05)
    assert found.low is None
    assert found.high is None
    assert any("1 clean and 4 degraded photos only" in remark for remark in estimate.remarks)


def test_bad_images_are_skipped_and_named(tmp_path) -> None:
    clean = squares(tmp_path / "clean", 3, (0.0, 0.0, 0.0), 0)
    degraded = squares(tmp_path / "degraded", 3, (0.03, 0.03, 0.03), 1)
    without = pipeline.estimate_noise(clean, degraded)
    (degraded / "a_text.png").write_text("not an image")
    whole = (degraded / "2.png").read_bytes()
    (degraded / "cut off.png").write_bytes(whole[: len(whole) // 2])
    estimate = pipeline.estimate_noise(clean, degraded)
    assert estimate.channels == without.channels
    assert [line.split(":")[0].split("/")[-1] for line in estimate.skipped] == ["a_text.png", "cut off.png"]


def test_nothing_to_learn_from(tmp_path) -> None:
    good = squares(tmp_path / "good", 2, (0.0, 0.0, 0.0), 0)
    bad = tmp_path / "bad"
    bad.mkdir()
    with pytest.raises(ValueError, match="bad: no images in this folder"):
        pipeline.estimate_noise(good, bad)
    (bad / "a.png").write_bytes(b"")
    with pytest.raises(
        ValueError, match=r"bad: none of 1 images could be read; the first: .*a\.png: is empty"
    ):
        pipeline.estimate_noise(good, bad)
    small = tmp_path / "small"
    small.mkdir()
    images.write(small / "a.png", torch.full((3, 8, 8), 0.5))
    with pytest.raises(ValueError, match="small: 1 photos can be read; no window of 16x16 pixels"):
        pipeline.estimate_noise(small, good)


def scenes(folder, n, sigma, seed) -> Path:
    """Smooth random images with white noise of deviation sigma (one per channel), 16-bit so that rounding
    adds nothing.
    """
    folder.mkdir()
    generator = units.generator(seed)
    for i in range(n):
        coarse = torch.rand(3, 12, 14, generator=generator)
        image = images.resize(coarse, 6).clamp(0, 1) * 0.4 + 0.3
        noise = torch.randn(image.shape, generator=generator) * torch.tensor(sigma).view(3, 1, 1)
        images.write(folder / f"{i}.png", (image + noise).clamp(0, 1), bits=16)
    return folder


def pairs(tmp_path, n=3, sigma=(0.02, 0.02, 0.02)) -> tuple[Path, Path]:
    """Degraded and clean folders of n pairs that share their file names."""
    clean, degraded = scenes(tmp_path / "truth", n, (0.0, 0.0, 0.0), 0), tmp_path / "judged"
    degraded.mkdir()
    generator = units.generator(1)
    for i in range(n):
        noise = torch.randn(3, 72, 84, generator=generator) * torch.tensor(sigma).view(3, 1, 1) * (i + 1)
        images.write(degraded / f"{i}.png", (images.read(clean / f"{i}.png") + noise).clamp(0, 1), bits=16)
    return degraded, clean


def test_evaluate_scores_every_pair(tmp_path) -> None:
    degraded, clean = pairs(tmp_path)
    found = pipeline.evaluate(degraded, clean, ["psnr", "ssim-uniform", "piqe"])
    assert list(found.scores) == ["0.png", "1.png", "2.png"]
    assert found.metrics == (
        "psnr",
        "ssim-uniform",
        "piqe",
    )
    assert found.unpaired == ((), ())
    assert found.skipped == ()
    by_hand = []
    for i in range(3):
        a, b = (images.read(folder / f"{i}.png").double().numpy() for folder in (degraded, clean))
        by_hand.append(-10 * np.log10(np.mean((a - b) ** 2)))
        assert found.scores[f"{i}.png"][0] == pytest.approx(by_hand[-1])
        assert found.scores[f"{i}.png"][0] == pytest.approx(-20 * math.log10(0.02 * (i + 1)), abs=0.2)
    assert found.mean("psnr") == pytest.approx(np.mean(by_hand))
    assert found.deviation("psnr") == pytest.approx(np.std(by_hand, ddof=1))


def test_evaluation_is_saved_with_its_settings(tmp_path) -> None:
    degraded, clean = pairs(tmp_path)
    images.write(degraded / "1.png", images.read(clean / "1.png"), bits=16)
    found = pipeline.evaluate(degraded, clean, border=4)
    found.save(tmp_path / "out.json")
    saved = json.loads(
        (tmp_path / "out.json").read_text(), parse_constant=lambda name: pytest.fail(f"{name} is no JSON")
    )
    assert saved["nflib"]
    assert saved["border"] == 4
    assert saved["folders"] == [str(degraded), str(clean)]
    assert saved["images"]["1.png"] == {"psnr": None, "ssim": pytest.approx(1)}
    others = [saved["images"][name]["psnr"] for name in ("0.png", "2.png")]
    assert saved["metrics"]["psnr"]["mean"] == pytest.approx(sum(others) / 2)
    assert saved["metrics"]["psnr"]["deviation"] == pytest.approx(np.std(others, ddof=1))
    assert saved["metrics"]["psnr"]["unmeasured"] == ["1.png"]
    assert found.remarks == (
        "psnr: 1 of 3 images equal to the reference, not finite and not in the mean: 1.png",
    )
    assert saved["metrics"]["ssim"]["mean"] == pytest.approx(found.column("ssim").mean())
    assert saved["metrics"]["ssim"]["lower_is_better"] is False
    assert "Gaussian" in saved["metrics"]["ssim"]["convention"]


def test_only_equal_pairs_have_no_mean(tmp_path) -> None:
    _, clean = pairs(tmp_path)
    found = pipeline.evaluate(clean, clean)
    assert found.mean("psnr") is None
    assert found.mean("ssim") == pytest.approx(1)
    assert found.remarks[0].startswith("psnr: 3 of 3 images equal")


def test_a_flat_picture_is_in_no_mean_and_said(tmp_path) -> None:
    degraded, _ = pairs(tmp_path)
    whole = pipeline.evaluate(degraded, None, ["brisque"])
    images.write(degraded / "black.png", torch.zeros(3, 72, 84))
    found = pipeline.evaluate(degraded, None, ["brisque"])
    assert found.mean("brisque") == whole.mean("brisque")
    assert "black.png: BRISQUE needs an image with edges both ways" in found.skipped[0]


def test_evaluate_leaves_the_border_out(tmp_path) -> None:
    degraded, clean = pairs(tmp_path, n=1)
    framed = images.read(degraded / "0.png")
    framed[:, :4] = 1
    images.write(degraded / "0.png", framed, bits=16)
    assert pipeline.evaluate(degraded, clean, ["psnr"], border=4).mean("psnr") > 33
    assert pipeline.evaluate(degraded, clean, ["psnr"]).mean("psnr") < 25
    assert pipeline.evaluate(degraded, clean, ["psnr"]).deviation("psnr") is None


def test_evaluate_pairs_by_name_and_reports_the_rest(tmp_path) -> None:
    degraded, clean = pairs(tmp_path)
    whole = pipeline.evaluate(degraded, clean)
    images.write(clean / "3.png", torch.zeros(3, 72, 84))
    images.write(degraded / "x.png", torch.zeros(3, 72, 84))
    images.write(clean / "small.png", torch.zeros(3, 30, 30))
    images.write(
        degraded / "small.jpg", torch.zeros(3, 30, 31)
    )  # another suffix is fine, another size is not
    (degraded / "bad.png").write_text("no image")
    images.write(clean / "bad.png", torch.zeros(3, 9, 9))
    found = pipeline.evaluate(degraded, clean)
    assert found.scores == whole.scores
    assert found.unpaired == (("x.png",), ("3.png",))
    assert len(found.skipped) == 2
    assert "bad.png: not an image" in found.skipped[0]
    assert "small.jpg: 31x30 pixels, but its reference" in found.skipped[1]
    assert "has 30x30" in found.skipped[1]


def test_a_pair_that_one_metric_cannot_score_is_left_out_of_all(tmp_path) -> None:
    degraded, _ = pairs(tmp_path)
    images.write(degraded / "tiny.png", torch.rand(3, 9, 40))
    found = pipeline.evaluate(degraded, None, ["piqe", "brisque"])
    assert len(found.scores) == 3
    assert "tiny.png: BRISQUE needs at least 16x16 pixels, got 40x9" in found.skipped[0]
    assert found.folders == (str(degraded), None)
    assert found.unpaired == ((), ())


def test_evaluate_names_what_is_wrong(tmp_path) -> None:
    degraded, clean = pairs(tmp_path, n=1)
    with pytest.raises(ValueError, match="metrics must be some of psnr, ssim, .*, got 'fid'"):
        pipeline.evaluate(degraded, clean, ["psnr", "fid"])
    with pytest.raises(ValueError, match="got none"):
        pipeline.evaluate(degraded, clean, [])
    with pytest.raises(ValueError, match="ssim compares with a reference: name a second folder"):
        pipeline.evaluate(degraded, None, ["niqe", "ssim"])
    with pytest.raises(ValueError, match="border must be at least 0, got -1"):
        pipeline.evaluate(degraded, clean, border=-1)
    with pytest.raises(ValueError, match="none of 1 images could be scored; the first: .*border must be"):
        pipeline.evaluate(degraded, clean, border=36)
    (clean / "0.png").rename(clean / "other.png")
    with pytest.raises(ValueError, match="no file here has the name of one in"):
        pipeline.evaluate(degraded, clean)
    (degraded / "0.png").rename(degraded / "other.bmp")
    images.write(clean / "other.jpg", torch.zeros(3, 9, 9))
    with pytest.raises(ValueError, match="other.bmp: may belong to other.jpg and other.png, expected one"):
        pipeline.evaluate(degraded, clean)


def test_results_of_equal_names_find_their_own_photos(tmp_path) -> None:
    """a.png and a.jpg have results a.png.png and a.jpg.png."""
    for name, level in (("a.png", 0.25), ("a.jpg", 0.75), ("b.png", 0.5)):
        (tmp_path / "truth").mkdir(exist_ok=True)
        images.write(tmp_path / "truth" / name, torch.full((3, 16, 16), level))
    pipeline.degrade(tmp_path / "truth", "white:20", tmp_path / "out")
    found = pipeline.evaluate(tmp_path / "out", tmp_path / "truth", ["psnr"])
    assert list(found.scores) == ["a.jpg.png", "a.png.png", "b.png"]
    assert all(score == pytest.approx(22, abs=1.5) for (score,) in found.scores.values())
    images.write(tmp_path / "out" / "b.bmp", torch.zeros(3, 16, 16))
    found = pipeline.evaluate(tmp_path / "out", tmp_path / "truth", ["psnr"])
    assert len(found.scores) == 3
    assert "b.bmp: its reference" in found.skipped[0]


def test_missing_weights_end_the_evaluation(tmp_path, monkeypatch) -> None:
    """They are no fault of an image."""
    degraded, clean = pairs(tmp_path, n=1)

    def missing(net="alex") -> Never:
        raise metrics.MissingWeights("LPIPS needs the file")

    monkeypatch.setattr("nflib.metrics.perceptual.lpips_network", missing)
    with pytest.raises(metrics.MissingWeights, match="^LPIPS needs the file"):
        pipeline.evaluate(degraded, clean, ["lpips"])
