"""What works on this processor works on a second device, with the same numbers: nothing is left behind."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.utils._pytree import tree_map_only

from nflib import checkpoints, degraders, metrics, units
from nflib.data import photos
from nflib.degraders import Degrader
from nflib.domain.named import MAPS, as_map
from nflib.training import TRAININGS
from tests.helpers.elsewhere import Elsewhere, second_device
from tests.helpers.rows import images, task_of, use


def there(thing: Any, device: torch.device) -> Any:
    return tree_map_only(torch.Tensor, lambda tensor: tensor.to(device), thing)


def here(result: torch.Tensor) -> torch.Tensor:
    """A result, which has to be on the second device."""
    assert isinstance(result, Elsewhere)
    return result.here


def photo(height: int = 128, width: int = 128) -> torch.Tensor:
    return photos()["flower"][None, :, 100 : 100 + height, 200 : 200 + width]


def test_the_device_is_strict() -> None:
    with second_device() as device:
        x = torch.arange(3.0).to(device)
        assert here(x + 1).tolist() == [1, 2, 3]
        assert here(torch.zeros(3, device=device) + x.mean()).tolist() == [1, 1, 1]
        assert here(x[torch.tensor([2, 0])]).tolist() == [2, 0]
        for wrong in (lambda: x + torch.ones(3), lambda: torch.cat([x, torch.ones(3)]), lambda: x.numpy()):
            with pytest.raises((RuntimeError, TypeError)):
                wrong()
        assert torch.equal(x.cpu(), torch.arange(3.0))


@pytest.mark.parametrize("name", TRAININGS)
def test_a_loss_and_its_gradient(name) -> None:
    task, batch = task_of(TRAININGS[name])

    def loss() -> torch.Tensor:
        return task.loss(task.model, batch, units.generator(4))

    expected = loss()
    with second_device() as device:
        task.to(device)
        batch = there(batch, device)
        found = loss()
        found.backward()
        gradients = [p.grad for p in task.model.parameters() if p.grad is not None]
        assert gradients
        assert all(isinstance(gradient, Elsewhere) for gradient in gradients)
        torch.testing.assert_close(here(found.detach()), expected.detach(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", TRAININGS)
@pytest.mark.parametrize("tile", [None, 64])
def test_results(name, tile) -> None:
    task, batch = task_of(TRAININGS[name])
    task.advance(batch)
    model, given = task.model.eval(), images(72, 80)
    expected = use(model, given, tile=tile)
    with second_device() as device:
        found = use(model.to(device), given.to(device), tile=tile)
        torch.testing.assert_close(here(found), expected)


DEGRADERS = {
    **degraders.SIMULATED,
    "white": degraders.White(12 / 255),
    "patches": degraders.NoisePatches(0.05 * torch.randn(5, 3, 16, 16, generator=units.generator(0))),
    "random laws": degraders.RandomLaws(),
    "JPEG": degraders.load("jpeg:62"),
    "darker, then noisy": degraders.load("dark+white:12"),
}


@pytest.mark.parametrize("degrade", DEGRADERS.values(), ids=DEGRADERS)
def test_degraders(degrade: Degrader) -> None:
    expected = degrade(photo(), 0.7, units.generator(1))
    with second_device() as device:
        assert torch.equal(here(degrade(photo().to(device), 0.7, units.generator(1))), expected)


@pytest.mark.parametrize("name", checkpoints.bundled())
def test_bundled_models_load_there(name) -> None:
    with second_device() as device:
        model = checkpoints.load(name, device=device)
        assert all(isinstance(tensor.data, Elsewhere) for tensor in model.state_dict().values())


@pytest.mark.parametrize("name", metrics.METRICS)
def test_metrics_of_single_images(name) -> None:
    metric, clean = metrics.METRICS[name], photo(200, 200)
    if name == "lpips":
        pytest.skip("needs weights")
    if name == "niqe":
        pytest.skip("PyTorch makes the product of two vectors of other operations on the stand-in")
    noisy = degraders.White(20 / 255)(clean, generator=units.generator(0))
    given = (noisy, clean) if metric.needs_reference else (noisy,)
    expected = metric.function(*given)
    with second_device() as device:
        torch.testing.assert_close(here(metric.function(*there(given, device))), expected)


@pytest.mark.parametrize("name", sorted(MAPS.keys() - {"autoencoder"}))  # which is trained with a model
def test_maps(name) -> None:
    h = as_map(f"{name}:3" if name != "noise" else "noise:0.03")
    expected = h(photo(), generator=units.generator(0))
    with second_device() as device:
        torch.testing.assert_close(here(h(photo().to(device), generator=units.generator(0))), expected)
