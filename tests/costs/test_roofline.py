import pytest
import torch

from nflib.costs import CARDS, Card, measure
from nflib.costs.cost import Cost

COST = Cost(parameters=10, multiply_adds=3_000_000, moved=1_000_000, updated=500_000, kept=0, peak=0)


def test_floor_by_hand() -> None:
    card = Card(
        "slow", float32=2e-6, bfloat16=8e-6, bandwidth=1e-3
    )  # 2 and 8 million operations, 1 million bytes a second
    floor = card.floor(COST)
    assert floor == pytest.approx((3.0, 1.5))
    assert floor.seconds == pytest.approx(3.0)
    assert floor.bound == "operations"
    half = card.floor(COST, "bfloat16")
    assert half == pytest.approx((0.75, 1.0))
    assert half.seconds == pytest.approx(1.0)
    assert half.bound == "bytes"


def test_the_roof_has_a_slope_and_a_flat_part() -> None:
    card = CARDS["H100 SXM"]
    ridge = card.peak("bfloat16") / (1e9 * card.bandwidth)
    assert card.attainable(ridge / 10, "bfloat16") == pytest.approx(card.peak("bfloat16") / 10)
    assert card.attainable(10 * ridge, "bfloat16") == card.peak("bfloat16") == 989.4e12
    intensity = COST.operations / COST.bytes()
    assert COST.operations / card.attainable(intensity) == pytest.approx(card.floor(COST).seconds)


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="bandwidth must be positive, got 0"):
        Card("no", 1.0, 1.0, 0)
    with pytest.raises(ValueError, match="precision must be one of float32, tf32, bfloat16, got 'half'"):
        CARDS["RTX 4090"].peak("half")
    with pytest.raises(ValueError, match="cpu has no TF32"):
        Card("cpu", 1.0, 1.0, 1.0).floor(COST, "tf32")


def test_this_machine_is_no_faster_than_measured(monkeypatch) -> None:
    """A product and a copy of other sizes stay below the measured roof, with room for chance."""
    import nflib.costs.roofline as roofline

    monkeypatch.setattr(roofline, "SECONDS", 0.05)
    before = torch.get_float32_matmul_precision()
    card = measure("cpu")
    assert torch.get_float32_matmul_precision() == before
    assert card.name
    assert card.tf32 is None
    assert card.bfloat16 > 0
    a = torch.randn(200, 200)
    taken = min(roofline.seconds(lambda: a @ a, torch.device("cpu")) for _ in range(5))
    assert 2 * 200**3 / taken < 2 * card.peak()
    source, target = torch.zeros(2**26, dtype=torch.uint8), torch.ones(2**26, dtype=torch.uint8)
    taken = min(roofline.seconds(lambda: target.copy_(source), torch.device("cpu")) for _ in range(5))
    assert 2 * 2**26 / taken < 2e9 * card.bandwidth
