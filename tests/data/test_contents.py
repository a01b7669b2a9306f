"""What photos a data set reads, by name and content."""

import pytest
import torch

from nflib import images
from nflib.data import ImageCrops, UnpairedImages
from nflib.data.contents import changes, check_unpaired, contents, summary
from nflib.files import digest


def test_photos_of_equal_names_in_two_folders_are_two(tmp_path) -> None:
    files = [tmp_path / folder / "a.png" for folder in ("one", "two")]
    for number, file in enumerate(files):
        file.parent.mkdir()
        images.write(file, torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(number)))
    found = contents(ImageCrops(files, crop=4))
    assert found == {"a.png": digest(files[0]), "a.png (2)": digest(files[1])}
    assert summary(found)["number"] == 2


def test_what_changed_is_named() -> None:
    before, now = {"a": "1", "b": "2", "c": "3"}, {"a": "1", "b": "4", "d": "5"}
    assert changes(before, now) == ["b has changed", "c is missing", "d is new"]
    assert changes(before, before) == []


def test_one_side_named_twice() -> None:
    photo, other = torch.rand(3, 8, 8), torch.rand(3, 8, 8)
    check_unpaired(contents(UnpairedImages([photo], [other], crop=4)))
    with pytest.raises(ValueError, match="clean and degraded hold the same photos"):
        check_unpaired(contents(UnpairedImages([photo], [photo], crop=4)))
