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


def test_estimate_noise_finds_the_level_of_each_channel(tmp_path) -> None:
    clean = scenes(tmp_path / "clean", 8, (0.0, 0.0, 0.0), 0)
    sigma = (0.02, 0.03, 0.05)
    estimate = pipeline.estimate_noise(clean, scenes(tmp_path / "degraded", 10, sigma, 1))
    assert (estimate.clean_photos, estimate.degraded_photos, estimate.skipped) == (8, 10, ())
    for truth, found in zip(sigma, estimate.channels.values()):
        assert found.case == 1
        assert found.low < found.sigma < found.high
        assert found.sigma == pytest.approx(truth, rel=0.03)
        assert found.high - found.low < 0.1 * truth
    estimate.save(tmp_path / "noise.json")
    saved = json.loads((tmp_path / "noise.json").read_text())
    assert saved["channels"]["blue"]["sigma"] == estimate.channels["blue"].sigma
    assert saved["assumes"]


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    """100 data sets whose photos differ in how much detail they have: 95 % intervals must fail
    about 5 times."""
    rng = np.random.default_rng(0)
    truth, hits = 0.04**2, 0

    def sums(photos, noise) -> np.ndarray:
        content = 0.02**2 * rng.gamma(4, 0.25, (photos, 1))  # detail differs from photo to photo
        squares = (content + noise) * rng.chisquare(500, (photos, 3))
        return np.stack([np.full((photos, 3), 500.0), squares], 1)

    for _ in range(100):
        centre, spread = pipeline.noise._jackknife(sums(12, 0), sums(9, truth))
        hits += abs(centre[1] - truth) < spread[1]
    assert 89 <= hits <= 99  # binomial with 0.95: outside with probability 0.012


def test_jackknife_of_equal_photos_is_the_usual_standard_error() -> None:
    """Leaving out one of n equally large photos gives exactly the standard error of a mean of n."""
    rng = np.random.default_rng(1)
    x, y = (np.stack([np.full((n, 3), 7.0), rng.random((n, 3))], 1) for n in (5, 9))
    _, spread = pipeline.noise._jackknife(x, y)
    parts = [v.var(0, ddof=1) / len(v) for v in (x[:, 1] / 7, y[:, 1] / 7)]
    from scipy.stats import t, ttest_ind

    degrees = ttest_ind(x[:, 1, 0], y[:, 1, 0], equal_var=False).df
    assert spread[0] == pytest.approx(t.ppf(0.975, degrees) * math.sqrt(parts[0][0] + parts[1][0]))


def test_estimate_on_correlated_noise_is_the_level_in_its_band(bundle) -> None:
    """On the bundled photos the interval holds the deviation of filtered NTIRE-like noise, which is known,
    not the pixel's 12.
    """
    out, _ = bundle
    weights = {
        (0, 0): 1,
        (0, 1): -0.5,
        (0, -1): -0.5,
        (1, 0): -0.5,
        (-1, 0): -0.5,
        (1, 1): 0.25,
        (-1, -1): 0.25,
        (1, -1): 0.25,
        (-1, 1): 0.25,
    }
    covariance = degraders.NTIRE().covariance(64, 64)[1, 1]
    truth = math.sqrt(sum(w * covariance[lag] for lag, w in weights.items()))
    found = pipeline.estimate_noise(out / "clean", out / "degraded").channels["green"]
    assert truth * 255 == pytest.approx(16.56, abs=0.05)
    assert found.low < truth < found.high


def test_less_detail_than_the_clean_is_case_two(tmp_path) -> None:
    noisy = scenes(tmp_path / "noisy", 3, (0.05, 0.05, 0.05), 0)
    estimate = pipeline.estimate_noise(noisy, scenes(tmp_path / "quiet", 3, (0.01, 0.01, 0.01), 1))
    assert all(found.case == 2 and found.sigma == 0 == found.low for found in estimate.channels.values())


def test_one_photo_gives_no_interval(tmp_path) -> None:
    clean = scenes(tmp_path / "clean", 1, (0.0, 0.0, 0.0), 0)
    found = pipeline.estimate_noise(clean, scenes(tmp_path / "degraded", 4, (0.03, 0.03, 0.03), 1)).channels[
        "red"
    ]
    assert found.sigma == pytest.approx(0.03, rel=0.05)
    assert found.low is None
    assert found.high is None


def test_bad_images_are_skipped_and_named(tmp_path) -> None:
    clean = scenes(tmp_path / "clean", 3, (0.0, 0.0, 0.0), 0)
    degraded = scenes(tmp_path / "degraded", 3, (0.03, 0.03, 0.03), 1)
    without = pipeline.estimate_noise(clean, degraded)
    (degraded / "a_text.png").write_text("not an image")
    images.write(clean / "line.png", torch.rand(3, 1, 9))
    estimate = pipeline.estimate_noise(clean, degraded)
    assert estimate.channels == without.channels
    assert [line.split(":")[0].split("/")[-1] for line in estimate.skipped] == ["line.png", "a_text.png"]
    assert "9x1 pixels, expected at least 2x2" in estimate.skipped[0]


def test_nothing_to_learn_from(tmp_path) -> None:
    good = scenes(tmp_path / "good", 2, (0.0, 0.0, 0.0), 0)
    bad = tmp_path / "bad"
    bad.mkdir()
    with pytest.raises(ValueError, match="bad: no images in this folder"):
        pipeline.estimate_noise(good, bad)
    (bad / "a.png").write_bytes(b"")
    with pytest.raises(
        ValueError, match=r"bad: none of 1 images could be read; the first: .*a\.png: is empty"
    ):
        pipeline.estimate_noise(good, bad)
    flat = tmp_path / "flat"
    flat.mkdir()
    images.write(flat / "a.png", torch.full((3, 8, 8), 0.5))
    with pytest.raises(ValueError, match="flat: the clean photos have no detail at all in red"):
        pipeline.estimate_noise(flat, good)


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
    assert saved["images"]["1.png"] == {"psnr": "inf", "ssim": pytest.approx(1)}
    assert saved["metrics"]["psnr"]["mean"] == "inf"
    assert saved["metrics"]["psnr"]["deviation"] is None
    assert saved["metrics"]["ssim"]["mean"] == pytest.approx(found.column("ssim").mean())
    assert saved["metrics"]["ssim"]["lower_is_better"] is False
    assert "Gaussian" in saved["metrics"]["ssim"]["convention"]


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
    images.write(clean / "other.jpg", torch.zeros(3, 9, 9))
    with pytest.raises(ValueError, match="other.jpg and other.png have the same name, expected one"):
        pipeline.evaluate(degraded, clean)


def test_missing_weights_end_the_evaluation(tmp_path, monkeypatch) -> None:
    """They are no fault of an image."""
    degraded, clean = pairs(tmp_path, n=1)

    def missing(net="alex") -> Never:
        raise metrics.MissingWeights("LPIPS needs the file")

    monkeypatch.setattr("nflib.metrics.perceptual.lpips_network", missing)
    with pytest.raises(metrics.MissingWeights, match="^LPIPS needs the file"):
        pipeline.evaluate(degraded, clean, ["lpips"])
