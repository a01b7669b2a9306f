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
from nflib.pipeline import prepare, stored_statistics
from tests.helpers.folders import folder_of, random_images


def snapshot(folder) -> dict[str, tuple[bytes, int]]:
    files = [file for file in folder.rglob("*") if file.is_file()]
    return {str(file.relative_to(folder)): (file.read_bytes(), file.stat().st_mtime_ns) for file in files}


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


def test_it_goes_on_where_it_stopped(tmp_path) -> None:
    source, target = folder_of(tmp_path / "in", random_images((16, 16), (20, 20), (18, 30))), tmp_path / "out"
    prepare(source, target, [1, 4])
    before = snapshot(target)
    assert prepare(source, target, [1, 4])[:2] == (0, 3)
    assert snapshot(target) == before
    (target / "4x" / "1.png").unlink()
    record = json.loads(before["preparation.json"][0])
    # as if killed on the way
    (target / "preparation.json").write_text(json.dumps({key: record[key] for key in ("source", "scales")}))
    with pytest.raises(ValueError, match="holds no channel statistics; call nflib data prepare again"):
        stored_statistics(target)
    assert prepare(source, target, [1, 4])[:2] == (1, 2)
    after = snapshot(target)
    assert {name: data for name, (data, _) in after.items()} == {
        name: data for name, (data, _) in before.items()
    }
    assert after["1x/0.png"] == before["1x/0.png"]


def test_a_photo_that_changed_is_made_again(tmp_path) -> None:
    source, target = folder_of(tmp_path / "in", random_images((16, 16), (20, 20))), tmp_path / "out"
    old = prepare(source, target, [2]).statistics[2]
    images.write(source / "0.png", torch.ones(3, 16, 16))
    later = (target / "2x" / "0.png").stat().st_mtime + 10
    os.utime(source / "0.png", (later, later))
    done = prepare(source, target, [2])
    assert done[:2] == (1, 1)
    assert images.read(target / "2x" / "0.png").min() == 1
    assert done.statistics[2].mean > old.mean


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
        ValueError, match=r"preparation.json: was made with .*\[1\].*now asked for .*\[1, 2\]"
    ):
        prepare(source, tmp_path / "b", [1, 2])
    images.write(source / "0.jpg", torch.rand(3, 8, 8))
    with pytest.raises(ValueError, match="more than one photo is called 0"):
        prepare(source, tmp_path / "c", [1])
    assert not (tmp_path / "c").exists()
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
