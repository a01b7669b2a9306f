"""Numbered pairs of a clean and a degraded crop: of two folders, or made by a degrader."""

import pytest
import torch
from torch.utils.data import DataLoader, default_collate

from nflib import images
from nflib.data import DegradedLowResolution, LowResolutionPairs, PairedImages, SuperResolutionImages
from nflib.degraders import White, degrade_ntire
from nflib.degraders.degrader import Degrader
from nflib.units import numbered_generator
from tests.helpers.folders import folder_of, position, random_images, rounded, smooth_photo


class Halved(Degrader):
    def __call__(self, clean, strength=1.0, generator=None):
        return clean[:, :, ::2]


def test_degraded_pairs_depend_on_seed_and_index_alone() -> None:
    photos = random_images((40, 40), (36, 48))
    data = PairedImages(photos, degrader=degrade_ntire, crop=16, seed=5)
    seen = set()
    for i, (clean, degraded) in enumerate(
        DataLoader(data, batch_sampler=[[i] for i in range(8)], num_workers=2)
    ):
        generator = numbered_generator(5, 2, i)
        assert torch.equal(degraded[0], degrade_ntire(clean[0], generator=generator))
        assert not torch.equal(clean, degraded)
        (found,) = [p for photo in rounded(photos) if (p := position(photo, clean[0])) is not None]
        seen.add(found[2])
    assert seen == {False, True}
    clean, degraded = PairedImages(photos, degrader=degrade_ntire, crop=16, seed=5, strength=0)[3]
    assert torch.equal(clean, degraded)
    assert torch.equal(clean, data[3][0])


def test_true_pairs_stay_together_and_are_not_mirrored(tmp_path) -> None:
    clean, degraded = random_images((40, 40), (30, 50), (20, 20)), random_images((40, 40), (30, 50), seed=1)
    x, y = folder_of(tmp_path / "x", clean), folder_of(tmp_path / "y", degraded, suffixes=(".bmp", ".png"))
    images.write(x / "alone.png", clean[0])
    images.write(y / "2.png", clean[0])  # of another size than its partner
    data = PairedImages(x, y, 16, seed=1)
    assert len(data) == 2
    assert len(data.skipped) == 2
    assert f"alone.png: no alone in {y}" in data.skipped[0]
    assert "20x20 pixels, but" in data.skipped[1]
    for i in range(12):
        crops = data[i]
        ((k, place),) = [(k, p) for k in range(2) if (p := position(rounded(clean)[k], crops[0])) is not None]
        assert position(rounded(degraded)[k], crops[1]) == place
        assert not place[2]


def test_wrong_pairs(tmp_path) -> None:
    photos = random_images((20, 20), (20, 20))
    with pytest.raises(ValueError, match="either degraded or degrader"):
        PairedImages(photos, crop=16)
    with pytest.raises(ValueError, match="either degraded or degrader"):
        PairedImages(photos, photos, crop=16, degrader=degrade_ntire)
    with pytest.raises(ValueError, match="equally many images, got 2 and 1"):
        PairedImages(photos, photos[:1], crop=16)
    with pytest.raises(ValueError, match=r"made \(1, 3, 8, 16\) of \(1, 3, 16, 16\)"):
        PairedImages(photos, degrader=Halved(), crop=16)[0]


def test_low_resolution_crops_are_degraded_anew_and_the_rest_is_as_without() -> None:
    photos = [smooth_photo(0), smooth_photo(1)]
    plain = SuperResolutionImages(photos, 2, 16, 3)
    pairs = DegradedLowResolution(photos, 2, 16, seed=3, degrader=White(0.1))
    residuals = []
    for i in range(40):
        (hr, lr), (same, clean) = pairs[i], plain[i]
        assert torch.equal(hr, same)
        assert torch.equal(lr, pairs[i][1])
        residuals.append(lr - clean)
    residuals = torch.stack(residuals)
    assert residuals.std().item() == pytest.approx(0.1, rel=0.05)  # clipped a little
    correlation = torch.corrcoef(residuals.flatten(1)) - torch.eye(40)
    assert correlation.abs().max() < 0.4  # no noise comes twice; 192 values: 5.5 deviations


def test_low_resolution_pairs_show_the_same_place(tmp_path) -> None:
    for name, factor in (("hr", 1), ("lr", 1 / 2)):
        (tmp_path / name).mkdir()
        for seed in range(3):
            image = smooth_photo(seed, 40 + 8 * seed)
            images.write(tmp_path / name / f"{seed}.png", images.resize(image, factor).clamp(0, 1))
    pairs = LowResolutionPairs(tmp_path / "hr", tmp_path / "lr", 2, crop=16, seed=5)
    batch = default_collate([pairs[i] for i in range(30)])
    assert len(pairs) == 3
    assert pairs.skipped == []
    assert batch[0].shape[2:] == (16, 16)
    assert batch[1].shape[2:] == (8, 8)
    inner = images.resize(batch[0], 1 / 2)[
        ..., 2:-2, 2:-2
    ]  # the border of a crop does not know what was beyond it
    torch.testing.assert_close(inner, batch[1][..., 2:-2, 2:-2], rtol=0, atol=2 / 255)
    assert len({tuple(x.flatten().tolist()) for x in batch[0]}) > 20  # not always the same place
    images.write(tmp_path / "lr" / "1.png", torch.rand(3, 24, 20))
    with pytest.raises(ValueError, match=r"1.png: 56x48 pixels, expected 2 times the 20x24 of .*1.png"):
        LowResolutionPairs(tmp_path / "hr", tmp_path / "lr", 2, crop=16)
    (tmp_path / "lr" / "1.png").unlink()
    with pytest.raises(ValueError, match="same names, found 1 in one only"):
        LowResolutionPairs(tmp_path / "hr", tmp_path / "lr", 2, crop=16)


def test_a_plain_function_degrades() -> None:
    def noisy(clean, strength, generator) -> torch.Tensor:
        assert clean.shape == (1, 3, 16, 16)
        return clean + strength * 0.1 * torch.randn(clean.shape, generator=generator)

    photos = random_images((40, 40), (36, 48))
    data = PairedImages(photos, crop=16, degrader=noisy, seed=5, strength=0.5)
    clean, degraded = data[3]
    expected = noisy(clean[None], 0.5, numbered_generator(5, 2, 3))[0].clamp(0, 1)
    assert torch.equal(degraded, (expected * 255).round() / 255)
    low = DegradedLowResolution(photos, scale=2, crop=32, seed=0, degrader=noisy)[1][1]
    assert low.shape == (3, 16, 16)
    with pytest.raises(ValueError, match=r"a function f\(clean, strength, generator\), got str"):
        PairedImages(photos, crop=16, degrader="ntire")  # type: ignore[arg-type]


def test_the_length_is_that_of_a_pass_and_indices_go_on() -> None:
    data = PairedImages(random_images((40, 40), (36, 48)), crop=16, degrader=White(0.1))
    assert len(data) == 2
    assert not torch.equal(data[0][0], data[2][0])
