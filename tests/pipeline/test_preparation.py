import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from nflib import images
from nflib.cli import app
from nflib.data import channel_statistics, scale_pyramid
from nflib.pipeline import preparation, prepare, stored_statistics
from tests.helpers.folders import folder_of, random_images


def snapshot(folder) -> dict[str, tuple[bytes, int]]:
    files = [file for file in folder.rglob("*") if file.is_file()]
    return {str(file.relative_to(folder)): (file.read_bytes(), file.stat().st_mtime_ns) for file in files}


def held(folder) -> dict[str, bytes]:
    return {name: data for name, (data, _) in snapshot(folder).items()}


def strange_folder(folder) -> Path:
    """Every kind of file that people have, and four that cannot be used."""
    folder_of(folder, random_images((33, 41), (40, 24)))
    images.write(folder / "deep.png", random_images((24, 24), seed=2)[0], bits=16)
    Image.new("L", (24, 32), 77).save(folder / "grey.png")
    Image.new("RGBA", (24, 32), (10, 20, 30, 128)).save(folder / "alpha.png")
    turned = Image.fromarray(np.arange(24 * 40 * 3).reshape(24, 40, 3).astype(np.uint8))
    exif = turned.getexif()
    exif[274] = 6
    turned.save(folder / "turned.png", exif=exif)
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.jpg").write_text("not an image")
    (folder / "half.png").write_bytes((folder / "0.png").read_bytes()[:1500])
    images.write(folder / "small.png", torch.rand(3, 40, 5))
    (folder / "notes.txt").write_text("not looked at")
    return folder


def test_every_good_photo_at_every_scale_and_the_bad_ones_reported(tmp_path) -> None:
    source, target = strange_folder(tmp_path / "in"), tmp_path / "out" / "clean"
    done = prepare(source, target, [8, 1, 2])
    good = ["0", "1", "alpha", "deep", "grey", "turned"]
    assert (done.written, done.kept, len(done.skipped)) == (6, 0, 4)
    small = "5x40 pixels, expected at least 8x8"
    for name, reason in {
        "empty": "is empty",
        "text": "not an image",
        "half": "cannot be read",
        "small": small,
    }.items():
        assert any(f"{name}." in line and reason in line for line in done.skipped)
    assert sorted(snapshot(target)) == sorted(
        ["preparation.json", *(f"{s}x/{n}.png" for s in (1, 2, 8) for n in good)]
    )
    for file in source.iterdir():
        if file.stem in good:
            for scale, expected in scale_pyramid(images.read(file), [1, 2, 8]).items():
                assert torch.equal(images.read(target / f"{scale}x" / f"{file.stem}.png"), expected)
    assert images.read(target / "1x" / "turned.png").shape == (3, 40, 24)
    record = json.loads((target / "preparation.json").read_text())
    assert record["files"] == [f"{name}.png" for name in good]
    assert record["skipped"] == list(done.skipped)
    for scale in (1, 2, 8):
        expected = channel_statistics(target / f"{scale}x")
        np.testing.assert_allclose(done.statistics[scale].mean, expected.mean, rtol=1e-12)
        assert done.statistics[scale].pixels == expected.pixels
        assert done.statistics == stored_statistics(target)


def test_it_goes_on_where_it_stopped(tmp_path, monkeypatch) -> None:
    source, target = folder_of(tmp_path / "in", random_images((16, 16), (20, 20), (18, 30))), tmp_path / "out"
    prepare(source, tmp_path / "whole", [1, 4])
    left = iter(range(3))

    def killed(path, image) -> None:
        images.write(path, image)
        if next(left, None) is None:
            raise KeyboardInterrupt

    monkeypatch.setattr(preparation, "write", killed)
    with pytest.raises(KeyboardInterrupt):
        prepare(source, target, [1, 4])
    monkeypatch.undo()
    with pytest.raises(ValueError, match="holds no channel statistics; call nflib data prepare again"):
        stored_statistics(target)
    stopped = snapshot(target)
    assert prepare(source, target, [1, 4])[:2] == (2, 1)
    assert snapshot(target)["1x/0.png"] == stopped["1x/0.png"]
    assert held(target) == held(tmp_path / "whole")
    after = snapshot(target)
    assert prepare(source, target, [1, 4])[:2] == (0, 3)
    assert snapshot(target) == after


@pytest.mark.parametrize("damage", ["missing", "half", "edited"])
def test_what_is_missing_is_made_again_and_what_was_changed_is_not_touched(tmp_path, damage) -> None:
    source, target = folder_of(tmp_path / "in", random_images((16, 16), (20, 20))), tmp_path / "out"
    prepare(source, target, [1, 2])
    before, file = held(target), target / "2x" / "1.png"
    if damage == "missing":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:99] if damage == "half" else (source / "0.png").read_bytes())
        changed = held(target)
        with pytest.raises(ValueError, match="2x/1.png: is not as this command wrote it"):
            prepare(source, target, [1, 2])
        assert held(target) == changed
        file.unlink()
    assert prepare(source, target, [1, 2])[:2] == (1, 1)
    assert held(target) == before


@pytest.mark.parametrize("time", [1e9, 4e9])
def test_a_photo_that_changed_is_made_again(tmp_path, time) -> None:
    """Whatever its time: what is copied or unpacked keeps the old one."""
    source, target = folder_of(tmp_path / "in", random_images((16, 16), (20, 20))), tmp_path / "out"
    old = prepare(source, target, [2]).statistics[2]
    images.write(source / "0.png", torch.ones(3, 16, 16))
    os.utime(source / "0.png", (time, time))
    done = prepare(source, target, [2])
    assert done[:2] == (1, 1)
    assert images.read(target / "2x" / "0.png").min() == 1
    assert done.statistics[2].mean > old.mean
    # a touched photo has not changed
    os.utime(source / "0.png")
    assert prepare(source, target, [2])[:2] == (0, 2)


def test_what_the_source_no_longer_has_goes(tmp_path) -> None:
    source, target = folder_of(tmp_path / "in", random_images((16, 16), (20, 20), (24, 24))), tmp_path / "out"
    prepare(source, target, [1, 2])
    mine = target / "1x" / "holiday.png"
    images.write(mine, torch.rand(3, 9, 9))
    edited = target / "2x" / "2.png"
    images.write(edited, torch.rand(3, 9, 9))
    for file in [*source.glob("0.*"), *source.glob("2.*")]:
        file.unlink()
    done = prepare(source, target, [1, 2])
    assert (done.written, done.kept, done.removed) == (0, 1, 2)
    there = sorted(str(file.relative_to(target)) for file in target.glob("*/*.png"))
    assert there == ["1x/1.png", "1x/holiday.png", "2x/1.png", "2x/2.png"]  # none of somebody else's
    record = json.loads((target / "preparation.json").read_text())
    assert record["files"] == ["1.png"]
    assert done.statistics[1].pixels == 20 * 20
    arguments = ["data", "prepare", "--source", str(source), "--target", str(target), "--scales", "1", "2"]
    assert CliRunner().invoke(app, arguments).stdout == f"{target} is complete, nothing to do\n"


def test_a_photo_that_cannot_be_read_any_more_goes(tmp_path) -> None:
    source, target = folder_of(tmp_path / "in", random_images((16, 16), (20, 20))), tmp_path / "out"
    prepare(source, target, [1])
    (source / "0.png").write_text("no picture")
    done = prepare(source, target, [1])
    assert (done.removed, done.kept, len(done.skipped)) == (1, 1, 1)
    assert not (target / "1x" / "0.png").exists()
    for file in source.iterdir():
        file.write_text("no picture")
    with pytest.raises(ValueError, match="none of 2 photos could be prepared"):
        prepare(source, target, [1])
    assert (target / "1x" / "1.png").exists()  # a source that is gone altogether takes nothing along


def test_equal_photos_in_another_place_go_on(tmp_path) -> None:
    source, target = folder_of(tmp_path / "in", random_images((16, 16), (20, 20))), tmp_path / "out"
    prepare(source, target, [1])
    moved = source.rename(tmp_path / "moved")
    assert prepare(moved, target, [1])[:2] == (0, 2)
    other = folder_of(tmp_path / "other", random_images((16, 16), seed=9))
    before = snapshot(target)
    with pytest.raises(ValueError, match=r"was made of .*moved, .*other has none of its photos; choose"):
        prepare(other, target, [1])
    assert snapshot(target) == before


def test_a_failed_call_blocks_nothing(tmp_path) -> None:
    source, target = folder_of(tmp_path / "in", random_images((16, 16))), tmp_path / "out"
    with pytest.raises(ValueError, match="none of 1 photos could be prepared"):
        prepare(source, target, [32])
    assert not target.exists()
    assert prepare(source, target, [1]).written == 1


def test_files_of_others_stay(tmp_path) -> None:
    source, target = folder_of(tmp_path / "in", random_images((16, 16))), tmp_path / "out"
    (target / "1x").mkdir(parents=True)
    (target / "1x" / "0.png").write_bytes(b"mine")
    with pytest.raises(ValueError, match=r"1x/0.png: is there already and was not written by this command"):
        prepare(source, target, [1])
    assert held(target) == {"1x/0.png": b"mine"}


def test_inside_the_source_as_the_published_scripts_do(tmp_path) -> None:
    source = folder_of(tmp_path / "in", random_images((16, 16)))
    prepare(source, source, [1, 2])
    assert prepare(source, source, [1, 2]).kept == 1
    assert (source / "2x" / "0.png").is_file()
    with pytest.raises(ValueError, match="would be written over"):
        prepare(source / "2x", source, [1, 2])


def test_bad_input(tmp_path) -> None:
    source, target = folder_of(tmp_path / "in", random_images((16, 16))), tmp_path / "out"
    with pytest.raises(
        ValueError, match="in: none of 1 photos could be prepared; the first: .*0.png: 16x16 pixels, expected"
    ):
        prepare(source, target, [32])
    prepare(source, tmp_path / "b", [1])
    with pytest.raises(
        ValueError, match=r"preparation.json: was made with scales \[1\], now asked for \[1, 2\]"
    ):
        prepare(source, tmp_path / "b", [1, 2])
    images.write(source / "0.jpg", torch.rand(3, 8, 8))
    prepare(source, tmp_path / "c", [1])
    assert sorted(f.name for f in (tmp_path / "c" / "1x").iterdir()) == ["0.jpg.png", "0.png.png"]
    with pytest.raises(ValueError, match="no such file; nflib data prepare writes it"):
        stored_statistics(source)


@pytest.mark.parametrize(
    "scales", [["1", "2", "8"], ["1 2 8"], ["1,2,8"], ["1", "--scales", "2", "--scales", "8"]]
)
@pytest.mark.parametrize("last", [True, False])
def test_the_command(tmp_path, scales, last) -> None:
    source, target = strange_folder(tmp_path / "in"), tmp_path / "out"
    folders = ["--source", str(source), "--target", str(target)]
    scales = ["--scales", *scales]
    arguments = ["data", "prepare", *(folders + scales if last else scales + folders)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1
    assert result.stdout == f"6 photos written to {target} at scales 1 2 8\n"
    left, *lines = result.stderr.splitlines()
    assert left == f"{source}: left out: 1 .txt"
    assert len(lines) == 5
    assert all(line.startswith("skipped ") for line in lines[:4])
    assert lines[4] == "files skipped: 4"
    assert sorted(f.name for f in target.iterdir()) == ["1x", "2x", "8x", "preparation.json"]
    assert "is complete, nothing to do" in CliRunner().invoke(app, arguments).stdout


@pytest.mark.parametrize(
    ("scales", "message"),
    [
        ([], "Missing option"),
        (["x"], "valid integer"),
        (["0"], "Invalid value"),
        (["2", "2"], "different whole numbers"),
    ],
)
def test_the_command_with_wrong_scales(tmp_path, scales, message) -> None:
    source = folder_of(tmp_path / "in", random_images((16, 16)))
    folders = ["--source", str(source), "--target", str(tmp_path / "out")]
    result = CliRunner().invoke(app, ["data", "prepare", *folders, "--scales", *scales])
    assert result.exit_code == 2
    assert re.search(message, result.stderr)
    assert not (tmp_path / "out").exists()
