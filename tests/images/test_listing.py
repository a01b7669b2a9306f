import os

import pytest
from PIL import Image

from nflib.images import left_out, list_images, read
from nflib.images.listing import SUFFIXES


def names(files) -> list[str]:
    return [file.name for file in files]


def test_files_known_by_their_suffix(tmp_path) -> None:
    for name in ("b.png", "a.JPG", "c.webp", "notes.txt", ".hidden.png"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "folder.png").mkdir()
    assert names(list_images(tmp_path)) == ["a.JPG", "b.png", "c.webp"]
    with pytest.raises(ValueError, match="no images in this folder"):
        list_images(tmp_path / "folder.png")
    with pytest.raises(ValueError, match="gone: no such folder"):
        list_images(str(tmp_path / "gone"))


@pytest.mark.parametrize("suffix", [".jfif", ".jpe", ".gif", ".avif", ".jp2", ".ppm", ".pgm", ".j2k"])
def test_what_a_phone_and_a_disk_have_is_listed_and_read(tmp_path, suffix) -> None:
    assert suffix in SUFFIXES
    file = tmp_path / f"a{suffix}"
    kinds = {
        ".jfif": "JPEG",
        ".jpe": "JPEG",
        ".jp2": "JPEG2000",
        ".j2k": "JPEG2000",
        ".ppm": "PPM",
        ".pgm": "PPM",
    }
    Image.new("L" if suffix == ".pgm" else "RGB", (8, 8), "white").save(file, kinds.get(suffix))
    assert names(list_images(tmp_path)) == [file.name]
    assert read(file).min() > 0.99


def test_folders_inside_folders(tmp_path) -> None:
    for name in ("b.png", "one/a.png", "one/two/c.png", ".hidden/d.png", "empty/e.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "one" / "round").symlink_to(tmp_path)
    assert names(list_images(tmp_path)) == ["b.png"]
    found = list_images(tmp_path, recursive=True)
    assert [str(file.relative_to(tmp_path)) for file in found] == ["b.png", "one/a.png", "one/two/c.png"]
    assert str(left_out(tmp_path)) == "left out: 2 folders"
    assert str(left_out(tmp_path, recursive=True)) == "left out: 1 .txt, 1 folder"


def test_what_is_left_out_is_counted(tmp_path) -> None:
    for name in ("a.png", "b.xyz", "c.XYZ", "d.txt", "noend", "a.json", ".DS_Store"):
        (tmp_path / name).write_bytes(b"")
    assert str(left_out(tmp_path)) == "left out: 2 .xyz, 1 without suffix, 1 .txt"
    assert left_out(tmp_path).suffixes == {".xyz": 2, ".txt": 1, "": 1}
    (tmp_path / "gone.png").symlink_to("nowhere.png")
    os.mkfifo(tmp_path / "pipe.png")
    assert str(left_out(tmp_path)).endswith(", 1 .txt, 2 broken links")
    with pytest.raises(ValueError, match="no such folder"):
        left_out(tmp_path / "gone")


def test_nothing_left_out_is_no_line(tmp_path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    assert not left_out(tmp_path)
    assert str(left_out(tmp_path)) == ""


def test_packages_that_would_read_them(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("nflib.images.optional.importlib.util.find_spec", lambda name: None)
    for name in ("a.heic", "b.HEIC", "c.cr2"):
        (tmp_path / name).write_bytes(b"")
    line = "left out: 2 .heic (pip install pillow-heif), 1 .cr2 (pip install rawpy)"
    assert str(left_out(tmp_path)) == line
    with pytest.raises(ValueError, match="no images in this folder, expected files ending in .png"):
        list_images(tmp_path)
    monkeypatch.setattr("nflib.images.optional.importlib.util.find_spec", lambda name: name)
    assert names(list_images(tmp_path)) == ["a.heic", "b.HEIC", "c.cr2"]


def test_names_of_any_bytes_can_be_printed(tmp_path) -> None:
    with open(os.fsencode(tmp_path) + b"/a.\xff\xfe", "wb"):
        pass
    assert str(left_out(tmp_path)).encode() == b"left out: 1 .\\xff\\xfe"
