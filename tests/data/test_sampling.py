import pytest
import torch

from nflib import data, units


def numbered(height, width, start=0) -> torch.Tensor:
    """An image every value of which says where it came from."""
    return torch.arange(start, start + 3 * height * width, dtype=torch.float64).view(3, height, width)


def test_patches_are_crops() -> None:
    images = {"a": numbered(9, 12), "b": numbered(7, 30, start=10_000)}
    for patch in data.patches(images, 5, 50, units.generator(0), augment=False):
        image = images["a" if patch[0, 0, 0] < 10_000 else "b"]
        top, left = divmod(int(patch[0, 0, 0] - image[0, 0, 0]), image.shape[2])
        assert torch.equal(patch, image[:, top : top + 5, left : left + 5])


def test_every_position_is_equally_likely() -> None:
    images = [numbered(4, 4), numbered(3, 8, start=1000)]  # size 3: 4 positions and 6 positions
    corners = data.patches(images, 3, 10_000, units.generator(1), augment=False)[:, 0, 0, 0]
    values, counts = corners.unique(return_counts=True)
    assert values.tolist() == [0, 1, 4, 5, 1000, 1001, 1002, 1003, 1004, 1005]
    chi_square = ((counts - 1000.0) ** 2 / 1000).sum()
    assert chi_square < 27.9  # 9 degrees of freedom: exceeded once in a thousand


def test_augmentation_makes_the_eight_symmetries() -> None:
    image = numbered(3, 3)
    seen = {tuple(p.flatten().tolist()) for p in data.patches([image], 3, 400, units.generator(2))}
    expected = {
        tuple(v.flatten().tolist())
        for k in range(4)
        for v in (image.rot90(k, (1, 2)), image.rot90(k, (1, 2)).flip(1))
    }
    assert seen == expected
    assert len(expected) == 8


def test_patches_repeat_with_the_seed() -> None:
    image = [torch.rand(3, 20, 20)]
    first = data.patches(image, 8, 16, units.generator(5))
    assert torch.equal(first, data.patches(image, 8, 16, units.generator(5)))
    assert not torch.equal(first, data.patches(image, 8, 16, units.generator(6)))
    assert first.shape == (16, 3, 8, 8)
    assert data.patches(image, 8, 0).shape == (0, 3, 8, 8)


@pytest.mark.parametrize(
    ("images", "size", "message"),
    [
        ([torch.rand(3, 8, 20)], 9, "at least 9, got shape"),
        ([], 4, "must not be empty"),
        ([torch.rand(8, 8)], 4, "C, H, W"),
        ([torch.rand(3, 8, 8)], 0, "size must be at least 1"),
    ],
)
def test_bad_patches(images, size, message) -> None:
    with pytest.raises(ValueError, match=message):
        data.patches(images, size, 2)


def test_high_pass_is_the_haar_hh_band() -> None:
    x = torch.rand(2, 3, 5, 7, dtype=torch.float64)
    kernel = torch.tensor([[0.5, -0.5], [-0.5, 0.5]], dtype=torch.float64).expand(3, 1, 2, 2)
    expected = torch.nn.functional.conv2d(x, kernel, stride=2, groups=3)
    torch.testing.assert_close(data.high_pass(x), expected)
    assert data.high_pass(x[0]).shape == (3, 2, 3)


def test_high_pass_keeps_white_noise_and_removes_ramps() -> None:
    noise = 0.1 * torch.randn(1, 1, 400, 400, generator=units.generator(0), dtype=torch.float64)
    response = data.high_pass(noise)
    assert abs(response.std() / 0.1 - 1) < 4 / (2 * response.numel()) ** 0.5
    y, x = torch.meshgrid(torch.arange(8.0), torch.arange(8.0), indexing="ij")
    assert data.high_pass(3 * y - 2 * x + 1).abs().max() == 0
    with pytest.raises(ValueError, match="at least 2"):
        data.high_pass(torch.zeros(3, 1, 8))
