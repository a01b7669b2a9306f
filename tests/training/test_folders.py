"""What all trainings on folders share."""

import pytest

from nflib.cli import Size
from nflib.training import TRAININGS
from nflib.training.folders import SIZES, known_size
from nflib.training.srflow import srflow_config


def test_sizes() -> None:
    assert [size.value for size in Size] == list(SIZES)
    assert all(list(SIZES) == list(row.usual) for row in TRAININGS.values())
    for scale in (2, 4, 8, 16):
        assert srflow_config("full", scale).scale == scale
    with pytest.raises(ValueError, match="size must be one of small, full"):
        srflow_config("huge", 4)


@pytest.mark.parametrize("name", list(TRAININGS))
def test_no_training_has_another_size(name) -> None:
    with pytest.raises(ValueError, match="size must be one of small, full, got 'huge'"):
        TRAININGS[name].config("huge")
    with pytest.raises(ValueError, match="size must be one of small, full, got 'huge'"):
        known_size("huge")
