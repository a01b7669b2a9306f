import math
import shlex
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from nflib import images
from nflib.cli import app
from nflib.data import LAYOUTS, UnpairedImages, layout
from tests.helpers.folders import folder_of, random_images


@pytest.fixture
def root(tmp_path) -> Path:
    """The NTIRE 2020 data as its archives leave it, with few and small images."""
    sizes = {
        "Corrupted-tr-y": (64, 80),
        "Corrupted-tr-x": (20, 36),
        "track1-valid-gt": (68, 50),
        "Corrupted-va-x": (17, 13),
    }
    for i, (name, size) in enumerate(sizes.items()):
        folder_of(tmp_path / name, random_images(size, size[::-1], seed=i), suffixes=(".png",))
    return tmp_path


def typed(commands) -> int:
    """Run those of the commands that are ours."""
    ours = [shlex.split(line)[1:] for line in commands if line.startswith("nflib ")]
    for arguments in ours:
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, result.stderr
    return len(ours)


def test_from_unpacked_archives_to_crops(root) -> None:
    ntire = layout("ntire20")
    with pytest.raises(
        ValueError, match=r"tr-y/4x: no images of NTIRE 2020.*; type: nflib data prepare --source \S+tr-y "
    ):
        ntire.folder(root, "clean")
    assert {found.remark for found in ntire.check(root)} == {"not prepared"}
    assert typed(ntire.commands(root)) == 4
    assert ntire.folder(root, "clean") == root / "Corrupted-tr-y" / "4x"
    assert ntire.folder(root, "degraded") == root / "Corrupted-tr-x" / "1x"
    pair = [
        images.read(ntire.folder(root, f"validation_{domain}") / "0.png") for domain in ("clean", "degraded")
    ]
    assert pair[0].shape == pair[1].shape == (3, 16, 12)
    assert [(f.images, f.remark) for f in ntire.check(root)] == [(2, "")] * 2 + [
        (2, "100 were published")
    ] * 2
    assert len(UnpairedImages(ntire.folder(root, "clean"), ntire.folder(root, "degraded"), crop=8)[0][0]) == 3


def test_nothing_there(tmp_path) -> None:
    with pytest.raises(
        ValueError, match=r"/1x: no images of AIM 2019.*type: curl .*; unzip .*; nflib data prepare .* 1 8$"
    ):
        layout("aim19").folder(tmp_path, "degraded")
    with pytest.raises(ValueError, match="DND/noisy: no images of Darmstadt.*see the paper"):
        layout("dnd").folder(tmp_path, "degraded")
    with pytest.raises(ValueError, match="role must be one of clean, degraded, got 'validation_clean'"):
        layout("lol").folder(tmp_path, "validation_clean")
    with pytest.raises(ValueError, match="data set must be one of aim19, .*got 'div2k'"):
        layout("div2k")


@pytest.mark.parametrize("name", LAYOUTS)
def test_what_is_trained_on_is_among_what_is_prepared_and_unpacked_where_it_is_looked_for(name) -> None:
    for folder in LAYOUTS[name].folders.values():
        assert not folder.scales or folder.scale in folder.scales
        if folder.archive:
            assert (
                Path(folder.archive).stem == folder.path
            )  # so that unpacking gives this folder, in either way
    # both domains at the same scale of the scene, once the clean one is shrunk
    assert LAYOUTS[name].degraded.scale == 1


def test_colours_of_aim() -> None:
    """The mean of the degraded images becomes that of the clean ones; constants of the published
    configuration.
    """
    colours = layout("aim19").colours
    means = [120.71678252, 115.66740282, 104.7566205], [114.47609804, 111.67182033, 103.29093697]
    noisy, clean = (torch.tensor(mean).view(3, 1, 1) / 255 for mean in means)
    torch.testing.assert_close(colours(noisy), clean)
    brighter = colours(noisy + 10 / 255)
    assert math.isclose((brighter - clean)[0].item() * 255, 10 * 59.98190873 / 54.14952531, rel_tol=1e-4)
    torch.testing.assert_close(colours.inverse(brighter), noisy + 10 / 255)


def test_the_command(root) -> None:
    listed = CliRunner().invoke(app, ["data", "show"]).stdout
    assert all(f"{name}: {one.title}" in listed for name, one in LAYOUTS.items())
    shown = CliRunner().invoke(app, ["data", "show", "ntire20", "--root", str(root)]).stdout
    assert shown.count("not prepared") == 4
    assert all(line in shown for line in layout("ntire20").commands(root))
    wrong = CliRunner().invoke(app, ["data", "show", "div2k"])
    assert wrong.exit_code == 2
    assert wrong.stderr.count("\n") == 1
