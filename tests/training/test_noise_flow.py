"""A flow of the noise itself: what it finds where the law, which is Gaussian, finds too little."""

from __future__ import annotations

import math

import pytest
import torch

from nflib import checkpoints, images, units
from nflib.images.jpeg import JPEG
from nflib.metrics import histogram_kl
from nflib.models import NoiseFlow, NoiseLaw
from nflib.noise import FlatWindows, filtered_noise
from nflib.training import NoiseFlowTask, train_noise_flow
from nflib.training import noise_flow as module
from tests.helpers.commands import run


def scenes(count: int, seed: int) -> list[torch.Tensor]:
    """Photos of flat squares of 64 pixels, from dark to bright."""
    generator = units.generator(seed)
    colours = (0.2 + 0.6 * torch.rand(count, 3, 4, 4, generator=generator) for _ in range(1))
    return [photo.repeat_interleave(64, 1).repeat_interleave(64, 2) for group in colours for photo in group]


def two_levels(shape: tuple[int, ...], seed: int) -> torch.Tensor:
    """Plus or minus 12 grey levels, and 4 of white noise: no single hill."""
    generator = units.generator(seed)
    sign = 2.0 * torch.randint(2, shape, generator=generator) - 1
    return (12 * sign + 4 * torch.randn(shape, generator=generator)) / 255


def written(folder, photos) -> str:
    folder.mkdir()
    for number, photo in enumerate(photos):
        images.write(folder / f"{number}.png", photo.clamp(0, 1))
    return str(folder)


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> tuple[str, str]:
    root = tmp_path_factory.mktemp("noise_flow")
    degraded = [photo + two_levels(photo.shape, 2 + i) for i, photo in enumerate(scenes(3, 1))]
    return written(root / "clean", scenes(3, 0)), written(root / "degraded", degraded)


@pytest.fixture(scope="module")
def trained(folders, tmp_path_factory) -> NoiseFlow:
    out = tmp_path_factory.mktemp("run") / "run"
    result = run(
        "train", "noise-flow", "--clean", folders[0], "--degraded", folders[1], "--out", out, "--steps", 60
    )
    assert result.exit_code == 0, result.output
    return checkpoints.load(out / "model.safetensors")


def test_two_hills_are_found_without_pairs(trained) -> None:
    """Where the best Gaussian is 0.5 nats away."""
    grey = torch.full((1, 3, 128, 128), 0.5)
    made = trained.degrade(grey, generator=units.generator(5)) - grey
    true = two_levels(grey.shape, 6)
    gaussian = true.std() * torch.randn(grey.shape, generator=units.generator(7))
    assert histogram_kl(made, true) < 0.1 < 0.3 < histogram_kl(gaussian, true)
    assert abs(made.std() / true.std() - 1) < 0.05
    assert sum(p.numel() for p in trained.parameters()) < 1000


def test_training_makes_what_is_seen_more_likely(folders, tmp_path) -> None:
    """Than the start, which is the law with curves through quantiles, on other photos of the noise."""
    first = checkpoints.load(train_noise_flow(*folders, tmp_path / "first", steps=1, lr=1e-9))
    later = checkpoints.load(train_noise_flow(*folders, tmp_path / "later", steps=60))
    colours = torch.full((40, 3, 1, 1), 0.5)
    noise = (
        two_levels((40, 3, 32, 32), 11)
        + (torch.rand(40, 3, 32, 32, generator=units.generator(1)) - 0.5) / 255
    )
    before, after = (model.log_prob(noise, colours) / noise[0].numel() for model in (first, later))
    gained = after - before
    assert gained.mean() > 3 * gained.std() / math.sqrt(len(gained))


def test_the_density_is_the_change_of_variables() -> None:
    """Against the Jacobian of the whole map from noise to white noise, by autograd."""
    model = NoiseFlow().double()
    for seed, parameter in enumerate(model.parameters()):
        parameter.data += 0.2 * torch.randn(parameter.shape, generator=units.generator(seed)).double()
    model.mixing.taps.data *= 0.1
    model.mixing.taps.data[:, :, 4, 4] += torch.eye(3)
    noise = 0.05 * torch.randn(1, 3, 3, 4, dtype=torch.float64, generator=units.generator(0))
    colours = torch.tensor([0.3, 0.5, 0.7], dtype=torch.float64).view(1, 3, 1, 1)

    def white(flat: torch.Tensor) -> torch.Tensor:
        made = model.normal(flat.view_as(noise), colours)[0]
        return module.circular_filter(made, model.filter(), inverse=True)[0].flatten()

    jacobian = torch.autograd.functional.jacobian(white, noise.flatten())
    normal = -white(noise.flatten()).square().sum() / 2 - 36 / 2 * math.log(2 * math.pi)
    expected = normal + torch.linalg.slogdet(jacobian).logabsdet
    torch.testing.assert_close(model.log_prob(noise, colours)[0], expected)


def test_it_starts_at_the_law() -> None:
    law, model = NoiseLaw(), NoiseFlow()
    taps = torch.eye(3)[..., None, None] * torch.tensor([[0.8, 0.0], [0.0, 0.6]])
    taps = torch.nn.functional.pad(taps, (0, 1, 0, 1))
    law.set(variance=torch.linspace(0.001, 0.01, 17).expand(3, -1), taps=taps)
    model.start(law)
    grey = torch.full((1, 3, 256, 256), 0.4)
    made = model.degrade(grey, generator=units.generator(0)) - grey
    assert abs(made.std() / law.deviation(grey[..., :1, :1]).mean() - 1) < 0.02
    diagonal = (made[..., 1:, 1:] * made[..., :-1, :-1]).mean() / made.square().mean()
    assert abs(diagonal - 0.48) < 0.03


def test_clipped_and_impulses_are_probabilities() -> None:
    """Of every level, for any content: together one, and black is all that lies below."""
    model = NoiseFlow()
    task = NoiseFlowTask(model)
    colours = torch.tensor([0.02, 0.5, 0.99], dtype=torch.float64).view(1, 3, 1, 1)
    given = module.given_content(task._edges(model, colours))[..., module.HALVES]
    torch.testing.assert_close(given.sum(2), torch.ones(1, 3, dtype=torch.float64))
    normal = torch.distributions.Normal(colours.flatten(), 12 / 255)
    below = normal.cdf(torch.full((3,), 0.5 / 255, dtype=torch.float64))
    torch.testing.assert_close(given[0, :, 0], below, rtol=1e-5, atol=1e-9)


def test_the_content_of_clean_windows_is_counted() -> None:
    pixels = torch.full((8, 3, 4, 4), 0.5, dtype=torch.float64)
    pixels[4:, :, ::2] += 4 / 255  # about the mean: minus and plus two levels
    content = module.content_of(FlatWindows(pixels, torch.zeros(8), 1.0), kinds=2)
    middle = module.HALVES
    assert content.shape == (2, 3, 2 * middle + 1)
    assert content[0, :, middle].tolist() == [1.0] * 3
    assert content[1, 0, [middle - 4, middle + 4]].tolist() == [0.5, 0.5]


def test_a_level_is_answered_by_numbers_between_its_edges() -> None:
    """Drawn back through the curve, the field has the levels that were seen; from the model, it is normal."""
    model = NoiseFlow()
    task = NoiseFlowTask(model)
    grey = torch.full((1, 3, 64, 64), 0.5)
    levels = (255 * model.degrade(grey, generator=units.generator(0))).round().long().flatten(2)
    edges = task._edges(model, torch.full((1, 3, 1, 1), 0.5, dtype=torch.float64)).detach()
    likely = module.given_content(edges) * task.content[0][:, None]
    field = module.drawn(likely, edges, levels, units.generator(1))
    back = (255 * (0.5 + field * 12 / 255)).round().long()
    assert (back == levels).float().mean() > 0.999
    n = field.numel()
    assert abs(field.mean()) < 4 / math.sqrt(n)
    assert abs(field.var() - 1) < 4 * math.sqrt(2 / n)


def test_grey_photos_get_grey_noise(tmp_path) -> None:
    clean, others = ([photo[:1].expand(3, -1, -1) for photo in scenes(2, seed)] for seed in (0, 1))
    degraded = [photo + two_levels((1, *photo.shape[1:]), 3) for photo in others]
    file = train_noise_flow(
        written(tmp_path / "clean", clean),
        written(tmp_path / "degraded", degraded),
        tmp_path / "run",
        steps=3,
    )
    grey = torch.full((1, 3, 40, 40), 0.5)
    made = checkpoints.load(file).degrade(grey, generator=units.generator(0))
    torch.testing.assert_close(made, made[:, :1].expand_as(made), rtol=0, atol=1e-4)


def test_photos_that_went_through_jpeg_are_refused(folders, tmp_path) -> None:
    with pytest.raises(ValueError, match="went through jpeg:40 last.*The training law finds"):
        train_noise_flow(*folders, tmp_path / "run", last_stage="jpeg:40")
    assert not (tmp_path / "run").exists()


def test_a_last_stage_comes_last() -> None:
    plain, staged = NoiseFlow(), NoiseFlow(module.NoiseFlowConfig(last_stage="jpeg:40"))
    grey = torch.full((1, 3, 24, 24), 0.5)
    noisy = plain.degrade(grey, generator=units.generator(0))
    assert torch.equal(staged.degrade(grey, generator=units.generator(0)), JPEG(40)(noisy))
    assert torch.equal(staged.degrade(grey, 0.0), grey)


def test_noise_is_as_correlated_as_it_was_seen() -> None:
    """The filter is found by likelihood: from white to the truth, on fields of the truth."""
    taps = torch.eye(3)[..., None, None] * torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.8, 0.6], [0.0, 0.0, 0.0]])
    grey = torch.full((64, 3, 32, 32), 0.5)
    seen = (grey + 12 / 255 * filtered_noise(grey, taps, units.generator(0))).clamp(0, 1)
    model = NoiseFlow()
    task = NoiseFlowTask(model)
    optimiser = torch.optim.Adam(model.mixing.parameters(), 0.02)
    for step in range(60):
        optimiser.zero_grad()
        batch = seen[16 * (step % 4) :][:16], torch.ones(16)
        task.loss(model, batch, units.generator(step)).backward()
        optimiser.step()
    made = model.degrade(grey[:8], generator=units.generator(1)) - grey[:8]
    across = (made[..., 1:] * made[..., :-1]).mean() / made.square().mean()
    assert abs(across - 0.48) < 0.05
