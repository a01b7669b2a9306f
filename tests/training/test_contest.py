"""Degraders against critics: whose gradient moves whom, that a killed run ends as it would have, and that
they learn what there is to learn.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from nflib import checkpoints, units
from nflib.data import UnpairedImages
from nflib.models.adversarial import (
    CRITIC_LOSSES,
    PatchCritic,
    PatchCriticConfig,
    critic_loss,
    fooling_loss,
    gradient_penalty,
    high_frequencies,
    low_frequencies,
    wavelet_details,
)
from nflib.training import Recipe, Running, fit, training
from nflib.training.adversarial import AdversarialTask, sides_of
from nflib.training.cincgan import variation

NAMES = ("c2n", "fssr", "dasr", "cyclegan", "cincgan")
TRANSLATORS = NAMES[1:]
RECIPE = Recipe(steps=6, batch=4, lr=1e-3, every=2)
pytestmark = pytest.mark.usefixtures("one_thread")


def task_of(name: str) -> Any:
    torch.manual_seed(0)
    row = training(name)
    task = row.task(row.model(row.config("small")))
    last = task.model.tail if name == "c2n" else task.model.net.tail
    nn.init.normal_(last.weight, std=0.05)  # it starts at zero
    return task


def batch_of(seed: int = 0, side: int = 24) -> tuple[torch.Tensor, torch.Tensor]:
    images = torch.rand(4, 3, side, side, generator=units.generator(seed))
    return images, torch.tensor([0, 1, 0, 1])


def moved(task: AdversarialTask, only: Callable[[str], bool]) -> dict[str, torch.Tensor]:
    """Gradients of the part of the loss whose names pass."""
    task.zero_grad()
    chosen: list[torch.Tensor] = []

    def summed(**parts: torch.Tensor) -> torch.Tensor:
        chosen.extend(part for name, part in parts.items() if only(name))
        return sum(chosen, torch.zeros(()))

    task.summed = summed  # type: ignore[method-assign]
    task.loss(task.model, batch_of(), [units.generator(i) for i in range(4)]).backward()
    del task.summed
    return {n: p.grad for n, p in task.trained.named_parameters() if p.grad is not None and p.grad.any()}


@pytest.mark.parametrize("name", NAMES)
def test_each_player_is_moved_by_its_own_loss(name) -> None:
    task = task_of(name)
    of_critic = moved(task, lambda part: part in ("critic", "penalty"))
    of_generator = moved(task, lambda part: part not in ("critic", "penalty"))
    assert of_critic
    assert all("critic" in parameter for parameter in of_critic)
    assert of_generator
    assert not any("critic" in parameter for parameter in of_generator)


@pytest.mark.parametrize("name", NAMES)
def test_every_weight_is_moved_once(name) -> None:
    task = task_of(name)
    grouped = [id(parameter) for group, _ in task.parameter_groups() for parameter in group]
    assert len(grouped) == len(set(grouped))
    assert set(grouped) == {id(parameter) for parameter in task.trained.parameters()}


@pytest.mark.parametrize("name", ["c2n", "dasr", "cyclegan"])
def test_killed_and_resumed_ends_with_the_same_players(name, tmp_path, monkeypatch) -> None:
    data = UnpairedImages(*([torch.rand(3, 40, 40, generator=units.generator(i))] for i in (1, 2)), 24)

    def run(folder: str, **how: Any) -> Any:
        task = task_of(name)
        file = fit(task, data, tmp_path / folder, recipe=RECIPE, seed=3, running=Running(device="cpu", **how))
        return task, file

    whole, _ = run("whole")
    step = AdversarialTask.training_step

    def dying(task, batch, number) -> None:
        if task.step == 5:
            raise KeyboardInterrupt
        step(task, batch, number)

    monkeypatch.setattr(AdversarialTask, "training_step", dying)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        run("killed")
    monkeypatch.undo()
    assert torch.load(tmp_path / "killed" / "last.state", weights_only=True)["step"] == 4
    again, file = run("killed", resume=True)
    mine, theirs = again.trained.state_dict(), whole.trained.state_dict()
    assert all(torch.equal(mine[key], theirs[key]) for key in theirs)
    assert mine.keys() == theirs.keys()
    assert checkpoints.load(file).notes["game"] == whole.game


@pytest.mark.parametrize("name", TRANSLATORS)
def test_a_translator_makes_one_image_of_one(name) -> None:
    model, clean = task_of(name).model.eval(), batch_of()[0][:1]
    one, other = model.samples(clean, n=2, generator=units.generator(0))
    assert torch.equal(one, other)
    assert not torch.equal(one, clean)


def test_c2n_draws() -> None:
    model, clean = task_of("c2n").model.eval(), batch_of()[0][:1]
    one, other = model.samples(clean, n=2, generator=units.generator(0))
    assert (one - other).abs().mean() > 0.01
    assert torch.equal(one, model.degrade(clean, generator=units.generator(0)))


def test_one_path_of_c2n_is_pixel_by_pixel_and_the_other_is_not() -> None:
    """Moving one value of the noise moves one pixel, or the neighbours too."""
    paths = task_of("c2n").model.independent
    noise = torch.randn(1, 16, 15, 15, generator=units.generator(0))
    other = noise.clone()
    other[..., 7, 7] += 1
    for path, pixels in ((paths.pixel, 1), (paths.spatial, 25)):
        changed = (path(noise) - path(other)).abs().amax(1) > 1e-7
        assert changed.sum() == pixels


def test_c2n_learns_the_strength_of_a_white_noise(tmp_path) -> None:
    generator = units.generator(0)
    clean = [torch.full((3, 64, 64), level) for level in (0.35, 0.65)]
    degraded = [(x + 0.1 * torch.randn(x.shape, generator=generator)).clamp(0, 1) for x in clean]
    torch.manual_seed(0)
    row = training("c2n")
    task = row.task(row.model(row.config("small")))
    recipe = Recipe(steps=60, batch=8, lr=4e-3, betas=(0.5, 0.9), milestones=(0.7,), average=0.9)
    data = UnpairedImages(clean, degraded, 16)
    file = fit(task, data, tmp_path / "run", recipe=recipe, running=Running(device="cpu"))
    made = checkpoints.load(file).degrade(torch.stack(clean), generator=generator) - torch.stack(clean)
    assert 0.06 < made.std() < 0.16


# ---- the games


@pytest.mark.parametrize(
    ("kind", "best"), [("logistic", (math.log(3), -math.log(3))), ("least squares", (0.75, 0.25))]
)
def test_the_best_critic_says_how_likely_real_is(kind, best) -> None:
    """Of two kinds of images one is real in three of four cases and the other in one, by hand."""
    logits = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([logits], max_iter=50, tolerance_grad=1e-10)

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        loss = critic_loss(kind, logits[[0, 0, 0, 1]], logits[[0, 1, 1, 1]])
        loss.backward()
        return loss

    optimiser.step(closure)
    torch.testing.assert_close(logits.detach(), torch.tensor(best, dtype=torch.float64), atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", CRITIC_LOSSES)
def test_made_images_win_where_the_critic_takes_them_for_real(kind) -> None:
    low, high = (torch.full((2, 1, 3, 3), value) for value in (-0.5, 0.8))
    assert fooling_loss(kind, high) < fooling_loss(kind, low)
    assert critic_loss(kind, high, low) < critic_loss(kind, low, high)


def test_the_penalty_is_that_of_the_slope() -> None:
    """A linear critic has the same slope everywhere: its filter over the number of places."""
    critic = nn.Conv2d(3, 1, 1).double()
    real, fake = torch.rand(2, 4, 3, 5, 5, dtype=torch.float64).unbind(0)
    slope = critic.weight.norm().item() / 25 * 5
    with torch.no_grad():
        found = gradient_penalty(critic, real, fake, units.generator(0))
    assert found.item() == pytest.approx((slope - 1) ** 2)
    gradient_penalty(critic, real, fake[:2], units.generator(0)).backward()
    assert critic.weight.grad.norm() > 0


def test_what_the_critics_are_shown() -> None:
    images = torch.rand(2, 3, 16, 16, dtype=torch.float64)
    torch.testing.assert_close(low_frequencies(images) + high_frequencies(images), images)
    flat = torch.full_like(images, 0.3)
    assert high_frequencies(flat).abs().max() < 1e-12
    assert wavelet_details(flat).abs().max() < 1e-12
    # with the means of 2x2 pixels nothing is lost, and energy is kept
    means = nn.functional.avg_pool2d(images, 2) * 2
    energy = wavelet_details(images).square().sum() + means.square().sum()
    torch.testing.assert_close(energy, images.square().sum())
    columns = (torch.arange(16) % 2).double().expand(1, 3, 16, 16)
    assert [band.abs().max() > 0 for band in wavelet_details(columns).split(3, 1)] == [True, False, False]


def test_a_critic_sees_as_much_as_it_says() -> None:
    for strides in ((2, 2), (2, 1, 1)):
        critic = PatchCritic(PatchCriticConfig(width=2, strides=strides, norm="none"))
        image = torch.rand(1, 3, 60, 60, requires_grad=True)
        result = critic(image)
        result[0, 0, result.shape[2] // 2, result.shape[3] // 2].backward()
        seen = (image.grad.abs().amax((0, 1)) > 0).any(0).sum()
        assert seen == critic.config.sees
    assert PatchCriticConfig().sees == 70


def test_a_batch_of_one_kind_stands_for_both() -> None:
    images = torch.rand(2, 3, 4, 4)
    sides = sides_of((images, torch.tensor([1, 1])), None)
    assert torch.equal(sides.clean, sides.degraded)
    sides = sides_of((images, torch.tensor([1, 0])), None)
    assert torch.equal(torch.cat((sides.degraded, sides.clean)), images)


def test_domain_weights_are_shares() -> None:
    model = task_of("dasr").model.eval()
    weights = model.domain_weights(batch_of()[0])
    assert weights.shape == (4, 1, 24, 24)
    assert 0 <= weights.min() <= weights.max() <= 1


def test_variation_of_a_ramp() -> None:
    ramp = torch.arange(8.0).expand(1, 3, 8, 8)
    assert variation(ramp) == 1


def test_bad_sizes_are_refused(tmp_path) -> None:
    with pytest.raises(ValueError, match="strides be of 1 and 2"):
        PatchCriticConfig(strides=(3,))
    with pytest.raises(ValueError, match="norm must be one of"):
        PatchCriticConfig(norm="layer")
    row = training("dasr")
    photos = [torch.rand(3, 32, 32)]
    with pytest.raises(ValueError, match="crop must be a multiple of 2, got 25"):
        row.train(photos, photos, tmp_path / "run", crop=25, running=Running(device="cpu"))
