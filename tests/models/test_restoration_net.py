"""The U of residual blocks: what it is at the start, that all of it learns, how far it sees."""

import pytest
import torch

from nflib import units
from nflib.models import RestorationNet, RestorationNetConfig


def images(*shape) -> torch.Tensor:
    return torch.rand(*shape, generator=units.generator(0))


def test_the_small_one_has_the_size_it_says() -> None:
    small = RestorationNet(RestorationNetConfig.small())
    assert sum(parameter.numel() for parameter in small.parameters()) == 215_635
    assert small.multiple == 4


@pytest.mark.parametrize("size", [(16, 16), (7, 13), (1, 1), (1, 40)])
def test_a_new_one_returns_its_input(size) -> None:
    given = images(2, 3, *size)
    assert torch.equal(RestorationNet(RestorationNetConfig(4, 3, 1))(given), given)


def moved(config: RestorationNetConfig) -> RestorationNet:
    torch.manual_seed(0)
    net = RestorationNet(config)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape))
    return net.eval()


def test_every_parameter_is_used() -> None:
    net = moved(RestorationNetConfig(4, 3, 2))
    net.example_loss(images(1, 3, 16, 16)).backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in net.parameters())


def test_padding_is_a_reflection_and_is_cropped() -> None:
    """An image whose sides do not fit has the result of the same image, reflected to sides that do."""
    net, given = moved(RestorationNetConfig(4, 3, 1)), images(1, 3, 16, 15)
    reflected = torch.cat((given, given[..., -2:-1]), -1)
    torch.testing.assert_close(net(given), net(reflected)[..., :15])


def test_it_sees_so_far_that_the_usual_overlap_of_tiles_is_enough() -> None:
    """A change of one pixel reaches no farther than the outer quarter of the largest overlap."""
    net, given = moved(RestorationNetConfig.small()), images(1, 3, 128, 128)
    changed = given.clone()
    changed[..., 64, 64] += 1
    with torch.no_grad():
        reached = (net(changed) - net(given)).abs().sum((0, 1)).nonzero()
    assert 16 < (reached - 64).abs().max() <= RestorationNet.largest_overlap // 4 + 16


def test_a_size_that_is_none() -> None:
    with pytest.raises(ValueError, match="width, levels and blocks must be at least 1"):
        RestorationNetConfig(width=0)
