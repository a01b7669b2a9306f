import pytest
import torch
from torch.utils.data import DataLoader

from nflib import images
from nflib.data import ImageCrops, SuperResolutionImages
from tests.helpers.folders import folder_of, position, random_images


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_pairs_are_aligned_and_lr_is_that_of_the_whole_photo(scale) -> None:
    photos = random_images((41, 38), (33, 50))
    data = SuperResolutionImages(photos, scale, crop=16, seed=3)
    rounded = [(255 * photo).round() / 255 for photo in photos]
    small = []
    for photo in rounded:
        height, width = (n // scale * scale for n in photo.shape[1:])
        small.append((255 * images.resize(photo[:, :height, :width], 1 / scale).clamp(0, 1)).round() / 255)
    seen = set()
    for i in range(24):
        hr, lr = data[i]
        assert hr.shape == (3, 16, 16)
        assert lr.shape == (3, 16 // scale, 16 // scale)
        found = [(k, position(rounded[k], hr), position(small[k], lr)) for k in range(2)]
        ((k, (top, left, flipped), low),) = [f for f in found if f[1] is not None]
        assert low is not None
        assert (low[0] * scale, low[1] * scale, low[2]) == (top, left, flipped)
        seen.add((k, top, left, flipped))
    assert len(seen) > 16
    assert {s[0] for s in seen} == {0, 1}
    assert {s[3] for s in seen} == {False, True}


def test_a_number_always_means_the_same_crop(tmp_path) -> None:
    photos = random_images((40, 40), (36, 48), (64, 32))
    folder = folder_of(tmp_path / "hr", photos)
    one, other = SuperResolutionImages(folder, 4, 16, seed=5), SuperResolutionImages(photos, 4, 16, seed=5)
    backwards = {i: other[i] for i in reversed(range(12))}
    loaded = DataLoader(one, batch_sampler=[[i] for i in range(12)], num_workers=2)
    for i, (hr, lr) in enumerate(loaded):
        assert torch.equal(hr[0], backwards[i][0])
        assert torch.equal(lr[0], backwards[i][1])
    assert not torch.equal(SuperResolutionImages(photos, 4, 16, seed=6)[0][0], one[0][0])


def test_every_photo_once_in_a_round() -> None:
    data = ImageCrops([torch.full((3, 8, 8), k / 255) for k in range(7)], crop=8)
    values = [int(255 * data[i][0, 0, 0] + 0.5) for i in range(21)]
    assert all(sorted(values[k : k + 7]) == list(range(7)) for k in (0, 7, 14))
    assert values[:7] != values[7:14]


def test_bad_files_are_reported_and_skipped(tmp_path, caplog) -> None:
    folder = folder_of(tmp_path / "hr", random_images((40, 40), (8, 40)))
    (folder / "x.jpg").write_text("not an image")
    data = SuperResolutionImages(folder, 4, 16)
    assert len(data) == 1
    assert len(data.skipped) == 2
    assert any("1.tif: 40x8 pixels, expected at least 16x16" in line for line in data.skipped)
    assert any("x.jpg: not an image" in line for line in data.skipped)
    # a good header with bad pixels: seen when they are wanted, once
    whole = (folder / "0.png").read_bytes()
    images.write(folder / "2.png", random_images((40, 40), seed=1)[0])
    (folder / "2.png").write_bytes((folder / "2.png").read_bytes()[: len(whole) // 2])
    data = ImageCrops(folder, 16)
    assert len(data) == 2
    for i in range(6):
        data[i]
    assert len(caplog.records) == 1
    assert "2.png: cannot be read" in caplog.text


def test_nothing_left(tmp_path) -> None:
    folder = folder_of(tmp_path / "hr", random_images((8, 8)))
    with pytest.raises(
        ValueError,
        match=r"hr: none of 1 images can be used; the first: .*0.png: 8x8 pixels, expected at least 16x16",
    ):
        ImageCrops(folder, 16)
    with pytest.raises(ValueError, match="none of 0 images"):
        ImageCrops([], 16)
    with pytest.raises(ValueError, match="no such folder"):
        ImageCrops(tmp_path / "no", 16)
    with pytest.raises(ValueError, match="multiple of the scale"):
        SuperResolutionImages(random_images((40, 40)), 4, 18)


def test_sixteen_bits_grey_and_alpha(tmp_path) -> None:
    (tmp_path / "hr").mkdir()
    images.write(tmp_path / "hr" / "a.png", random_images((20, 20))[0], bits=16)
    from PIL import Image

    Image.new("L", (20, 20), 7).save(tmp_path / "hr" / "b.png")
    Image.new("RGBA", (20, 20), (1, 2, 3, 128)).save(tmp_path / "hr" / "c.png")
    data = ImageCrops(tmp_path / "hr", 16)
    for i in range(3):
        assert torch.equal((255 * data[i]).round() / 255, data[i])
        assert data[i].shape == (3, 16, 16)
