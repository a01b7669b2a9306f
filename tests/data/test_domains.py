import pytest
import torch
from folders import folder_of, position, random_images
from torch.utils.data import DataLoader

from nflib import images
from nflib.data import PairedImages, UnpairedImages, degrade_ntire
from nflib.data.degrader import Degrader
from nflib.data.folders import numbered_generator


class Halved(Degrader):
    def __call__(self, clean, strength=1.0, generator=None):
        return clean[:, :, ::2]


def rounded(photos):
    return [(255 * photo).round() / 255 for photo in photos]


def test_unpaired_crops_are_balanced_and_of_their_folder(tmp_path):
    clean, degraded = random_images((40, 36)), random_images((33, 50), (30, 31), (44, 40), seed=1)
    folders = folder_of(tmp_path / "x", clean), folder_of(tmp_path / "y", degraded)
    data = UnpairedImages(*folders, crop=16, seed=3, align=4)
    assert len(data) == 6
    crops, domains = zip(*(data[i] for i in range(24)))
    assert torch.stack(domains).tolist() == [0, 1] * 12 and domains[0].dtype == torch.int64 and domains[0].dim() == 0
    places = {0: set(), 1: set()}
    for crop, domain in zip(crops, torch.stack(domains).tolist()):
        assert crop.shape == (3, 16, 16) and crop.dtype == torch.float32
        sources = rounded((clean, degraded)[domain])
        found = [(k, position(photo, crop)) for k, photo in enumerate(sources)]
        ((k, (top, left, flipped)),) = [(k, place) for k, place in found if place is not None]
        assert top % 4 == 0 and left % 4 == 0
        places[domain].add((k, flipped))
    assert places == {0: {(0, False), (0, True)}, 1: {(0, False), (1, False), (2, False)}}


def test_unpaired_crops_do_not_depend_on_workers_or_history():
    clean, degraded = random_images((40, 40), (36, 48)), random_images((64, 32), seed=1)
    data = UnpairedImages(clean, degraded, 16, seed=5)
    backwards = {i: UnpairedImages(clean, degraded, 16, seed=5)[i] for i in reversed(range(12))}
    for i, (image, domain) in enumerate(DataLoader(data, batch_sampler=[[i] for i in range(12)], num_workers=2)):
        assert torch.equal(image[0], backwards[i][0]) and domain.tolist() == [i % 2]
    assert not torch.equal(UnpairedImages(clean, degraded, 16, seed=6)[0][0], data[0][0])


def test_the_same_photos_twice_are_not_cut_at_the_same_places():
    photos = random_images((64, 64), (64, 64))
    data = UnpairedImages(photos, photos, 16)
    assert not any(torch.equal(data[2 * i][0], data[2 * i + 1][0]) for i in range(8))


def test_flips_and_matching_of_the_degraded():
    photos = random_images((16, 16))
    data = UnpairedImages(photos, photos, 16, flip_degraded=True)
    assert {position(rounded(photos)[0], data[i][0])[2] for i in range(1, 24, 2)} == {False, True}
    data = UnpairedImages(photos, photos, 16, match=lambda image: image / 2)
    assert torch.equal(data[1][0], rounded(photos)[0] / 2) and data[0][0].max() > 0.6


def test_unpaired_bad_files_are_listed(tmp_path):
    clean = folder_of(tmp_path / "x", random_images((40, 40), (8, 40)))
    degraded = folder_of(tmp_path / "y", random_images((40, 40)))
    (degraded / "bad.jpg").write_text("not an image")
    skipped = UnpairedImages(clean, degraded, 16).skipped
    assert len(skipped) == 2 and "1.tif: 40x8 pixels" in skipped[0] and "bad.jpg: not an image" in skipped[1]
    with pytest.raises(ValueError, match="y: none of 2 images can be used"):
        UnpairedImages(random_images((64, 64)), degraded, 64)


def test_degraded_pairs_depend_on_seed_and_index_alone():
    photos = random_images((40, 40), (36, 48))
    data = PairedImages(photos, degrader=degrade_ntire, crop=16, seed=5)
    seen = set()
    for i, (clean, degraded) in enumerate(DataLoader(data, batch_sampler=[[i] for i in range(8)], num_workers=2)):
        generator = numbered_generator(5, 2, i)
        assert torch.equal(degraded[0], degrade_ntire(clean[0], generator=generator))
        assert not torch.equal(clean, degraded)
        (found,) = [p for photo in rounded(photos) if (p := position(photo, clean[0])) is not None]
        seen.add(found[2])
    assert seen == {False, True}
    clean, degraded = PairedImages(photos, degrader=degrade_ntire, crop=16, seed=5, strength=0)[3]
    assert torch.equal(clean, degraded) and torch.equal(clean, data[3][0])


def test_true_pairs_stay_together_and_are_not_mirrored(tmp_path):
    clean, degraded = random_images((40, 40), (30, 50), (20, 20)), random_images((40, 40), (30, 50), seed=1)
    x, y = folder_of(tmp_path / "x", clean), folder_of(tmp_path / "y", degraded, suffixes=(".bmp", ".png"))
    images.write(x / "alone.png", clean[0])
    images.write(y / "2.png", clean[0])  # of another size than its partner
    data = PairedImages(x, y, 16, seed=1)
    assert len(data) == 2 and len(data.skipped) == 2
    assert f"alone.png: no alone in {y}" in data.skipped[0] and "20x20 pixels, but" in data.skipped[1]
    for i in range(12):
        crops = data[i]
        (k, place), = [(k, p) for k in range(2) if (p := position(rounded(clean)[k], crops[0])) is not None]
        assert position(rounded(degraded)[k], crops[1]) == place and not place[2]


def test_wrong_pairs(tmp_path):
    photos = random_images((20, 20), (20, 20))
    with pytest.raises(ValueError, match="either degraded or degrader"):
        PairedImages(photos, crop=16)
    with pytest.raises(ValueError, match="either degraded or degrader"):
        PairedImages(photos, photos, crop=16, degrader=degrade_ntire)
    with pytest.raises(ValueError, match="equally many images, got 2 and 1"):
        PairedImages(photos, photos[:1], crop=16)
    with pytest.raises(ValueError, match=r"made \(1, 3, 8, 16\) of \(1, 3, 16, 16\)"):
        PairedImages(photos, degrader=Halved(), crop=16)[0]
