import dataclasses
import functools
import operator
import subprocess
import sys

import numpy as np
import pytest
import torch

from nflib import data
from nflib.data.photos import ROLES


def reference(name) -> np.ndarray:
    """The same photo through the package's own loader."""
    import skimage.data
    from sklearn.datasets import load_sample_image

    if name in ("china", "flower"):
        return load_sample_image(f"{name}.jpg")
    return skimage.data.stereo_motorcycle()[0] if name == "motorcycle" else getattr(skimage.data, name)()


@pytest.mark.parametrize("photo", data.PHOTOS, ids=lambda p: p.name)
def test_photos_are_those_of_the_packages(photo) -> None:
    image = photo.load()
    assert image.dtype == torch.float32
    expected = reference(photo.name)
    np.testing.assert_array_equal((image * 255).round().byte().permute(1, 2, 0).numpy(), expected)


def test_roles_share_no_photo_and_leave_none_out() -> None:
    by_role = {role: list(data.photos(role)) for role in ROLES}
    assert by_role == {
        "clean": ["astronaut", "motorcycle"],
        "degraded": ["coffee", "rocket", "china"],
        "validation": ["chelsea", "flower"],
    }
    assert sorted(functools.reduce(operator.iadd, by_role.values(), [])) == sorted(data.photos())
    tiles = {
        role: sum((p.shape[1] // 64) * (p.shape[2] // 64) for p in data.photos(role).values())
        for role in ROLES
    }
    assert tiles == {"clean": 141, "degraded": 174, "validation": 88}


def test_unknown_role() -> None:
    with pytest.raises(
        ValueError, match="role must be \"all\" or one of clean, degraded, validation, got 'train'"
    ):
        data.photos("train")


def test_every_photo_is_attributed_and_frozen() -> None:
    for photo in data.PHOTOS:
        assert all(getattr(photo, field.name) for field in dataclasses.fields(photo))
        assert photo.author in photo.attribution
        assert photo.licence in photo.attribution
    assert {p.name for p in data.PHOTOS if p.licence.startswith("CC BY")} == {"china", "flower"}
    with pytest.raises(dataclasses.FrozenInstanceError):
        data.PHOTOS[0].name = "x"


def test_a_package_that_is_not_there(monkeypatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match='"astronaut" lies in scikit-image, which is not installed'):
        data.PHOTOS[0].load()


def test_photos_need_neither_the_network_nor_heavy_imports() -> None:
    program = """
import socket, sys
def refuse(*a, **k): raise AssertionError("network")
socket.getaddrinfo = socket.create_connection = socket.socket.connect = refuse
from nflib import data
assert len(data.photos()) == 7
assert not {"skimage", "sklearn", "pooch", "scipy"} & set(sys.modules), "imported"
"""
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)
