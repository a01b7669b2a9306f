"""How results are written: formats, depths, folders in folders, names that differ, files of others."""

import os
from pathlib import Path, PurePath

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from nflib import units
from nflib.images import Picture, read, read_picture, write
from nflib.pipeline import Results, degrade, restore, super_resolve
from nflib.pipeline.results import result_names
from tests.helpers.commands import run
from tests.helpers.folders import contents

FORMATS = {
    "png": ("PNG", ".png"),
    "tiff": ("TIFF", ".tif"),
    "jpeg": ("JPEG", ".jpg"),
    "webp": ("WEBP", ".webp"),
}


def photo(seed: int = 0, height: int = 24, width: int = 20) -> torch.Tensor:
    return torch.rand(3, height, width, generator=units.generator(seed)) * 0.6 + 0.2


@pytest.fixture
def folder(tmp_path) -> Path:
    place = tmp_path / "in"
    place.mkdir()
    alpha = torch.linspace(0, 1, 20).expand(1, 24, 20)
    write(place / "deep.png", photo(1), like=Picture(photo(1), bits=16))
    write(place / "clear.png", photo(2), like=Picture(photo(2), alpha))
    write(place / "grey.png", photo(3), like=Picture(photo(3), grey=True))
    return place


@pytest.mark.parametrize("format", FORMATS)
def test_formats(tmp_path, folder, format) -> None:
    done = degrade(folder, "white:0", tmp_path / "out", tau=0, results=Results(format=format))
    kind, suffix = FORMATS[format]
    assert {file.suffix for file in done.written} == {suffix}
    for file in done.written:
        with Image.open(file) as image:
            assert image.format == kind
        source, result = read_picture(folder / f"{file.stem}.png"), read_picture(file)
        deep, clear = format in ("png", "tiff"), format != "jpeg"
        assert result.bits == (source.bits if deep else 8)
        assert (result.alpha is None) == (source.alpha is None or not clear)
        assert result.grey == (source.grey and format != "webp")
        if deep:
            assert torch.equal(result.pixels, source.pixels)
    assert (
        sorted(done.lost)
        == {
            "png": [],
            "tiff": [],
            "jpeg": [
                "depth beyond 8 bits",
                *["its exact values, which JPEG does not keep"] * 3,
                "transparency",
            ],
            "webp": [
                "depth beyond 8 bits",
                *["its exact values, which WEBP does not keep"] * 3,
                "its one channel of grey, which becomes three",
            ],
        }[format]
    )


def test_the_format_of_each_image(tmp_path) -> None:
    place = tmp_path / "in"
    place.mkdir()
    for name in ("a.jpg", "b.tif", "c.webp", "d.bmp", "e.png"):
        write(place / name, photo())
    Image.fromarray(np.zeros((9, 8, 3), np.uint8)).save(place / "f.ppm")
    done = degrade(place, "white:3", tmp_path / "out", results=Results(format="keep"))
    assert [file.name for file in done.written] == ["a.jpg", "b.tif", "c.webp", "d.bmp", "e.png", "f.png"]
    assert done.lost == ("the format .ppm, now PNG",)


@pytest.mark.parametrize(("depth", "bits"), [("8", 8), ("16", 16)])
def test_depths(tmp_path, folder, depth, bits) -> None:
    done = degrade(folder, "white:0", tmp_path / "out", tau=0, results=Results(depth=depth))
    assert {read_picture(file).bits for file in done.written} == {bits}
    assert done.lost == (("depth beyond 8 bits",) if bits == 8 else ())


def test_a_depth_that_degraders_do_not_have_is_said(tmp_path, folder) -> None:
    done = degrade(folder, "white:3", tmp_path / "out")
    assert done.lost == ("levels between those of 8 bits",)
    assert restore(folder, "denoiser_ntire_small", tmp_path / "restored").lost == ()


def test_bad_choices() -> None:
    with pytest.raises(ValueError, match="depth must be one of 8, 16, keep, got '12'"):
        Results(depth="12")
    with pytest.raises(ValueError, match="format must be one of png, tiff, jpeg, webp, keep, got 'gif'"):
        Results(format="gif")
    with pytest.raises(ValueError, match="depth 16 needs the format png or tiff, got jpeg"):
        Results(depth="16", format="jpeg")


def test_folders_in_folders(tmp_path) -> None:
    place = tmp_path / "in"
    for name in ("a.png", "x/a.png", "x/y/b.png"):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        write(place / name, photo())
    (place / "x" / "loop").symlink_to(place, target_is_directory=True)
    out = place / "results"
    names = ["a.png", "x/a.png", "x/y/b.png"]
    done = degrade(place, "white:9", out, results=Results(recursive=True))
    assert [file.relative_to(out).as_posix() for file in done.written] == names
    assert (out / "x" / "y" / "b.json").is_file()
    assert not torch.equal(read(out / "a.png"), read(out / "x" / "a.png"))  # each has noise of its own
    again = degrade(place, "white:9", out, results=Results(recursive=True))
    assert (again.written, again.kept) == ((), 3)
    alone = degrade(place / "a.png", "white:9", tmp_path / "alone")
    assert torch.equal(read(alone.written[0]), read(out / "a.png"))


def test_the_command_goes_into_folders(tmp_path) -> None:
    (tmp_path / "in" / "x").mkdir(parents=True)
    write(tmp_path / "in" / "x" / "a.png", photo())
    flat = run("degrade", tmp_path / "in", "--model", "white:9", "--out", tmp_path / "out")
    assert flat.exit_code == 2
    deep = run("degrade", tmp_path / "in", "--model", "white:9", "--out", tmp_path / "out", "--recursive")
    assert deep.exit_code == 0, deep.output
    assert "left out" not in deep.output
    assert (tmp_path / "out" / "x" / "a.png").is_file()


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (["a.png", "b.jpg"], ["a", "b"]),
        (["a.png", "a.jpg"], ["a.png", "a.jpg"]),
        (["a.png", "A.jpg"], ["a.png", "A.jpg"]),
        (["a.png", "a.jpg", "a.png.png"], ["a.png", "a.jpg", "a.png.png"]),
        (["x/a.png", "y/a.png"], ["x/a", "y/a"]),
    ],
)
def test_names(files, names) -> None:
    found = result_names([PurePath(file) for file in files])
    assert [found[PurePath(file)].as_posix() for file in files] == names


def test_a_result_keeps_its_name_when_another_image_comes(tmp_path) -> None:
    place, out = tmp_path / "in", tmp_path / "out"
    place.mkdir()
    write(place / "a.png", photo(1))
    degrade(place, "white:9", out)
    write(place / "a.jpg", photo(2))
    done = degrade(place, "white:9", out)
    assert (done.written, done.kept) == ((out / "a.jpg.png",), 1)
    assert degrade(place, "white:9", out).kept == 2


def test_files_of_others_are_replaced_only_if_asked(tmp_path) -> None:
    place, out = tmp_path / "in", tmp_path / "out"
    place.mkdir()
    out.mkdir()
    write(place / "a.png", photo(1))
    (place / "b.png").write_bytes((place / "a.png").read_bytes()[:200])  # damaged
    own, better = photo(7), photo(8)
    write(out / "a.png", own)
    write(out / "b.png", better)
    (out / ".a.png.backup.part").write_text("of somebody")
    with pytest.raises(ValueError, match=r"a.png: is there already and was not written by this command"):
        degrade(place, "white:9", out)
    saved = (out / "b.png").read_bytes()
    done = degrade(place, "white:9", out, results=Results(overwrite=True))
    assert done.written == (out / "a.png",)
    assert len(done.skipped) == 1
    assert not torch.equal(read(out / "a.png"), (own * 255).round() / 255)
    assert (out / "b.png").read_bytes() == saved  # nothing was made in its place
    assert (out / ".a.png.backup.part").read_text() == "of somebody"


@pytest.mark.parametrize("notes", ['{"camera": "my own notes"}', "[1, 2]", "no JSON"])
def test_notes_of_others_are_no_record(tmp_path, notes) -> None:
    write(tmp_path / "a.png", photo())
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.json").write_text(notes)
    with pytest.raises(ValueError, match=r"a.json: is there already and was not written by this command"):
        degrade(tmp_path / "a.png", "white:9", out)
    assert (out / "a.json").read_text() == notes
    assert degrade(tmp_path / "a.png", "white:9", out, results=Results(overwrite=True)).written


def test_links_are_replaced_and_not_followed(tmp_path) -> None:
    write(tmp_path / "a.png", photo())
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.png").symlink_to(tmp_path / "gone.png")
    with pytest.raises(ValueError, match="is there already"):
        degrade(tmp_path / "a.png", "white:9", out)
    os.unlink(out / "a.png")
    (out / "a.png").symlink_to(tmp_path / "a.png")
    before = (tmp_path / "a.png").read_bytes()
    degrade(tmp_path / "a.png", "white:9", out, results=Results(overwrite=True))
    assert (tmp_path / "a.png").read_bytes() == before
    assert not (out / "a.png").is_symlink()


def test_results_of_other_settings_are_replaced_if_asked(tmp_path) -> None:
    write(tmp_path / "a.png", photo())
    out = tmp_path / "out"
    degrade(tmp_path / "a.png", "white:9", out, seed=1)
    first = read(out / "a.png")
    with pytest.raises(ValueError, match="seed 1, now asked for 2; overwrite it"):
        degrade(tmp_path / "a.png", "white:9", out, seed=2)
    degrade(tmp_path / "a.png", "white:9", out, seed=2, results=Results(overwrite=True))
    assert not torch.equal(read(out / "a.png"), first)


@pytest.mark.parametrize("bits", [8, 16])
def test_grey_stays_grey_in_every_command(tmp_path, bits) -> None:
    file = tmp_path / "a.tif"
    tifffile.imwrite(
        file, (photo(height=12, width=10)[0] * (2**bits - 1)).round().numpy().astype(f"u{bits // 8}")
    )
    for model in ("ntire", "aim", "camera", "dark", "white:9", "jpeg:60", "random", *bundled("degrade")):
        kept(degrade(file, model, tmp_path / "degraded" / model.replace(":", " ")), bits)
    for model in (*bundled("restore"), *bundled("enhance")):
        kept(restore(file, model, tmp_path / "restored" / model), bits)
    for model in bundled("super-resolve"):
        kept(super_resolve(file, model, tmp_path / "larger" / model), bits)


def bundled(purpose: str) -> list[str]:
    from nflib.checkpoints import bundled, describe

    return [name for name in bundled() if describe(name).purpose == purpose]


def kept(done, bits: int) -> None:
    for file in done.written:
        picture = read_picture(file)
        assert (picture.grey, picture.bits) == (True, bits), file


def test_results_of_other_settings_do_not_stay_as_nobodys(tmp_path, folder) -> None:
    out = tmp_path / "out"
    degrade(folder, "white:3", out, samples=3)
    theirs = out / "grey_4.png"
    theirs.write_bytes(b"a file of somebody else")
    degrade(folder, "white:3", out, results=Results(overwrite=True))
    left = sorted(file.name for file in out.glob("*.png"))
    assert left == ["clear.png", "deep.png", "grey.png", "grey_4.png"]
    degrade(folder, "white:3", out, results=Results(overwrite=True, format="tiff"))
    degrade(folder, "white:3", out, results=Results(overwrite=True, format="png"))
    assert sorted(file.name for file in out.iterdir() if file.suffix != ".json") == left
    assert theirs.read_bytes() == b"a file of somebody else"


def test_a_record_names_no_file_outside_its_folder(tmp_path, folder) -> None:
    out = tmp_path / "out"
    degrade(folder, "white:3", out)
    outside = tmp_path / "mine.png"
    write(outside, photo())
    record = out / "grey.json"
    record.write_text(record.read_text().replace('"grey.png"\n', '"../mine.png"\n'))
    assert "../mine.png" in record.read_text()
    degrade(folder, "white:4", out, results=Results(overwrite=True))
    assert outside.is_file()


@pytest.mark.parametrize("inside", ["pl+us", "nest/**"])
@pytest.mark.parametrize("then", ["", "+jpeg:62"])
def test_patches_are_known_by_content_whatever_their_folder_is_called(tmp_path, folder, inside, then) -> None:
    place = tmp_path / inside.removesuffix("/**")
    deep = place / "deeper" if inside.endswith("**") else place
    deep.mkdir(parents=True)
    write(deep / "a.png", photo(5, 64, 64))
    model, out = f"patches:{tmp_path / inside}{then}", tmp_path / "out"
    degrade(folder, model, out)
    assert degrade(folder, model, out).kept == 3
    write(deep / "a.png", photo(6, 64, 64))
    with pytest.raises(ValueError, match="which has changed since"):
        degrade(folder, model, out)


@pytest.mark.parametrize("change", ["edited", "half", "empty"])
def test_results_that_somebody_changed_are_neither_kept_nor_overwritten(tmp_path, folder, change) -> None:
    """The second of two results, and also where the source has changed since."""
    out = tmp_path / "out"
    degrade(folder, "white:3", out, samples=2)
    before, result = contents(out), out / "grey_2.png"
    whole = result.read_bytes()
    write(tmp_path / "edited.png", photo(7))
    parts = {"edited": (tmp_path / "edited.png").read_bytes(), "half": whole[: len(whole) // 2], "empty": b""}
    result.write_bytes(parts[change])
    message = r"grey_2.png: is not as this command wrote it.*overwrite it \(--overwrite\), move it away, or"
    for source in (photo(3), photo(8)):
        write(folder / "grey.png", source, like=Picture(source, grey=True))
        with pytest.raises(ValueError, match=message):
            degrade(folder, "white:3", out, samples=2)
        assert contents(out) == before | {"grey_2.png": parts[change]}
    write(folder / "grey.png", photo(3), like=Picture(photo(3), grey=True))
    done = degrade(folder, "white:3", out, samples=2, results=Results(overwrite=True))
    assert [file.name for file in done.written] == ["grey_1.png", "grey_2.png"]
    assert contents(out) == before


def test_a_changed_result_that_was_moved_away_is_made_again(tmp_path, folder) -> None:
    out = tmp_path / "out"
    degrade(folder, "white:3", out)
    before = contents(out)
    (out / "grey.png").unlink()
    assert len(degrade(folder, "white:3", out).written) == 1
    assert contents(out) == before


def test_changed_results_of_other_settings_stay(tmp_path, folder) -> None:
    """Asked to replace results by some in another format, a job removes those that it wrote."""
    out = tmp_path / "out"
    degrade(folder, "white:3", out)
    (out / "grey.png").write_bytes(b"edited")
    degrade(folder, "white:3", out, results=Results(overwrite=True, format="tiff"))
    names = ["clear.tif", "deep.tif", "grey.png", "grey.tif"]
    assert sorted(file.name for file in out.iterdir() if file.suffix != ".json") == names
    assert (out / "grey.png").read_bytes() == b"edited"


def test_a_source_that_cannot_be_read_takes_no_changed_result_along(tmp_path, folder) -> None:
    out = tmp_path / "out"
    degrade(folder, "white:3", out)
    (out / "grey.png").write_bytes(b"edited")
    (folder / "grey.png").write_bytes(b"damaged")
    done = degrade(folder, "white:3", out, results=Results(overwrite=True))
    assert len(done.skipped) == 1
    assert (out / "grey.png").read_bytes() == b"edited"


@pytest.mark.parametrize("lossy", ["a.jpg", "b.webp", "c.JPEG"])
def test_strength_0_in_the_format_of_the_image_returns_its_file(tmp_path, lossy) -> None:
    place = tmp_path / "in"
    place.mkdir()
    exif = Image.Exif()
    exif[306] = "2024:01:01 00:00:00"
    pixels = Image.fromarray((photo().permute(1, 2, 0) * 255).byte().numpy())
    pixels.save(place / lossy, exif=exif, quality=60)
    for name in ("d.png", "e.tif", "f.bmp"):
        pixels.save(place / name, exif=exif)
    done = degrade(place, "deflow_ntire_small", tmp_path / "out", tau=0, results=Results(format="keep"))
    for file in place.iterdir():
        assert (tmp_path / "out" / file.name).read_bytes() == file.read_bytes()
    assert done.lost == ()
    named = {"a.jpg": "jpeg", "b.webp": "webp", "c.JPEG": "jpeg"}[lossy]
    done = degrade(
        place / lossy, "white:9", tmp_path / "named", tau=0, samples=2, results=Results(format=named)
    )
    assert [file.read_bytes() for file in done.written] == [(place / lossy).read_bytes()] * 2
    # another depth is another picture, and a name that says another format is not written
    pixels.save(place / "g.png", "JPEG")
    done = degrade(place / "d.png", "white:9", tmp_path / "deep", tau=0, results=Results(depth="16"))
    assert read_picture(done.written[0]).bits == 16
    done = degrade(place / "g.png", "white:9", tmp_path / "png", tau=0)
    with Image.open(done.written[0]) as image:
        assert image.format == "PNG"
