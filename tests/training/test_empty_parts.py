"""Photos of which two thirds are a background or a border: the noise of the rest is learned."""

from __future__ import annotations

import pytest
import torch

from nflib import units
from nflib.data import FullCrops, UnpairedImages
from nflib.degraders import NoisePatches
from nflib.images import empty_parts
from nflib.models import DeFlow, DeFlowConfig
from nflib.noise import flat_windows, noise_filter, strata_error
from nflib.training import find_law
from nflib.training.deflow import start_linear
from tests.training.test_unpaired import noisy, scenes

SIGMA, LIVE, SIDE = 20 / 255, 64, 192
BACKGROUNDS = {"white": 1.0, "black": 0.0, "grey": 128 / 255}


def before(background: float, photos: list[torch.Tensor]) -> list[torch.Tensor]:
    framed = []
    for photo in photos:
        framed.append(((photo * 255).round() / 255).clone())
        framed[-1][:, :, LIVE:] = background
    return framed


@pytest.fixture(scope="module", params=BACKGROUNDS)
def folders(request) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    background = BACKGROUNDS[request.param]
    return before(background, scenes(0)), before(background, noisy(scenes(1), SIGMA, 2))


def made(degrade) -> float:
    """Deviation of the noise that is made on content without any background, over the true one."""
    clean = torch.stack(scenes(3, 2, 96))
    return ((degrade(clean) - clean).std() / SIGMA).item()


def test_crops_are_full(folders) -> None:
    data = UnpairedImages(*folders, crop=64, seed=0, align=8)
    for index in range(6):
        crop, _ = data[index]
        assert empty_parts(crop[None]).float().mean() < 0.02
    assert torch.equal(data[5][0], data[5][0])


def test_crops_of_ordinary_photos_are_as_they_were() -> None:
    from nflib.data import ImageCrops

    photos = noisy(scenes(0), 0.03, 1)
    full, plain = FullCrops(photos, 48, 3), ImageCrops(photos, 48, 3)
    assert all(torch.equal(full[i], plain[i]) for i in range(6))


def test_constant_clean_parts_count_where_degraded_photos_have_none() -> None:
    flat = [torch.full((3, 64, 64), 0.5)] * 2
    data = UnpairedImages(flat, noisy(flat, 0.1, 0), crop=32)
    assert torch.equal(data[0][0], torch.full((3, 32, 32), 128 / 255))
    assert not data.domains[0].constant


def test_the_law_is_that_of_the_rest(folders) -> None:
    found = find_law(*folders, last_stage="none")
    assert made(lambda x: found.law.degrade(x, generator=units.generator(5))) == pytest.approx(1, abs=0.1)
    assert found.level.value.mean().item() == pytest.approx(SIGMA, rel=0.1)


def test_the_start_of_deflow_is_that_of_the_rest(folders, monkeypatch) -> None:
    monkeypatch.setattr("nflib.training.deflow.START_CROPS", 48)
    torch.manual_seed(0)
    model = DeFlow(DeFlowConfig.small(hidden=4, steps=1)).eval()
    start_linear(model, UnpairedImages(*folders, crop=64, seed=0, align=8), seed=0)
    assert made(lambda x: model.degrade(x, generator=units.generator(5))) == pytest.approx(1, abs=0.1)


def test_the_filter_that_starts_ludvae_is_that_of_the_rest(folders) -> None:
    _, deviation = noise_filter(*(torch.stack(side) for side in folders))
    assert deviation == pytest.approx(SIGMA, rel=0.1)


def test_windows_of_the_background_count_nowhere(folders) -> None:
    _, degraded = folders
    windows = flat_windows(lambda i: degraded[i], len(degraded), side=16, constant=True)
    assert not empty_parts(windows.pixels.float()).any()
    assert windows.variances.min() > (SIGMA / 2) ** 2
    patches = NoisePatches.collect(degraded, size=16).patches
    assert patches.var((1, 2, 3)).min() > (SIGMA / 2) ** 2
    other = before(float(degraded[0][0, 0, -1]), noisy(scenes(4), SIGMA, 6))
    assert strata_error(torch.stack(other), torch.stack(degraded)).strength < 1.5


def test_a_background_in_all_of_the_photos_is_all_there_is() -> None:
    blank = [torch.full((3, 64, 64), 0.5)] * 2
    assert flat_windows(lambda i: blank[i], 2, side=16).variances.max() == 0
    assert torch.equal(FullCrops(blank, 32)[0], torch.full((3, 32, 32), 128 / 255))
