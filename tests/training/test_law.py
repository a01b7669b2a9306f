"""The law of a noise: found without pairs, whatever the noise is within its class, and used like any other
model.
"""

from __future__ import annotations

import pytest
import torch

from nflib import checkpoints, degraders, images, units
from nflib.data import photos
from nflib.images.jpeg import JPEG
from nflib.metrics import autocorrelation, channel_correlation
from nflib.models import NoiseLaw
from nflib.noise import filtered_noise, flat_windows
from nflib.processes import claimed
from nflib.training import NEIGHBOURS, find_law, learn_law, train_law
from tests.helpers.commands import run


def scenes(count: int, seed: int) -> list[torch.Tensor]:
    """Photos of squares of 64 pixels, from dark to bright; half of them have a texture, half are flat."""
    generator = units.generator(seed)
    found = []
    for _ in range(count):
        colours = 0.15 + 0.7 * torch.rand(3, 5, 5, generator=generator)
        textured = (torch.rand(1, 5, 5, generator=generator) < 0.5).float()
        texture = 0.1 * torch.randn(1, 80, 80, generator=generator).repeat_interleave(4, 1).repeat_interleave(
            4, 2
        )
        colours, textured = (x.repeat_interleave(64, 1).repeat_interleave(64, 2) for x in (colours, textured))
        found.append((colours + textured * texture).clamp(0.05, 0.95))
    return found


def noisy(
    clean: list[torch.Tensor], gain: float, floor: float, taps: torch.Tensor, seed: int
) -> list[torch.Tensor]:
    generator = units.generator(seed)
    noise = [(gain * x + floor).sqrt() * filtered_noise(x[None], taps, generator)[0] for x in clean]
    return [(x + added).clamp(0, 1) for x, added in zip(clean, noise)]


WHITE = torch.eye(3)[..., None, None]
DIAGONAL = torch.eye(3)[..., None, None] * torch.tensor([[0.8, 0.0], [0.0, 0.6]])


def learned(clean: list[torch.Tensor], degraded: list[torch.Tensor]) -> NoiseLaw:
    sides = (flat_windows(lambda i, side=side: side[i], len(side), share=0.3) for side in (clean, degraded))
    return learn_law(*sides)


@pytest.mark.parametrize(
    ("gain", "floor", "taps", "diagonal"),
    [(0.0, 0.05**2, WHITE, 0.0), (0.0, 0.05**2, DIAGONAL, 0.48), (0.01, 0.02**2, WHITE, 0.0)],
    ids=["white", "diagonal", "rises with the light"],
)
def test_strength_by_colour_and_correlation_are_found_without_pairs(gain, floor, taps, diagonal) -> None:
    law = learned(scenes(6, 0), noisy(scenes(6, 1), gain, floor, taps, 2))
    for level in (0.25, 0.5, 0.75):
        wanted = (gain * level + floor) ** 0.5
        found = law.deviation(torch.full((3, 1, 1), level)).flatten()
        assert (found / wanted - 1).abs().max() < 0.06
        grey = torch.full((1, 3, 128, 128), level)
        noise = law.degrade(grey, generator=units.generator(3)) - grey
        assert abs(noise.std().item() / wanted - 1) < 0.06
        assert abs(autocorrelation(noise, 1)[0].mean(0)[2, 2].item() - diagonal) < 0.06


def test_film_grain_is_strongest_in_the_mid_tones() -> None:
    def variance(x: torch.Tensor) -> torch.Tensor:
        return 0.06**2 * torch.exp(-((x - 0.5) ** 2) / (2 * 0.17**2))

    generator = units.generator(2)
    clean, other = scenes(8, 0), scenes(8, 1)
    noise = [variance(x).sqrt() * torch.randn(x.shape, generator=generator) for x in other]
    degraded = [(x + added).clamp(0, 1) for x, added in zip(other, noise)]
    found = find_law(clean, degraded, last_stage="none")
    for level, limit in ((0.3, 0.12), (0.5, 0.06), (0.7, 0.12)):
        wanted = variance(torch.tensor(level)).sqrt()
        assert (found.law.deviation(torch.full((3, 1, 1), level)) / wanted - 1).abs().max() < limit
    dark, middle = (found.law.deviation(torch.full((3, 1, 1), level)) for level in (0.15, 0.5))
    assert (middle > 1.5 * dark).all()


def test_where_there_is_no_noise_there_is_none() -> None:
    law = learned(scenes(6, 0), scenes(6, 1))
    assert 255 * law.deviation(torch.full((3, 1, 1), 0.5)).max() < 1


def test_noise_is_never_beyond_what_the_degraded_photos_show() -> None:
    """Learned on dark smooth photos, put on bright sharp ones."""
    gain, floor = 0.02, 0.01**2
    dark = [0.4 * x for x in scenes(6, 1)]
    law = learned([0.4 * x for x in scenes(6, 0)], noisy(dark, gain, floor, WHITE, 2))
    largest = (gain * 0.4 * 0.85 + floor) ** 0.5
    sharp = (torch.rand(1, 3, 96, 96, generator=units.generator(3)) > 0.5).float()
    noise = law.deviation(sharp) * filtered_noise(sharp, law.taps, units.generator(4))
    assert law.deviation(torch.linspace(0, 1, 99).expand(3, 1, 99)).max() < 1.15 * largest
    assert noise.abs().quantile(0.999) < 1.15 * largest * 3.3  # of a normal variable


@pytest.mark.parametrize(
    ("gain", "floor", "taps"),
    [(0.0, 0.03**2, WHITE), (0.0, 0.03**2, DIAGONAL), (0.006, 0.01**2, WHITE)],
    ids=["white", "correlated", "signal-dependent"],
)
def test_intervals_hold_the_truth(gain, floor, taps) -> None:
    """Of level and neighbours, with small photos that differ in how much texture they have."""
    from scipy.stats import binom

    runs, levels, neighbours = 10, 0, 0
    for seed in range(runs):
        clean, other = (uneven(3 * seed + side) for side in (0, 1))
        found = find_law(clean, noisy(other, gain, floor, taps, 3 * seed + 2), last_stage="none")
        truth = torch.stack([(gain * x + floor).mean() for x in other]).mean().sqrt()
        low, high = found.level.interval[:, 1]
        levels += bool(low < truth < high)
        low, high = found.neighbours.interval[:, list(NEIGHBOURS).index("diagonal")]
        neighbours += bool(low < correlation(taps) < high)
    fewest = binom.ppf(0.005, runs, 0.95)
    assert levels >= fewest
    assert neighbours >= fewest
    assert any("windows have 16 pixels" in remark for remark in found.remarks)


def uneven(seed: int) -> list[torch.Tensor]:
    """Eight photos of 160 pixels, in squares of 32, flat or with more or less texture."""
    generator = units.generator(seed)
    found = []
    for _ in range(8):
        amount = 0.06 * torch.rand(1, 5, 5, generator=generator)
        amount = amount * (torch.rand(1, 5, 5, generator=generator) < 0.6)
        colours = 0.15 + 0.7 * torch.rand(3, 5, 5, generator=generator)
        texture = torch.randn(1, 40, 40, generator=generator).repeat_interleave(4, 1).repeat_interleave(4, 2)
        amount, colours = (x.repeat_interleave(32, 1).repeat_interleave(32, 2) for x in (amount, colours))
        found.append((colours + amount * texture).clamp(0.05, 0.95))
    return found


def correlation(taps: torch.Tensor) -> float:
    """With the neighbour below to the right, of a filter of at most 2x2, by hand."""
    return (taps[0, 0, 0, 0] * taps[0, 0, -1, -1]).item() if taps.shape[-1] > 1 else 0.0


def test_grey_photos_get_grey_noise() -> None:
    def grey(photos: list[torch.Tensor]) -> list[torch.Tensor]:
        return [photo.mean(0).expand(3, -1, -1) for photo in photos]

    generator = units.generator(2)
    degraded = [
        (x + 0.05 * torch.randn(x.shape[1:], generator=generator)).clamp(0, 1) for x in grey(scenes(4, 1))
    ]
    law = find_law(grey(scenes(4, 0)), degraded, last_stage="none").law
    photo = torch.full((1, 3, 90, 90), 0.5)
    made = law.degrade(photo, generator=units.generator(3)) - photo
    assert (made - made.mean(1, keepdim=True)).abs().max() < 0.01 / 255 * 25
    assert made.std().item() == pytest.approx(0.05, rel=0.06)


def test_one_photo_each_and_of_any_orientation() -> None:
    clean, degraded = scenes(1, 0)[0][:, :250], noisy(scenes(1, 1), 0.0, 0.05**2, WHITE, 2)[0][:, :, :200]
    found = find_law([clean], [degraded], last_stage="none")
    # so few windows that most are used, textured ones too
    assert (found.level.value / 0.05 - 1).abs().max() < 0.3
    assert found.level.interval is found.neighbours.interval is found.deviation.interval is None
    assert any("1 clean and 1 degraded" in remark for remark in found.remarks)
    assert found.law.strengths == (1.0, 1.0)


def test_the_strength_of_single_photos() -> None:
    """Half of the photos have twice the noise of the others."""
    generator = units.generator(2)
    weights = [0.03, 0.06] * 5
    noise = [weight * torch.randn(3, 320, 320, generator=generator) for weight in weights]
    degraded = [(x + added).clamp(0, 1) for x, added in zip(scenes(10, 1), noise)]
    law = find_law(scenes(6, 0), degraded, last_stage="none").law
    level = law.deviation(torch.full((3, 1, 1), 0.5)).mean()
    low, high = (level * strength for strength in law.strengths)
    assert low == pytest.approx(0.03, rel=0.15)
    assert high == pytest.approx(0.06, rel=0.15)
    alike = find_law(scenes(6, 0), noisy(scenes(10, 1), 0.0, 0.05**2, WHITE, 3), last_stage="none").law
    assert alike.strengths == pytest.approx((1, 1), abs=0.08)


def test_noise_before_jpeg_is_found_and_jpeg_is_put_after_it() -> None:
    """Compared with the same noise through the same file, which the law has not seen."""
    stage, taps = JPEG(30), blur(1.2)
    # of one draw of the noise the correlation of the colours scatters by 0.02
    draws = [[stage(x) for x in noisy(scenes(4, 1), 0.0, 0.04**2, taps, seed)] for seed in (2, 7)]
    found, again = (find_law(scenes(4, 0), noise, last_stage="jpeg:30") for noise in draws)
    without = find_law(scenes(4, 0), draws[0], last_stage="none")
    other = torch.stack(scenes(3, 4))
    truth = stage((other + 0.04 * filtered_noise(other, taps, units.generator(5))).clamp(0, 1)) - other
    made, wrong = (one.law.degrade(other, generator=units.generator(6)) - other for one in (found, without))
    assert found.law.config.last_stage == "jpeg:30"
    assert made.std().item() == pytest.approx(truth.std().item(), rel=0.05)
    other_made = again.law.degrade(other, generator=units.generator(6)) - other
    parts = truth, made, other_made, wrong
    true, *both, before = (channel_correlation(part).mean(0)[0, 2].item() for part in parts)
    assert abs(sum(both) / 2 - true) < 0.5 * abs(before - true)
    clean = scenes(1, 7)[0][None]
    assert torch.equal(found.law.degrade(clean, 0.0), clean)
    noisy_file = found.law.degrade(clean, 0.5, units.generator(8))
    again = clean + 0.5 * found.law.deviation(clean) * filtered_noise(
        clean, found.law.taps, units.generator(8)
    )
    assert torch.equal(noisy_file, stage(again.clamp(0, 1)))


def blur(deviation: float) -> torch.Tensor:
    line = torch.exp(-(torch.arange(-4.0, 5.0) ** 2) / (2 * deviation**2))
    kernel = torch.outer(line, line)
    return torch.eye(3)[..., None, None] * kernel / kernel.norm()


def test_strength_and_size() -> None:
    law = learned(scenes(4, 0), noisy(scenes(4, 1), 0.0, 0.04**2, WHITE, 2))
    image = torch.rand(2, 3, 7, 5, generator=units.generator(0))
    assert torch.equal(law.degrade(image, 0.0), image)
    weak, strong = (
        law.degrade(torch.full((1, 3, 90, 90), 0.5), tau, units.generator(1)) for tau in (0.5, 1.0)
    )
    torch.testing.assert_close(2 * (weak - 0.5), strong - 0.5)
    assert law.samples(image, n=3, generator=units.generator(1)).shape == (3, 2, 3, 7, 5)
    for bad in ({"tau": -1.0}, {"n": 0}, {"tile": 0}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            law.samples(image, **bad)


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> tuple:
    root = tmp_path_factory.mktemp("law")
    sides = scenes(3, 0), noisy(scenes(3, 1), 0.0, 0.05**2, DIAGONAL, 2)
    for name, side in zip(("clean", "degraded"), sides, strict=True):
        (root / name).mkdir()
        for i, photo in enumerate(side):
            images.write(root / name / f"{i}.png", photo.clamp(0, 1))
    (root / "clean" / "bad.png").write_text("no image")
    return root / "clean", root / "degraded"


def test_the_command_and_every_place_that_takes_a_degrader(folders, tmp_path, caplog) -> None:
    clean, degraded = folders
    result = run("train", "law", "--clean", clean, "--degraded", degraded, "--out", tmp_path / "run")
    file = tmp_path / "run" / "model.safetensors"
    assert result.exit_code == 0, result.output
    level, written, tried = result.stdout.splitlines()
    assert level.startswith("noise: 1")
    assert written == f"model written to {file}"
    assert tried.startswith(f"Try: nflib degrade {clean}")
    assert "bad.png" in caplog.text
    law = checkpoints.load(file)
    assert law.notes["clean"].startswith("3 photos")
    assert run("degrade", degraded, "--model", file, "--out", tmp_path / "made").exit_code == 0
    degrade = degraders.load(file)
    photo = next(iter(photos().values()))[:, :40, :50]
    assert torch.equal(
        degrade(photo, 1.0, units.generator(1)), degraders.load(file)(photo, 1.0, units.generator(1))
    )
    before = file.read_bytes()
    train_law(clean, degraded, tmp_path / "run")
    assert file.read_bytes() == before
    assert law.notes["photos"]["number"] == 6
    with pytest.raises(ValueError, match="was made with other asked last stage; choose another folder"):
        train_law(clean, degraded, tmp_path / "run", last_stage="none")
    with pytest.raises(ValueError, match="was made with other photos; choose another folder"):
        train_law(degraded, clean, tmp_path / "run")
    with pytest.raises(ValueError, match="clean and degraded hold the same photos"):
        train_law(clean, clean, tmp_path / "same")
    with claimed(tmp_path / "run"), pytest.raises(ValueError, match="another job is writing there"):
        train_law(clean, degraded, tmp_path / "run")
    (tmp_path / "run" / "last.state").write_text("")
    with pytest.raises(ValueError, match="holds a run of another training"):
        train_law(clean, degraded, tmp_path / "run")


def test_folders_without_anything_to_see(folders, tmp_path) -> None:
    (tmp_path / "small").mkdir()
    images.write(tmp_path / "small" / "a.png", torch.full((3, 8, 8), 0.5))
    with pytest.raises(ValueError, match="small: 1 photos can be read; no window of 16x16"):
        train_law(tmp_path / "small", folders[1], tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("moved", [0, 1])
def test_pixels_that_are_doubled_are_no_less_noisy(moved) -> None:
    """Each pixel of a photo enlarged twice has equal neighbours in every second place: differences at one
    phase of four say that there is no noise.
    """
    degraded = []
    for photo in noisy(scenes(6, 1), 0.0, 0.05**2, WHITE, 2):
        large = photo.repeat_interleave(2, 1).repeat_interleave(2, 2)
        degraded.append(large.roll((moved, moved), (1, 2)))
    found = find_law(scenes(6, 0), degraded, last_stage="none")
    torch.testing.assert_close(found.level.value, torch.full((3,), 0.05).double(), rtol=0.05, atol=0)
    same = (16 - moved) / 31  # of the 31 pairs in a row of a window
    wanted = [same, same, same**2, same**2]
    torch.testing.assert_close(found.neighbours.value, torch.tensor(wanted).double(), rtol=0, atol=0.06)
