"""Decoded photos in memory: one budget, whatever folders and processes there are."""

import pickle

import pytest
import torch
from torch.utils.data import DataLoader

from nflib.data import ImageCrops, PairedImages, UnpairedImages, kept
from nflib.data.contents import decoded_bytes

SIDE = 20
PHOTO = 3 * SIDE**2  # bytes


def photos(count) -> list[torch.Tensor]:
    return list(torch.rand(count, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(count)))


def held(data) -> int:
    return sum(part._kept.bytes for part in data.domains)


class Told(torch.utils.data.Dataset):
    """Of each batch, how much the process that made it keeps."""

    def __init__(self, data):
        self.data = data

    def __getitem__(self, index) -> int:
        self.data[index]
        return held(self.data)


@pytest.fixture(autouse=True)
def only_these(monkeypatch) -> None:
    """What data sets of other tests still hold does not count."""
    monkeypatch.setattr(kept, "_all", type(kept._all)())


@pytest.mark.parametrize("room", [0, 1, 3, 8, 100])
def test_folders_share_it(room, monkeypatch) -> None:
    monkeypatch.setattr(kept, "BYTES", room * PHOTO + PHOTO // 2)
    data, again = (UnpairedImages(photos(4), photos(5), 8, seed=1) for _ in range(2))
    for i in range(20):
        data[i], again[i]
    assert held(data) + held(again) == min(room, 18) * PHOTO
    fresh = UnpairedImages(photos(4), photos(5), 8, seed=1)
    assert all(torch.equal(data[i][0], fresh[i][0]) for i in range(20))


def test_it_is_given_back_with_the_data(monkeypatch) -> None:
    monkeypatch.setattr(kept, "BYTES", 2 * PHOTO)
    for _ in range(3):
        crops = ImageCrops(photos(2), 8)
        _ = crops[0], crops[1]
        assert crops._kept.bytes == 2 * PHOTO
        del crops


@pytest.mark.parametrize(("workers", "told"), [(1, 1), (2, 1), (2, 6)])
def test_workers_share_it(workers, told, monkeypatch) -> None:
    monkeypatch.setattr(kept, "BYTES", 12 * PHOTO)
    data = Told(UnpairedImages(photos(10), photos(10), 8, seed=1))
    steps = [list(range(20))] * (2 * workers)
    with kept.sharing(told):
        found = [batch.max().item() for batch in DataLoader(data, batch_sampler=steps, num_workers=workers)]
    assert found == [12 // max(told, workers + 1) * PHOTO] * (2 * workers)


def test_large_photos_lie_apart(monkeypatch) -> None:
    plain = ImageCrops(photos(3), 8, seed=2)
    wanted = [plain[i] for i in range(6)]
    monkeypatch.setattr(kept, "LARGE", PHOTO)
    crops = ImageCrops(photos(3), 8, seed=2)
    for _ in range(2):
        assert all(torch.equal(crops[i], one) for i, one in enumerate(wanted))
    assert crops._kept.bytes == 3 * PHOTO


def test_sharing_ends(monkeypatch) -> None:
    monkeypatch.setattr(kept, "BYTES", 100)
    with kept.sharing(4):
        assert kept.room() == 25
    assert kept.room() == 100


def test_another_process_begins_with_nothing() -> None:
    crops = ImageCrops(photos(1), 8)
    _ = crops[0]
    other = pickle.loads(pickle.dumps(crops))
    assert (crops._kept.bytes, other._kept.bytes) == (PHOTO, 0)
    assert torch.equal(other[3], crops[3])


def test_decoded_bytes() -> None:
    assert decoded_bytes(UnpairedImages(photos(4), photos(5), 8)) == 9 * PHOTO
    assert decoded_bytes(PairedImages(photos(4), photos(4), 8)) == 8 * PHOTO
    assert decoded_bytes([1, 2]) == 0
