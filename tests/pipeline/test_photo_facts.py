import numpy as np
import pytest
import torch
from PIL import Image

from nflib import data, degraders, images
from nflib.pipeline.photo_facts import folder_facts, photo_facts, same_pixels, same_scene
from tests.helpers.folders import folder_of, random_images


def test_what_is_in_a_folder(tmp_path) -> None:
    folder = folder_of(tmp_path / "x", random_images((20, 30), (24, 12)), suffixes=(".png", ".tif"))
    images.write(folder / "deep.png", random_images((9, 9))[0], bits=16)
    images.write(
        folder / "shallow.png", (255 * random_images((9, 9))[0]).round() / 255, bits=16
    )  # 8 bits in 16
    Image.new("L", (8, 6), 51).save(folder / "grey.png")
    Image.new("RGBA", (8, 6), (255, 0, 0, 128)).save(folder / "alpha.png")
    turned = Image.fromarray(np.zeros((10, 40, 3), np.uint8))
    exif = turned.getexif()
    exif[274] = 6
    turned.save(folder / "turned.jpg", exif=exif)
    (folder / "bad.png").write_bytes(b"nothing")
    facts = folder_facts(folder)
    found = {photo.file.name: photo for photo in facts.photos}
    assert len(found) == 7
    assert len(facts.skipped) == 1
    assert "bad.png: not an image" in facts.skipped[0]
    assert [name for name, photo in found.items() if photo.deep] == ["deep.png"]
    assert [name for name, photo in found.items() if photo.grey] == ["grey.png", "turned.jpg"]
    assert (found["turned.jpg"].height, found["turned.jpg"].width) == (40, 10)
    assert found["grey.png"].low == found["grey.png"].high == pytest.approx(51 / 255)
    assert found["alpha.png"].statistics.mean == pytest.approx((1, 127 / 255, 127 / 255))  # over white
    assert facts.kinds == {"PNG RGB": 3, "TIFF RGB": 1, "PNG L": 1, "PNG RGBA": 1, "JPEG RGB": 1}
    assert facts.statistics == data.channel_statistics([images.read(photo.file) for photo in facts.photos])


def test_the_same_pixels_in_files_of_any_kind(tmp_path) -> None:
    (image,) = random_images((12, 10))
    for name in ("a.png", "b.bmp", "c.tif"):
        images.write(tmp_path / name, image)
    images.write(tmp_path / "d.png", image.flip(-1))
    images.write(tmp_path / "e.png", torch.full((3, 4, 8), 0.2))
    images.write(tmp_path / "f.png", torch.full((3, 8, 4), 0.2))  # the same values, another shape
    groups = same_pixels(folder_facts(tmp_path).photos)
    assert [[photo.file.name for photo in group] for group in groups] == [["a.png", "b.bmp", "c.tif"]]


def test_the_same_scene_is_found_again_and_no_other(tmp_path) -> None:
    clean, degraded = tmp_path / "clean", tmp_path / "degraded"
    for folder in (clean, degraded):
        folder.mkdir()
    for i, (name, photo) in enumerate(data.photos().items()):
        images.write(clean / f"{name}.png", photo)
        degrade = (degraders.degrade_aim, degraders.degrade_ntire, degraders.degrade_camera)[i % 3]
        images.write(degraded / f"{name}.jpg", degrade(images.resize(photo, 0.5).clamp(0, 1)))
    images.write(clean / "flat.png", torch.full((3, 40, 40), 0.4))
    images.write(degraded / "flat.png", torch.full((3, 40, 40), 0.4))
    x, y = (folder_facts(folder).photos for folder in (clean, degraded))
    found = sorted((a.file.stem, b.file.stem) for a, b in same_scene(x, y))
    assert found == [(name, name) for name in sorted(data.photos())]
    assert same_scene(x, []) == []
    assert photo_facts(clean / "flat.png").thumbnail is None


def test_nothing_to_look_at(tmp_path) -> None:
    (tmp_path / "bad.png").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="none of 1 images can be read; the first: .*bad.png"):
        folder_facts(tmp_path)


def test_saturated_and_constant_parts_are_warned_of(tmp_path) -> None:
    from nflib.pipeline.findings import of_folder

    for number, (background, start) in enumerate(((1.0, 24), (0.5, 24), (None, 0))):
        photo = torch.rand(3, 40, 60, generator=torch.Generator().manual_seed(number)) * 0.8 + 0.1
        if background is not None:
            photo[:, :, start:] = background
        images.write(tmp_path / f"{number}.png", photo)
    facts = folder_facts(tmp_path)
    assert [round(photo.saturated, 2) for photo in facts.photos] == [0.6, 0, 0]
    assert [round(photo.constant, 2) for photo in facts.photos] == [0, 0.6, 0]
    texts = [finding.text for finding in of_folder(facts, "degraded", 16) if finding.level == "warning"]
    assert any("20% of the pixels are in saturated parts" in text and "0.png" in text for text in texts)
    assert any("20% of the pixels are in constant parts" in text and "1.png" in text for text in texts)
    assert not any("constant parts" in finding.text for finding in of_folder(facts, "clean", 16))
