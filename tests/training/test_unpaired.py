"""What trainings without pairs share: the last stage taken out and put back, noise that cannot explode, and
which model is handed back.
"""

from __future__ import annotations

import copy
import logging
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.utils.data import Subset

from nflib import checkpoints, units
from nflib.data import UnpairedImages
from nflib.images.jpeg import JPEG
from nflib.models import LUDVAE, DeFlow, DeFlowConfig, LUDVAEConfig
from nflib.noise.local import local_strength
from nflib.training import Running, train_affine_deflow, train_deflow, train_ludvae
from nflib.training import deflow as deflow_training
from nflib.training import ludvae as ludvae_training
from nflib.training import unpaired as unpaired_training
from nflib.training.deflow import start_linear
from nflib.training.unpaired import handed_back, limit_noise, unpaired_folders

STAGE = JPEG(40)


def scenes(seed: int, count: int = 4, side: int = 192) -> list[torch.Tensor]:
    """Smooth photos (3, side, side) of different colours."""
    coarse = torch.rand(count, 3, 7, 7, generator=units.generator(seed))
    return list(
        (0.2 + 0.6 * torch.nn.functional.interpolate(coarse, size=side, mode="bicubic")).clamp(0.1, 0.9)
    )


def noisy(photos: list[torch.Tensor], sigma: float, seed: int) -> list[torch.Tensor]:
    generator = units.generator(seed)
    return [(photo + sigma * torch.randn(photo.shape, generator=generator)).clamp(0, 1) for photo in photos]


@pytest.mark.parametrize(
    "model",
    [
        DeFlow(DeFlowConfig.small(hidden=4, steps=1, last_stage="jpeg:40")),
        LUDVAE(LUDVAEConfig(levels=1, width=6, last_stage="jpeg:40")),
    ],
    ids=["deflow", "ludvae"],
)
def test_samples_end_with_the_last_stage(model) -> None:
    clean = torch.stack(scenes(0, 2, 48))
    found = model.eval().samples(clean, 0.5, 2, generator=units.generator(1))
    before = model.eval()
    before.config = type(model.config)(**{**vars(model.config), "last_stage": ""})
    expected = before.samples(clean, 0.5, 2, generator=units.generator(1))
    assert torch.equal(found[1], STAGE(expected[1]))
    assert torch.equal(model.degrade(clean, 0.0), clean)


@pytest.mark.parametrize(
    "config", [DeFlowConfig.small, lambda **given: LUDVAEConfig(levels=1, width=6, **given)]
)
def test_a_last_stage_that_is_none_is_refused(config) -> None:
    with pytest.raises(ValueError, match="expected jpeg:QUALITY"):
        config(last_stage="jpg")


def test_training_sees_clean_photos_after_the_stage_and_validation_before() -> None:
    clean, degraded = scenes(0, 1), noisy(scenes(1, 1), 0.05, 2)
    data, held_out = unpaired_folders(
        clean, degraded, None, None, crop=192, validation_crop=192, batch=2, seed=0, stage=STAGE
    )
    after, before = STAGE(clean[0]), (clean[0] * 255).round() / 255
    assert any(torch.allclose(data[0][0], one, atol=1e-6) for one in (after, after.flip(-1)))
    assert any(torch.allclose(held_out[0][0], one, atol=1e-6) for one in (before, before.flip(-1)))
    assert torch.allclose(data[1][0], (degraded[0] * 255).round() / 255, atol=1e-6)
    plain, _ = unpaired_folders(clean, degraded, None, None, crop=192, validation_crop=192, batch=2, seed=0)
    assert any(torch.allclose(plain[0][0], one, atol=1e-6) for one in (before, before.flip(-1)))


@pytest.fixture
def short(monkeypatch) -> None:
    monkeypatch.setattr(deflow_training, "START_CROPS", 128)
    monkeypatch.setattr(ludvae_training, "NOISE_CROPS", 64)
    monkeypatch.setattr(unpaired_training, "VALIDATION_CROPS", 16)
    monkeypatch.setattr(unpaired_training, "LIMIT_CROPS", 16)


@pytest.mark.parametrize("train", [train_deflow, train_ludvae, train_affine_deflow])
def test_noise_before_jpeg_is_found_and_jpeg_put_back(train, tmp_path, short, caplog) -> None:
    """Known noise, then JPEG: what the model makes is as strong as what was seen, JPEG included."""
    clean = scenes(0)
    degraded = [STAGE(photo) for photo in noisy(scenes(1), 0.06, 2)]
    with caplog.at_level(logging.WARNING):
        file = train(
            clean,
            degraded,
            tmp_path / "run",
            last_stage="jpeg:40",
            steps=1,
            batch=2,
            running=Running(device="cpu"),
        )
    assert file == tmp_path / "run" / "best.safetensors"
    assert "is handed back" in caplog.text
    model = checkpoints.load(file)
    assert model.config.last_stage == "jpeg:40"
    fresh = scenes(3, 2)
    made = model.degrade(torch.stack(fresh), generator=units.generator(4)) - torch.stack(fresh)
    true = torch.stack([STAGE(photo) for photo in noisy(fresh, 0.06, 5)]) - torch.stack(fresh)
    assert made.std() == pytest.approx(true.std(), rel=0.25)


def test_noise_cannot_exceed_what_training_saw() -> None:
    """Started on smooth photos, put on sharp ones."""
    clean, degraded = scenes(0), noisy(scenes(1), 0.02, 2)
    data = UnpairedImages(clean, degraded, 64, seed=0, align=8)
    torch.manual_seed(0)
    model = DeFlow(DeFlowConfig.small(hidden=8, steps=1))
    deflow_training.START_CROPS, kept = 128, deflow_training.START_CROPS
    try:
        start_linear(model, data, seed=0)
    finally:
        deflow_training.START_CROPS = kept
    sharp = torch.rand(1, 3, 32, 32, generator=units.generator(7)).round().repeat_interleave(4, 2)
    sharp = 0.15 + 0.7 * sharp.repeat_interleave(4, 3)
    limit_noise(model, data, seed=0)
    most = torch.tensor(model.config.most_noise).view(3, 1, 1)
    # a flow that has been trained follows content; here it is made to, as strongly as training may
    with torch.no_grad():
        for level in model.flow.transform.levels:
            for step in level.steps:
                step.coupling.last.weight.normal_(0, 0.05, generator=units.generator(8))
    model.eval()
    found = local_strength(model.degrade(sharp, generator=units.generator(9)) - sharp)
    free = copy.deepcopy(model)
    free.config = replace(model.config, most_noise=())
    unlimited = local_strength(free.degrade(sharp, generator=units.generator(9)) - sharp)
    assert (most < 0.05).all()
    assert (unlimited > 2 * most).any()
    assert (found <= 1.0001 * most).all()
    weak = model.degrade(sharp, tau=0.5, generator=units.generator(9)) - sharp
    assert (local_strength(weak) <= 0.50005 * most).all()


def test_the_line_at_the_end_says_which_step_it_is(tmp_path, caplog) -> None:
    model = LUDVAE(LUDVAEConfig(levels=1, width=6))
    (tmp_path / "metrics.csv").write_text("step,loss,validation\n0,,2.5\n10,1.0,1.25\n")
    for step, score, said in (
        (10, 1.25, "step 10 was best (1.25 dB; the start in closed form 2.50); it is handed back"),
        (0, 2.5, "training did not improve on the start in closed form (2.50 dB); the start is handed back"),
    ):
        notes = {"steps": step, "validation": score, "unit": "dB"}
        checkpoints.save(model, tmp_path / "best.safetensors", notes)
        with caplog.at_level(logging.WARNING):
            assert handed_back(tmp_path / "model.safetensors") == Path(tmp_path / "best.safetensors")
        assert said in caplog.text


def test_validation_knows_the_photos() -> None:
    clean, degraded = scenes(0, 3, 64), scenes(1, 3, 64)
    _, held_out = unpaired_folders(clean, degraded, None, None, crop=64, validation_crop=64, batch=2, seed=0)
    assert isinstance(held_out, Subset)
    for index in range(6):
        image, domain, photo = held_out[index]
        whole = (clean, degraded)[int(domain)][int(photo)]
        assert min((image - one).abs().max() for one in (whole, whole.flip(-1))) < 0.5 / 255 + 1e-6


def test_validation_crops_keep_what_the_last_stage_made_constant(tmp_path) -> None:
    """Also where it is taken out of the clean photos: the degraded ones went through it all the same."""
    photos = [torch.stack(noisy(scenes(5, 1), 0.05, 6))[0], *scenes(7, 1)]
    for photo in photos:
        photo[:, :, 96:] = 0.5  # blocks without anything, as JPEG leaves them
    how = {"crop": 192, "validation_crop": 192, "batch": 4, "seed": 0}
    for stage, constant in ((STAGE, 0.5), (None, 0.0)):
        folders = (photos, photos, photos, photos)
        _, held_out = unpaired_folders(*folders, **how, stage=stage, validation_stage=None)
        share = [(held_out[2 * i + 1][0] == 128 / 255).all(0).float().mean() for i in range(4)]
        assert sum(share) / 4 == pytest.approx(constant, abs=0.02)
