from typing import Any

import pytest
import torch

from nflib import data, degraders, units
from nflib.domain import AddNoise, DenoisingAutoencoder


@pytest.fixture(scope="module")
def images() -> list[torch.Tensor]:
    g = units.generator(0)
    noisy = [degraders.degrade_ntire(photo, generator=g) for photo in data.photos("degraded").values()]
    return [*data.photos("clean").values(), *noisy]


@pytest.fixture(scope="module")
def trained(images) -> Any:
    return DenoisingAutoencoder(generator=units.generator(1)).fit(
        images, steps=150, generator=units.generator(2)
    )


def test_it_takes_noise_out_of_photos_it_has_not_seen(trained) -> None:
    photo = data.photos("validation")["chelsea"][None, :, 60:252, 100:356]
    noisy = AddNoise(0.1)(photo, units.generator(3))
    with torch.no_grad():
        before, after = (noisy - photo).std(), (trained(noisy) - photo).std()
    assert after < 0.7 * before


def test_same_generators_same_weights(images, trained) -> None:
    torch.manual_seed(0)
    again = DenoisingAutoencoder(generator=units.generator(1)).fit(
        images, steps=150, generator=units.generator(2)
    )
    other = DenoisingAutoencoder(generator=units.generator(1)).fit(
        images, steps=150, generator=units.generator(3)
    )
    x = torch.rand(1, 3, 16, 16, generator=units.generator(4))
    assert torch.equal(again(x), trained(x))
    assert not torch.equal(other(x), trained(x))


def test_any_size_and_no_gradients_after_training(trained) -> None:
    x = torch.rand(2, 3, 13, 6, generator=units.generator(5))
    assert trained(x).shape == x.shape
    assert not trained(x).requires_grad


def test_the_code_is_what_passes(trained) -> None:
    x = torch.rand(1, 3, 16, 24, generator=units.generator(6))
    assert trained.encoder(x).shape == (1, 12, 4, 6)


def test_bad_input_is_named(images, trained) -> None:
    with pytest.raises(ValueError, match="images must be a floating tensor"):
        trained(torch.rand(3, 16, 16))
    with pytest.raises(ValueError, match="at least 48"):
        trained.fit([torch.rand(3, 40, 60)], steps=1)
