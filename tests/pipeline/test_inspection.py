import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from nflib import data, images
from nflib.cli import app
from nflib.pipeline import inspect, inspection, write_photos
from tests.helpers.folders import folder_of, random_images

stats = pytest.importorskip("scipy.stats")
SMALL = {"crop": 16}  # photos of these tests are too small for the leak test, which takes seconds


@pytest.fixture
def folders(tmp_path) -> tuple[Path, Path]:
    """Two folders that nothing is wrong with, but their size."""
    sides = [(32, 40), (36, 32)] * 6
    return folder_of(tmp_path / "x", random_images(*sides)), folder_of(
        tmp_path / "y", random_images(*sides, seed=1)
    )


def warnings(found) -> list[str]:
    return [finding.text for finding in found.findings if finding.level == "warning"]


def test_nothing_wrong(folders) -> None:
    found = inspect(*folders, **SMALL)
    assert not found.errors
    assert not found.leaks
    assert [f.text for f in found.findings if f.level == "good"] == [
        "no photo is in both folders",
        "the colours differ no more than those of so many photos do by chance",
    ]
    assert [f.text for f in found.findings if f.level == "note"] == [
        "too little to test what h gives away: 0 and 0 photos of 64x64 pixels or more, 0 and 0 crops"
    ]
    assert not warnings(found)
    assert found.verdict == "train"


def test_a_crop_that_no_photo_has_costs_nothing(folders) -> None:
    """Nothing is counted for it, which would take as much memory as a training on it."""
    found = inspect(*folders, crop=2**15)
    assert [name.split(",")[0] for name in found.memory] == ["full"]
    assert "clean: no photo has 32768x32768 pixels" in found.verdict
    with pytest.raises(ValueError, match="crop a multiple of 8"):
        inspect(*folders, crop=2**15 - 1)


def test_photos_are_not_held_whole() -> None:
    part = inspection._centre(torch.zeros(3, 2000, 1000))
    assert part.untyped_storage().nbytes() == 4 * 3 * 512**2


@pytest.mark.parametrize("side", [0, 1])
def test_what_can_be_wrong_with_a_folder(folders, side) -> None:
    folder, name = folders[side], ("clean", "degraded")[side]
    (folder / "bad.png").write_text("not an image")
    images.write(folder / "tiny.png", torch.rand(3, 30, 9))
    images.write(folder / "deep.png", random_images((32, 32), seed=7)[0], bits=16)
    images.write(folder / "grey.png", torch.rand(1, 32, 32).expand(3, -1, -1))
    images.write(folder / "twin.png", images.read(folder / "0.png"))
    images.write(folder / "photo.jpg", torch.rand(3, 32, 32))
    found = inspect(*folders, **SMALL)
    texts = [*warnings(found), *(f.text for f in found.findings if f.level == "note")]
    photos = ["are smaller than a crop of 16x16", "are grey", "have more than 8 bits"]
    for start in ("1 files cannot be read", *(f"1 photos {what}" for what in photos)):
        assert any(text.startswith(f"{name}: {start}") for text in texts), start
    (twins,) = [text for text in texts if text.startswith(f"{name}: the same pixels more than once")]
    assert "0.png" in twins
    assert "twin.png" in twins
    assert any("JPEG files, their compression passes for clean" in text for text in texts) == (side == 0)


def test_dark_few_and_larger(tmp_path) -> None:
    x = folder_of(tmp_path / "x", [0.2 * photo for photo in random_images((96, 32), (96, 34))])
    y = folder_of(tmp_path / "y", random_images((32, 40)))
    found = inspect(x, y, **SMALL)
    texts = warnings(found)
    assert any(text.startswith("clean: no value is above 0.2 of the range") for text in texts)
    assert any(text.startswith("2 clean and 1 degraded photos are few") for text in texts)
    assert any(text.startswith("the clean photos are 1.6 times larger") for text in texts)
    notes = [finding.text for finding in found.findings if finding.level == "note"]
    assert any("whether the colours differ cannot be told" in text for text in notes)
    assert found.verdict == "train, but mind: dark clean photos; few photos; larger clean photos"


def test_the_same_photos_in_both_folders(folders) -> None:
    images.write(folders[1] / "copy.bmp", images.read(folders[0] / "0.png"))
    images.write(folders[1] / "like.png", (0.9 * images.read(folders[0] / "2.bmp") + 0.02))
    found = inspect(*folders, **SMALL)
    (error,) = found.errors
    assert error.text.startswith("1 photos are clean and degraded at once")
    assert "copy.bmp" in error.text
    assert found.verdict == f"do not train: {error.text}"
    (text,) = [
        text for text in warnings(found) if "1 clean and degraded photos seem to show the same scene" in text
    ]
    assert "like.png" in text


def test_a_gap_of_colours_has_welchs_interval(tmp_path) -> None:
    generator = torch.Generator().manual_seed(0)

    def photos(mean, spread, count, seed) -> list[torch.Tensor]:
        noise = random_images(*[(16, 16)] * count, seed=seed)
        return [mean + spread * torch.rand(3, 1, 1, generator=generator) + 0.05 * photo for photo in noise]

    x, y = photos(0.4, 0.1, 12, 0), photos(0.5, 0.2, 15, 1)
    x[0][1] += 0.3  # green differs less, and is less sure
    found = inspect(folder_of(tmp_path / "x", x), folder_of(tmp_path / "y", y), **SMALL)
    means = [np.array([p.statistics.mean for p in facts.photos]) for facts in (found.degraded, found.clean)]
    for i, gap in enumerate(found.gaps.values()):
        expected = stats.ttest_ind(means[0][:, i], means[1][:, i], equal_var=False).confidence_interval()
        np.testing.assert_allclose([gap.low, gap.high], expected, rtol=1e-9)
    (text,) = [text for text in warnings(found) if text.startswith("the colours differ")]
    assert f"red {255 * found.gaps['red'].difference:+.1f}" in text
    assert "--match-colours" in text


def smooth_photos(seed, count) -> list[torch.Tensor]:
    coarse = random_images(*[(10, 10)] * count, seed=seed)
    return [images.resize(photo, 12.8).clamp(0, 1) for photo in coarse]


def test_what_h_gives_away(tmp_path) -> None:
    x, y = smooth_photos(0, 2), smooth_photos(1, 2)
    noise = torch.randn(3, 128, 128, generator=torch.Generator().manual_seed(2))
    noisy = [(photo + 0.1 * noise).clamp(0, 1) for photo in y]
    folders = folder_of(tmp_path / "x", x), folder_of(tmp_path / "y", noisy)
    found = inspect(*folders, h="noise:0.0", crop=16)
    assert found.leaks["h"].auc == 1
    assert set(found.leaks) == {"photos", "h"}
    assert any(text.startswith("h tells the folders apart (AUC 1.00") for text in warnings(found))
    assert found.verdict.startswith("train, but mind: ")
    assert "h gives away the folder" in found.verdict


def test_one_folder_twice(folders) -> None:
    found = inspect(folders[0], folders[0], **SMALL)
    (error,) = found.errors
    assert found.verdict == f"do not train: {error.text}"
    assert error.text.startswith("both folders hold the same photos: ")


def test_folders_that_are_exchanged(tmp_path) -> None:
    x, y = smooth_photos(0, 3), smooth_photos(1, 3)
    noise = torch.randn(3, 128, 128, generator=torch.Generator().manual_seed(2))
    noisy = [(photo + 8 / 255 * noise).clamp(0, 1) for photo in y]
    clean, degraded = folder_of(tmp_path / "x", x), folder_of(tmp_path / "y", noisy)
    assert not inspect(clean, degraded, h="noise:0.5", crop=16).errors
    (error,) = inspect(degraded, clean, h="noise:0.5", crop=16).errors
    assert error.text.startswith("the folders seem to be exchanged: noise of 7.")


def test_what_went_through_jpeg_and_webp_is_named(tmp_path) -> None:
    photos = [photo[:, :200, :240] for photo in data.photos().values()]
    x = folder_of(tmp_path / "x", photos[:2])
    y = folder_of(tmp_path / "y", [images.JPEG(62)(photo) for photo in photos[2:4]])
    found = inspect(x, y, h="noise:0.5", crop=16)
    assert (
        "the degraded folder went through JPEG 4:2:0, quality 62 (2 of 2 photos); the clean one did not: "
        "--last-stage auto learns what came before it, and ends with jpeg:62"
    ) in [finding.text for finding in found.findings]
    assert found.jpeg["clean"].stage is None
    both = inspect(y, folder_of(tmp_path / "z", [images.JPEG(62)(photos[4])]), h="noise:0.5", crop=16)
    assert any(finding.text.startswith("both folders went through JPEG 4:2:0") for finding in both.findings)
    web = tmp_path / "web"
    web.mkdir()
    for lossless in (False, True):
        pixels = (255 * photos[5]).round().byte().permute(1, 2, 0).numpy()
        Image.fromarray(pixels).save(web / f"{lossless}.webp", lossless=lossless)
    texts = warnings(inspect(x, web, h="noise:0.5", crop=16))
    (text,) = [text for text in texts if "WebP" in text]
    assert text.startswith("degraded: 1 photos are WebP files")
    assert "False.webp" in text


def test_nothing_to_train_on(folders, tmp_path) -> None:
    found = inspect(*folders, crop=64)
    assert [error.text for error in found.errors] == [
        f"{name}: no photo has 64x64 pixels, the size of a crop" for name in ("clean", "degraded")
    ]
    with pytest.raises(ValueError, match="no such folder"):
        inspect(tmp_path / "none", folders[1])
    with pytest.raises(ValueError, match="scale must be 1, 2, 4, 8 or 16, got 3"):
        inspect(*folders, h="downsample:3")
    with pytest.raises(ValueError, match="crop a multiple of 8, got 8 and 20"):
        inspect(*folders, crop=20)
    with pytest.raises(ValueError, match="sigma must be a number, 0 or more, got -1"):
        inspect(*folders, h="noise:-1")


def test_the_command(folders, tmp_path) -> None:
    (folders[0] / "bad.png").write_text("not an image")
    clean, degraded = map(str, folders)
    arguments = ["check", "--clean", clean, "--degraded", degraded, "--json", str(tmp_path / "found.json")]
    result = CliRunner().invoke(app, [*arguments, "--crop", "16"])
    assert result.exit_code == 0
    assert result.stderr.startswith(f"skipped {folders[0] / 'bad.png'}: not an image")
    assert "BMP RGB 4" in result.stdout
    assert "44,429,099" in result.stdout
    for line in (
        "warning: clean: 1 files cannot be read and will be left out",
        "good: no photo is in both folders",
    ):
        assert line in result.stdout.splitlines()
    assert result.stdout.splitlines()[-1] == "train, but mind: files that cannot be read"
    record = json.loads((tmp_path / "found.json").read_text())
    assert record["settings"] == {"h": "downsample:4+noise:0.03", "crop": 16, "seed": 0}
    assert record["leaks"] == {}
    assert record["verdict"] == result.stdout.splitlines()[-1]
    assert record["jpeg"]["clean"]["found"] == "no JPEG"
    assert len(record["clean"]["photos"]) == 12
    assert len(record["clean"]["skipped"]) == 1
    assert record["gaps"]["red"]["low"] < 0 < record["gaps"]["red"]["high"]
    assert CliRunner().invoke(app, arguments).exit_code == 2  # no photo is as large as a crop of 64
    wrong = CliRunner().invoke(app, [*arguments, "--scale", "3"])
    assert wrong.exit_code == 2
    assert wrong.stderr == "nflib: scale must be 1, 2, 4, 8 or 16, got 3\n"


def test_the_example_of_the_readme(tmp_path) -> None:
    write_photos(tmp_path / "try")
    found = inspect(tmp_path / "try" / "clean", tmp_path / "try" / "degraded")
    assert found.verdict == "train, but mind: saturated parts of clean photos; few photos"
    saturated, text = warnings(found)
    assert "are in saturated parts" in saturated
    assert text == "2 clean and 3 degraded photos are few; what is learned will be about these"
    assert inspect(tmp_path / "try" / "degraded", tmp_path / "try" / "clean").verdict.startswith(
        "do not train: "
    )


def test_a_crop_larger_than_any_photo_is_refused_before_anything_is_looked_at(tmp_path) -> None:
    with pytest.raises(ValueError, match="crop must be from 1 to 32768, got 100000000"):
        inspect(tmp_path / "no", tmp_path / "no", crop=10**8)
