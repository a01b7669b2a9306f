"""Maps by name: what is written is what is read, and every map has a name."""

import inspect

import pytest
import torch

from nflib import domain, units
from nflib.domain import (
    AddNoise,
    Autoencode,
    Bilateral,
    Compose,
    Downsample,
    GaussianBlur,
    MaxPool,
    Median,
    MultiplyNoise,
    parse,
    spell,
)

TEXTS = {
    "downsample:4+noise:0.03": Compose(Downsample(4), AddNoise(0.03)),
    "multiply:0.1": Compose(MultiplyNoise(0.1)),
    "blur:2.0": Compose(GaussianBlur(2.0)),
    "median:5": Compose(Median(5)),
    "bilateral:2.0:0.15": Compose(Bilateral(2.0, 0.15)),
    "maxpool:4+noise:0.1": Compose(MaxPool(4), AddNoise(0.1)),
    "autoencoder:12:32": Compose(Autoencode(12, 32)),
}


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_written_is_what_is_read(text) -> None:
    assert parse(text) == TEXTS[text]
    assert spell(TEXTS[text]) == text
    assert parse(spell(parse(text))) == parse(text)


def test_numbers_may_be_left_out_and_spaces_stand_anywhere() -> None:
    assert parse("downsample + noise") == Compose(Downsample(), AddNoise())
    assert parse("") == Compose()


def test_every_map_has_a_name() -> None:
    maps = {cls for _, cls in inspect.getmembers(domain, inspect.isclass) if issubclass(cls, domain.Map)}
    assert set(domain.MAPS.values()) == maps - {domain.Map, Compose}


@pytest.mark.parametrize("text", [text for text in TEXTS if "autoencoder" not in text])
def test_shrink_is_by_how_much_the_result_is_smaller(text) -> None:
    h, images = parse(text), torch.rand(2, 3, 32, 48)
    assert h(images, units.generator(0)).shape == (2, 3, 32 // h.shrink, 48 // h.shrink)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("downsampel:4", "has 'downsampel', expected names of downsample, noise"),
        ("noise:0.1:2", "has 2 numbers, expected at most 1: sigma"),
        ("noise:much", "must have numbers after its colons, such as noise:4"),
        ("median:4", "'median:4': size must be odd, got 4"),
        ("noise:-1", "sigma must be a number, 0 or more, got -1"),
        ("noise:nan", "sigma must be a number, 0 or more, got nan"),
        ("autoencoder:0", "code and width must be at least 1"),
    ],
)
def test_bad_text(text, message) -> None:
    with pytest.raises(ValueError, match=message):
        parse(text)


def test_a_map_without_a_name_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="h must be made of downsample"):
        spell(Compose(abs))
    with pytest.raises(ValueError, match="has to be trained"):
        Autoencode()(torch.zeros(1, 3, 8, 8))
