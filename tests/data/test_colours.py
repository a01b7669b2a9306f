import logging

import numpy as np
import pytest
import torch

from nflib import images
from nflib.data import ChannelStatistics, ColourMatch, channel_statistics
from tests.helpers.folders import folder_of, random_images


def pooled_by_numpy(photos) -> tuple[np.ndarray, np.ndarray, int]:
    pixels = np.concatenate([photo.double().numpy().reshape(3, -1) for photo in photos], 1)
    return pixels.mean(1), pixels.std(1), pixels.shape[1]


def test_statistics_of_a_folder_are_those_of_all_its_pixels(tmp_path, caplog) -> None:
    photos = [photo * scale for photo, scale in zip(random_images((40, 31), (8, 9), (57, 20)), (1, 0.3, 0.6))]
    folder = folder_of(tmp_path / "x", photos)
    (folder / "bad.png").write_text("not an image")
    with caplog.at_level(logging.WARNING):
        found = channel_statistics(folder)
    mean, deviation, pixels = pooled_by_numpy(
        [images.read(f) for f in sorted(folder.iterdir()) if f.stem != "bad"]
    )
    np.testing.assert_allclose(found.mean, mean, rtol=1e-12)
    np.testing.assert_allclose(found.deviation, deviation, rtol=1e-12)
    assert found.pixels == pixels
    assert "bad.png: not an image" in caplog.text
    assert channel_statistics([images.read(f) for f in sorted(folder.iterdir()) if f.stem != "bad"]) == found


def test_small_deviations_do_not_drown() -> None:
    """The deviation of nearly constant photos, which the difference of two large sums would lose
    in float32."""
    photo = 0.9 + 1e-6 * torch.randn(
        3, 50, 50, dtype=torch.float64, generator=torch.Generator().manual_seed(0)
    )
    _, deviation, _ = pooled_by_numpy([photo, photo + 1e-6])
    np.testing.assert_allclose(channel_statistics([photo, photo + 1e-6]).deviation, deviation, rtol=1e-6)


def test_matching_gives_the_statistics_of_the_target_and_can_be_undone() -> None:
    source = [0.2 + 0.3 * photo for photo in random_images((30, 30), (20, 40))]
    target = ChannelStatistics((0.5, 0.4, 0.6), (0.05, 0.08, 0.1), 1)
    match = ColourMatch(channel_statistics(source), target)
    matched = [match(photo) for photo in source]
    found = channel_statistics(matched)
    np.testing.assert_allclose(found.mean, target.mean, atol=1e-7)
    np.testing.assert_allclose(found.deviation, target.deviation, atol=1e-7)
    torch.testing.assert_close(match.inverse(matched[0]), source[0], atol=1e-6, rtol=0)
    batch = torch.stack([source[0], source[0].flip(-1)])
    assert torch.equal(match(batch)[0], matched[0])
    assert matched[0].dtype == torch.float32
    # as written in the published code, on 0..255
    value = (source[0][1, 2, 3] * 255 - 255 * match.source.mean[1]) / (
        255 * match.source.deviation[1]
    ) * 255 * 0.08 + 255 * 0.4
    assert abs(value / 255 - matched[0][1, 2, 3]) < 1e-6


def test_matching_stays_in_range() -> None:
    match = ColourMatch(
        ChannelStatistics((0.5,) * 3, (0.1,) * 3, 1), ChannelStatistics((0.5,) * 3, (0.4,) * 3, 1)
    )
    out = match(torch.rand(3, 9, 9))
    assert out.min() == 0
    assert out.max() == 1


def test_bad_input(tmp_path) -> None:
    flat = ChannelStatistics.of_image(torch.full((3, 4, 4), 0.5))
    with pytest.raises(ValueError, match="constant cannot be matched"):
        ColourMatch(flat, ChannelStatistics((0.5,) * 3, (0.1,) * 3, 1))
    (tmp_path / "x.png").write_text("")
    with pytest.raises(ValueError, match="none of 1 images can be read"):
        channel_statistics(tmp_path)
    with pytest.raises(ValueError, match="must not be empty"):
        channel_statistics([])
