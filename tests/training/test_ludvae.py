"""Training LUD-VAE on two domains: the loss by hand, the growing KL weight, what validates."""

import math
from dataclasses import replace

import pytest
import torch
from torch.utils.data import Subset, default_collate

from nflib import checkpoints
from nflib.data import UnpairedImages
from nflib.models import LUDVAE, LUDVAEConfig, start_near_identity
from nflib.noise import strata_error
from nflib.training import LUDVAETask, Recipe, Running, fit, train_ludvae
from tests.helpers.folders import smooth_photos

TINY = LUDVAEConfig(levels=2, width=6, sigma_clean=0.1, sigma_degraded=0.08, difference=True)


def data(seed=0) -> UnpairedImages:
    return UnpairedImages(smooth_photos(0), smooth_photos(1, 0.06), crop=16, seed=seed)


def task() -> LUDVAETask:
    model = LUDVAE(TINY)
    start_near_identity(model, torch.Generator().manual_seed(0))
    return LUDVAETask(model)


def generator(seed=1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_loss_is_the_bound_per_value() -> None:
    one = task()
    batch = default_collate([data()[i] for i in range(4)])
    one.begin(Recipe(steps=100), 0, batch)
    one.step = 50
    clean, degraded = batch[0][::2], batch[0][1::2]
    found = one.loss(one.model, batch, generator())
    terms, variance = one.model.terms(clean, degraded, generator()), TINY.kl_weight
    torch.testing.assert_close(
        found, terms.reconstruction / (2 * variance) + terms.kl / 2 + math.log(2 * math.pi * variance) / 2
    )
    # the mean of the negative bounds, on average over the noise
    bounds = [
        torch.cat(
            [
                one.model.negative_elbo(images, name, generator(s))
                for images, name in ((clean, "clean"), (degraded, "degraded"))
            ]
        ).mean()
        for s in range(40)
    ]
    losses = [one.loss(one.model, batch, generator(100 + s)) for s in range(40)]
    spread = torch.stack(losses).std() + torch.stack(bounds).std() / clean[0].numel()
    assert abs(torch.stack(bounds).mean() / clean[0].numel() - torch.stack(losses).mean()) < spread
    assert (torch.stack(losses).mean() - found).abs() < 5 * spread


def test_the_kl_weight_grows_for_a_twentieth_of_the_steps() -> None:
    one = task()
    batch = default_collate([data()[i] for i in range(4)])
    one.begin(Recipe(steps=200), 0, batch)
    kl = one.model.terms(batch[0][::2], batch[0][1::2], generator()).kl.item()
    values = {}
    for step in (0, 4, 9, 10, 199):
        one.step = step
        values[step] = one.loss(one.model, batch, generator()).item()
    assert values[9] == values[10] == values[199]
    for step, share in ((0, 0.1), (4, 0.5)):
        assert values[9] - values[step] == pytest.approx((1 - share) * kl / 2, rel=1e-3)


def test_training_lowers_the_bound_and_validation_is_the_noise(tmp_path) -> None:
    one = task()
    held_out = Subset(data(1), range(16))
    recipe = Recipe(steps=60, batch=8, lr=2e-3, average=0.5, every=20, clip=1e3)
    fit(one, data(), tmp_path / "run", recipe=recipe, validation=held_out, running=Running(device="cpu"))
    lines = (tmp_path / "run" / "metrics.csv").read_text().splitlines()
    column = lines[0].split(",").index("loss")
    losses = [float(line.split(",")[column]) for line in lines[1:] if line.split(",")[column]]
    assert losses[-1] < 0.5 * losses[0]
    images, domains = default_collate([held_out[i] for i in range(16)])
    model = checkpoints.load(tmp_path / "run" / "model.safetensors")
    assert model.notes["unit"] == "nats per value"
    assert model.notes["validation_unit"] == LUDVAETask.validation_unit
    again = LUDVAETask(model)
    again.begin(replace(LUDVAETask.recipe, steps=1), 0, (images, domains))
    assert again.score([(images, domains)]) == pytest.approx(again.score([(images, domains)]))
    fake = model.degrade(images[domains == 0], generator=generator(5))
    assert again.score([(images, domains)]) == pytest.approx(
        strata_error(fake, images[domains == 1]).total, rel=0.5
    )


def test_content_comes_first() -> None:
    """While it does, degraded crops do not count, not even if they are not finite."""
    one = LUDVAETask(task().model, content_first=0.5)
    images, domains = default_collate([data()[i] for i in range(4)])
    one.begin(Recipe(steps=10), 0, (images, domains))
    spoilt = torch.where(domains.view(-1, 1, 1, 1) == 1, torch.nan, images)
    one.step = 4
    assert one.loss(one.model, (spoilt, domains), generator()).isfinite()
    one.step = 5
    assert not one.loss(one.model, (spoilt, domains), generator()).isfinite()
    with pytest.raises(ValueError, match="content_first must be in"):
        LUDVAETask(one.model, content_first=1.0)


def test_small_training_finds_the_noise_first(tmp_path, monkeypatch, few_crops) -> None:
    monkeypatch.setattr("nflib.training.ludvae.NOISE_CROPS", 128)

    def large(photos) -> list[torch.Tensor]:
        return [torch.nn.functional.interpolate(photo[None], size=128)[0] for photo in photos]

    noise = 0.06 * torch.randn(3, 3, 128, 128, generator=generator(3))
    degraded = [(0.15 + 0.7 * photo + n).clamp(0, 1) for photo, n in zip(large(smooth_photos(1)), noise)]
    clean = [0.15 + 0.7 * photo for photo in large(smooth_photos(0))]
    found = train_ludvae(clean, degraded, tmp_path / "run", steps=3, batch=4, running=Running(device="cpu"))
    model = checkpoints.load(found)
    config = model.config
    assert config.shaped
    assert config.difference
    assert math.sqrt(config.sigma_clean**2 - config.sigma_degraded**2) == pytest.approx(0.06, rel=0.25)
    flat = torch.full((1, 3, 64, 64), 0.5)
    assert (model.degrade(flat, generator=generator()) - flat).std().item() == pytest.approx(0.06, rel=0.3)
    with pytest.raises(ValueError, match="holds a run already"):
        train_ludvae(clean, degraded, tmp_path / "run", steps=3, batch=4, running=Running(device="cpu"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch": 3}, "batch must be even"),
        ({"size": "huge"}, "size must be one of small, full"),
        ({"validation_clean": "x"}, "needs both folders"),
    ],
)
def test_errors(tmp_path, changes, message) -> None:
    with pytest.raises(ValueError, match=message):
        train_ludvae(smooth_photos(0), smooth_photos(1), tmp_path / "run", **changes)


def test_prenoise_can_be_named(tmp_path, monkeypatch, few_crops) -> None:
    """In grey levels, as in the paper, for both sizes and for what is resumed."""
    monkeypatch.setattr("nflib.training.ludvae.NOISE_CROPS", 128)
    how = {"sigma_x": 40, "sigma_y": 20, "sigma_drawn": "30:70", "steps": 1, "batch": 2, "crop": 16}
    photos = larger(smooth_photos(0)), larger(smooth_photos(1, 0.1))
    running = Running(device="cpu")
    found = checkpoints.load(train_ludvae(*photos, tmp_path / "run", running=running, **how)).config
    numbers = (found.sigma_clean, found.sigma_degraded, *found.sigma_drawn)
    assert [255 * n for n in numbers] == pytest.approx([40, 20, 30, 70])
    running = Running(device="cpu", resume=True)
    assert train_ludvae(*photos, tmp_path / "run", running=running, **how).is_file()
    with pytest.raises(ValueError, match="model was .*now .*choose another folder"):
        train_ludvae(*photos, tmp_path / "run", running=running, **{**how, "sigma_y": 10})
    with pytest.raises(
        ValueError, match="sigma_drawn must be a number or LOW:HIGH, such as 0.7:1.6, got 70:30"
    ):
        train_ludvae(*photos, tmp_path / "other", **{**how, "sigma_drawn": "70:30"})


def test_colours_are_matched_and_given_back(tmp_path, monkeypatch, few_crops) -> None:
    """Degraded photos of other colours: the model has both, and what it degrades has theirs."""
    monkeypatch.setattr("nflib.training.ludvae.NOISE_CROPS", 128)
    clean = larger(smooth_photos(0))
    tint = torch.tensor([0.2, 0.0, -0.1]).view(3, 1, 1)
    degraded = [(0.25 + 0.5 * photo + tint).clamp(0, 1) for photo in larger(smooth_photos(1, 0.05))]
    file = train_ludvae(
        clean, degraded, tmp_path / "run", match_colours=True, steps=1, batch=2, running=Running(device="cpu")
    )
    model = checkpoints.load(file)
    assert model.config.matched
    made = model.degrade(torch.stack(clean), generator=generator())
    for moment in (torch.mean, torch.std):
        ours, theirs = (moment(x.transpose(0, 1).flatten(1), 1) for x in (made, torch.stack(degraded)))
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0.02)


def larger(photos) -> list[torch.Tensor]:
    grown = torch.nn.functional.interpolate(torch.stack(list(photos)), size=128, mode="bilinear")
    return list(0.2 + 0.6 * grown)
