import pytest
import torch

from nflib.training.averaging import Average


def test_average() -> None:
    model = torch.nn.Linear(1, 1, bias=False)
    average = Average(model, 0.5)
    values, expected = [2.0, 3.0, 5.0, 7.0], model.weight.item()
    for n, value in enumerate(values):
        torch.nn.init.constant_(model.weight, value)
        average.update(model)
        decay = min(0.5, (1 + n) / (10 + n))
        expected = decay * expected + (1 - decay) * value
    assert average.model.weight.item() == pytest.approx(expected)
    assert not average.model.weight.requires_grad
