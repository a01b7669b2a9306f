"""Hand formulas against what the counter finds."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from experiments.speed import plain
from nflib.costs import Counter
from nflib.costs.workloads import without_data
from nflib.models import DeFlow, DeFlowConfig, SRFlow, SRFlowConfig


@pytest.mark.parametrize("device", ["meta", "cpu"])
def test_a_convolution_forward_and_backward(device) -> None:
    x = torch.zeros(2, 6, 10, 12, device=device, requires_grad=True)
    weight = torch.zeros(8, 3, 3, 3, device=device, requires_grad=True)
    with Counter() as forward:
        y = F.conv2d(x, weight, stride=2, padding=1, groups=2)
    once = 2 * 8 * 5 * 6 * 3 * 9
    assert forward.multiply_adds == once
    assert forward.moved == 4 * (x.numel() + weight.numel() + y.numel())
    gradient = torch.zeros_like(y)
    with Counter() as backward:
        y.backward(gradient)
    assert backward.multiply_adds == 2 * once
    assert backward.moved >= 4 * (y.numel() + 2 * x.numel() + 2 * weight.numel())


def test_matrix_products() -> None:
    a, b, bias = (
        torch.zeros(3, 5, device="meta"),
        torch.zeros(5, 7, device="meta"),
        torch.zeros(7, device="meta"),
    )
    with Counter() as counter:
        a @ b
        torch.addmm(bias, a, b)
        torch.zeros(2, 3, 5, device="meta") @ torch.zeros(2, 5, 7, device="meta")
    assert counter.multiply_adds == (1 + 1 + 2) * 3 * 5 * 7


def test_what_moves() -> None:
    x, y = torch.zeros(4, 6, device="meta"), torch.zeros(4, 6, device="meta")
    cases = [
        (lambda: x + y, 3 * 96, 1),
        (lambda: x.add_(y), 3 * 96, 1),
        (lambda: x.copy_(y), 2 * 96, 1),
        (lambda: x.zero_(), 96, 1),
        (lambda: torch.cat((x, y)), 4 * 96, 1),
        (lambda: x.view(6, 4)[1:].T.detach(), 0, 0),
        (lambda: x.new_empty(5), 0, 0),
        (lambda: x[:, :1].exp(), 2 * 16, 1),
        (lambda: x[0].expand(9, 6) * 1.0, 96 + 9 * 24, 1),
        (lambda: x.exp().view(-1) + y.view(-1), 5 * 96, 2),
    ]
    for function, expected, calls in cases:
        with Counter() as counter:
            function()
        assert (counter.moved, counter.calls) == (expected, calls)


def test_the_most_that_is_alive_at_once() -> None:
    with Counter() as counter:
        x = torch.zeros(1000, device="meta")
        for _ in range(5):
            x = x + 1  # two at a time
        y = x[:10]
        del x
        torch.zeros(500, device="meta")
    assert counter.peak == 2 * 4000
    assert len(y) == 10


def test_after_a_forward_pass_is_alive_what_autograd_holds() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 5, 1)).to("meta")
    with Counter() as counter:
        y = model(torch.zeros(1, 3, 8, 8, device="meta"))
        assert counter.alive == 4 * (3 + 4 + 5) * 64  # the input of each convolution, the result
        del y
        assert counter.alive == 0


@pytest.mark.parametrize(
    ("model", "config", "billions"),
    [(DeFlow, DeFlowConfig.aim(), 122.3), (SRFlow, SRFlowConfig.df2k_x4(), 84.3)],
    ids=["deflow", "srflow"],
)
def test_the_published_way_takes_what_the_published_code_does(model, config, billions) -> None:
    """One forward pass of one crop of 160 pixels, the unused head of the encoder included. The difference is
    the product of the LU factors, which the convolutions alone do not have.
    """
    net = without_data(config).eval()
    image, small = (
        torch.empty(1, 3, 160, 160, device="meta"),
        torch.empty(1, 3, 160 // config.scale, 160 // config.scale, device="meta"),
    )
    with Counter() as published, torch.no_grad():
        plain.encode(net, image, small)
    assert published.multiply_adds / 1e9 == pytest.approx(billions, abs=0.1)
