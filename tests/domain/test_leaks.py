import numpy as np
import pytest
import torch

from nflib import data, degraders, domain, units
from nflib.domain.leaks import _mmd_of_labels, _relabelled
from nflib.metrics import GaussianKernel, mmd

stats = pytest.importorskip("scipy.stats")


def cut(photo, side) -> torch.Tensor:
    return photo.unfold(1, side, side).unfold(2, side, side).flatten(1, 2).transpose(0, 1)


def white(n, sigma, generator, side=64) -> list[torch.Tensor]:
    return [sigma * torch.randn(3, side, side, generator=generator) for _ in range(n)]


@pytest.fixture(scope="module")
def photos() -> tuple[list, list]:
    """Crops of the bundled photos, with the noise of NTIRE."""
    clean = [photo[:, 40:232, 60:316] for photo in data.photos().values()]
    g = units.generator(0)
    return clean, [degraders.degrade_ntire(photo, generator=g) for photo in clean]


def test_what_cannot_be_told_apart_is_not() -> None:
    g = units.generator(0)
    found = [domain.leak(white(4, 0.1, g), white(4, 0.1, g), permutations=50, generator=g) for _ in range(12)]
    inside = sum(low <= 0.5 <= high for _, (low, high), _, _ in found)
    assert inside >= 10  # 95 % intervals: fewer than 10 of 12 by chance once in 500 times
    assert abs(np.mean([one.auc for one in found]) - 0.5) < 0.05
    assert sum(one.p_value <= 0.1 for one in found) <= 4
    assert abs(np.mean([one.mmd for one in found])) < 3e-3


def test_nothing_left_is_no_leak() -> None:
    flat = [torch.full((3, 32, 32), 0.5)] * 3
    assert domain.leak(flat, flat, permutations=20) == (0.5, (0.5, 0.5), 0.0, 1.0)


def test_no_better_than_the_best_classifier_and_nearly_as_good() -> None:
    """White noise of two strengths: the mean square of a crop is all there is to know, and its law is
    chi-squared.
    """
    g, side, ratio = units.generator(1), 8, 1.3
    found = domain.leak(
        white(8, 0.1, g, 128),
        white(8, 0.1 * ratio**0.5, g, 128),
        crop=side,
        most=200,
        permutations=20,
        generator=g,
    )
    best = 1 - stats.f.cdf(1 / ratio, 3 * side**2, 3 * side**2)
    assert best - 0.04 < found.auc < best + 0.015  # 1600 crops a side: standard error 0.004
    assert found.mmd > 0.01
    assert found.p_value < 0.1


def test_noise_is_found_in_the_image_and_not_in_the_condition_of_deflow(photos) -> None:
    names = range(7), range(7)
    deflow = domain.Compose(domain.Downsample(4), domain.AddNoise(0.03))
    for h, crop, low, high in ((domain.Compose(), 32, 0.98, 1.0), (deflow, 8, 0.4, 0.6)):
        g = units.generator(2)
        clean, degraded = ([h(photo[None], g)[0] for photo in side] for side in photos)
        found = domain.leak(clean, degraded, names, crop=crop, generator=g)
        assert low <= found.auc <= high
        assert (found.mmd > 0.1) == (low > 0.9)
        assert (found.mmd < 0.002) == (low < 0.9)
        assert found.interval[0] <= found.auc <= found.interval[1]


def test_noise_is_found_in_content_that_drowns_it_for_pixels(photos) -> None:
    """Squared MMD of the pixels themselves, at the same bandwidth rule, hardly sees what the statistics show
    plainly.
    """
    clean, degraded = (torch.cat([cut(photo, 32) for photo in side]) for side in photos)
    found = domain.leak(*photos, (range(7), range(7)), crop=32, permutations=20)
    assert found.mmd > 50 * abs(mmd(clean, degraded))


def test_a_photo_is_not_mistaken_for_its_domain() -> None:
    """Every photo has a level of its own, known to both domains: whoever mixes crops of a photo would always
    be right.
    """
    g = units.generator(3)
    photos = [
        level * torch.randn(3, 96, 96, generator=g)
        for level in torch.linspace(0.05, 0.6, 12)[torch.randperm(12, generator=g)]
    ]
    found = domain.leak(photos[:6], photos[6:], permutations=200, generator=g)
    assert found.interval[0] <= 0.5 <= found.interval[1]
    assert found.p_value > 0.05
    crops = [[crop for photo in side for crop in cut(photo, 16)] for side in (photos[:6], photos[6:])]
    assert domain.leak(*crops, permutations=20).auc > 0.9  # every crop called a photo


def test_a_difference_of_content_shows_as_well_and_a_control_tells(photos) -> None:
    """Different photos on the two sides: half of the clean ones against the other half finds something
    without any noise.
    """
    clean, _ = photos
    control = domain.leak(clean[:3], clean[3:], crop=32, generator=units.generator(4))
    same = domain.leak(clean, clean, (range(7), range(7)), crop=32, generator=units.generator(4))
    assert control.mmd > 0.02
    assert control.p_value > 1 / 36
    assert same.interval[0] <= 0.5 <= same.interval[1]
    assert abs(same.mmd) < 0.01


def test_many_labellings_at_once_are_the_mmd() -> None:
    g = units.generator(5)
    rows = torch.randn(30, 4, dtype=torch.float64, generator=g)
    labels = (torch.rand(5, 30, generator=g) < 0.4).long()
    kernel = GaussianKernel((1.7,))
    matrix = kernel(torch.cdist(rows, rows).square()).fill_diagonal_(0)
    expected = [mmd(rows[label == 0], rows[label == 1], kernel).item() for label in labels]
    np.testing.assert_allclose(_mmd_of_labels(matrix, labels), expected, atol=1e-12)


def test_labels_move_with_photos() -> None:
    g = units.generator(6)
    photo = torch.tensor([0, 0, 1, 1, 2, 3, 3, 0, 4])
    label = torch.tensor([0, 0, 0, 0, 1, 1, 1, 1, 1])  # photo 0 is on both sides
    seen = {tuple(_relabelled(label, photo, g).tolist()) for _ in range(200)}
    assert tuple(label.tolist()) in seen
    for new in seen:
        assert new[2] == new[3]
        assert new[5] == new[6]
        assert new[0] == new[1] != new[7]
        assert new[2] + new[4] + new[5] + new[8] == 3
    assert len(seen) == 2 * 4


def test_statistics_know_the_power_and_direction_of_noise() -> None:
    g = units.generator(7)
    found = domain.crop_statistics(white(1, 0.1, g, 512)[0][None])[0]
    np.testing.assert_allclose(
        found[:48].exp(), 0.01, rtol=0.1
    )  # white: the same power in every band and colour
    assert found.shape == (102,)
    assert (found[48:96] < found[:48]).all()
    stripes = torch.sin(torch.arange(64) * 2.2)[None, None, :, None].expand(1, 1, 64, 64)
    down, across = domain.crop_statistics(stripes), domain.crop_statistics(stripes.mT)
    assert down.argmax() != across.argmax()
    assert (down[:, :16].max() - across[:, down.argmax()]) > 5


def test_same_seed_same_result() -> None:
    g = units.generator(8)
    sides = white(3, 0.1, g), white(3, 0.12, g)
    assert domain.leak(*sides, generator=units.generator(1)) == domain.leak(
        *sides, generator=units.generator(1)
    )


@pytest.mark.parametrize(
    ("clean", "degraded", "photos", "words"),
    [
        ([torch.rand(3, 64, 64)], [torch.rand(3, 64, 64)] * 3, None, "two photos of each domain"),
        ([torch.rand(3, 8, 64)] * 2, [torch.rand(3, 64, 64)] * 2, None, "at least 16, got shape"),
        ([torch.full((3, 32, 32), torch.nan)] * 2, [torch.rand(3, 64, 64)] * 2, None, "finite"),
        (
            [torch.rand(3, 32, 32)] * 2,
            [torch.rand(3, 64, 64)] * 2,
            ("ab", "c"),
            "name each of h_degraded, got 1 names for 2",
        ),
    ],
)
def test_bad_input_is_named(clean, degraded, photos, words) -> None:
    with pytest.raises(ValueError, match=words):
        domain.leak(clean, degraded, photos)
