"""Strips of large images: what is computed in them is what the whole would be."""

import math

import pytest
import torch

from nflib import data, units
from nflib.images import resize, strips
from nflib.images.colours import ChannelStatistics
from nflib.images.resizing import shrunk_strips
from nflib.models import NoiseLaw
from nflib.noise import flat_windows
from nflib.noise.local import limited
from nflib.pipeline.photo_facts import photo_facts
from nflib.training.photo_stream import PhotoStream


@pytest.mark.parametrize(("shape", "scale"), [((2, 1, 37, 20), 2), ((3, 36, 31), 3), ((3, 1, 9), 2)])
def test_shrunk_strips_are_those_of_resize(shape, scale, monkeypatch) -> None:
    monkeypatch.setattr(strips, "PIXELS", 1)
    x = torch.rand(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    parts = list(shrunk_strips(x, scale))
    assert len(parts) == math.ceil(math.ceil(shape[-2] / scale) / 4)
    torch.testing.assert_close(torch.cat([part for _, part in parts], -2), resize(x, 1 / scale))


@pytest.mark.parametrize(("height", "width", "multiple"), [(10, 7, 1), (10, 7, 4), (3, 2000, 5), (1, 1, 1)])
def test_strips_are_all_rows_once(height, width, multiple, monkeypatch) -> None:
    monkeypatch.setattr(strips, "PIXELS", 30)
    found = list(strips.strips(height, width, multiple=multiple))
    assert [row for rows in found for row in range(rows.start, rows.stop)] == list(range(height))
    assert all(rows.start % multiple == 0 for rows in found)


def test_what_is_around_a_strip() -> None:
    assert strips.around(slice(0, 4), 3, 10) == (slice(0, 7), 3, 0)
    assert strips.around(slice(4, 8), 3, 10) == (slice(1, 10), 0, 1)
    assert strips.around(slice(4, 5), 3, 10) == (slice(1, 8), 0, 0)


def law() -> NoiseLaw:
    model = NoiseLaw()
    taps = torch.randn(3, 3, 25, 25, generator=units.generator(1))
    model.set(variance=torch.rand(3, 17, generator=units.generator(2)) / 100, taps=taps)
    return model


def colours(image: torch.Tensor) -> torch.Tensor:
    stream = PhotoStream([image])
    stream.read(0)
    return stream.colours


COMPUTED = {
    "limited": lambda x: limited(x[None] - 0.5, (0.05, 0.3, 0.2)),
    "law": lambda x: law().samples(x[None], generator=units.generator(0)),
    "flat windows": lambda x: flat_windows(lambda _: x, 1, side=16).pixels,
    "statistics": lambda x: torch.tensor(
        [ChannelStatistics.of_image(x).mean, ChannelStatistics.of_image(x).deviation]
    ),
    "colours": colours,
}


@pytest.mark.parametrize("name", COMPUTED)
def test_strips_change_nothing(name, monkeypatch) -> None:
    image = data.photos()["chelsea"][:, 10:223, 30:245]
    monkeypatch.setattr(strips, "PIXELS", 10**9)
    whole = COMPUTED[name](image)
    for pixels in (1, 9000):
        monkeypatch.setattr(strips, "PIXELS", pixels)
        torch.testing.assert_close(COMPUTED[name](image), whole, rtol=1e-5, atol=1e-6)


def test_facts_of_a_photo(monkeypatch) -> None:
    file = data.PHOTOS[5].path
    whole = photo_facts(file)
    monkeypatch.setattr(strips, "PIXELS", 1000)
    found = photo_facts(file)
    assert (found.digest, found.grey, found.deep) == (whole.digest, False, False)
