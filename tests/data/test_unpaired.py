import pytest
import torch
from torch.utils.data import DataLoader

from nflib.data import UnpairedImages
from tests.helpers.folders import folder_of, position, random_images, rounded


def test_unpaired_crops_are_balanced_and_of_their_folder(tmp_path) -> None:
    clean, degraded = random_images((40, 36)), random_images((33, 50), (30, 31), (44, 40), seed=1)
    folders = folder_of(tmp_path / "x", clean), folder_of(tmp_path / "y", degraded)
    data = UnpairedImages(*folders, crop=16, seed=3, align=4)
    assert len(data) == 6
    crops, domains = zip(*(data[i] for i in range(24)))
    assert torch.stack(domains).tolist() == [0, 1] * 12
    assert domains[0].dtype == torch.int64
    assert domains[0].dim() == 0
    places = {0: set(), 1: set()}
    for crop, domain in zip(crops, torch.stack(domains).tolist()):
        assert crop.shape == (3, 16, 16)
        assert crop.dtype == torch.float32
        sources = rounded((clean, degraded)[domain])
        found = [(k, position(photo, crop)) for k, photo in enumerate(sources)]
        ((k, (top, left, flipped)),) = [(k, place) for k, place in found if place is not None]
        assert top % 4 == 0
        assert left % 4 == 0
        places[domain].add((k, flipped))
    assert places == {0: {(0, False), (0, True)}, 1: {(0, False), (1, False), (2, False)}}


def test_unpaired_crops_do_not_depend_on_workers_or_history() -> None:
    clean, degraded = random_images((40, 40), (36, 48)), random_images((64, 32), seed=1)
    data = UnpairedImages(clean, degraded, 16, seed=5)
    backwards = {i: UnpairedImages(clean, degraded, 16, seed=5)[i] for i in reversed(range(12))}
    for i, (image, domain) in enumerate(
        DataLoader(data, batch_sampler=[[i] for i in range(12)], num_workers=2)
    ):
        assert torch.equal(image[0], backwards[i][0])
        assert domain.tolist() == [i % 2]
    assert not torch.equal(UnpairedImages(clean, degraded, 16, seed=6)[0][0], data[0][0])


def test_the_same_photos_twice_are_not_cut_at_the_same_places() -> None:
    photos = random_images((64, 64), (64, 64))
    data = UnpairedImages(photos, photos, 16)
    assert not any(torch.equal(data[2 * i][0], data[2 * i + 1][0]) for i in range(8))


def test_flips_and_matching_of_the_degraded() -> None:
    photos = random_images((16, 16))
    data = UnpairedImages(photos, photos, 16, flip_degraded=True)
    assert {position(rounded(photos)[0], data[i][0])[2] for i in range(1, 24, 2)} == {False, True}
    data = UnpairedImages(photos, photos, 16, match=lambda image: image / 2)
    assert torch.equal(data[1][0], rounded(photos)[0] / 2)
    assert data[0][0].max() > 0.6


def test_unpaired_bad_files_are_listed(tmp_path) -> None:
    clean = folder_of(tmp_path / "x", random_images((40, 40), (8, 40)))
    degraded = folder_of(tmp_path / "y", random_images((40, 40)))
    (degraded / "bad.jpg").write_text("not an image")
    skipped = UnpairedImages(clean, degraded, 16).skipped
    assert len(skipped) == 2
    assert "1.tif: 40x8 pixels" in skipped[0]
    assert "bad.jpg: not an image" in skipped[1]
    with pytest.raises(ValueError, match="y: none of 2 images can be used"):
        UnpairedImages(random_images((64, 64)), degraded, 64)


def test_constant_parts_are_filled_unless_a_last_stage_made_them() -> None:
    """JPEG leaves weak noise as constant blocks: they are what the degraded photos look like, no borders."""
    generator = torch.Generator().manual_seed(0)
    photos = [0.5 + 0.1 * torch.rand(3, 64, 64, generator=generator) for _ in range(2)]
    for photo in photos:
        photo[:, :, 32:] = 0.5
    plain = UnpairedImages(photos, photos, 64, stage=torch.nn.Identity())
    cut = [(plain[i][0] == 128 / 255).float().mean().item() for i in range(4)]
    assert cut == pytest.approx([0.5] * 4, abs=0.02)
    filled = UnpairedImages(photos, photos, 64)
    assert max((filled[i][0] == 128 / 255).float().mean().item() for i in range(4)) < 0.1
