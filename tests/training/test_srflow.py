import torch

from nflib.models import SRFlow
from nflib.training import SRFlowTask
from tests.helpers import tiny


def test_the_loss_is_bits_per_dimension() -> None:
    """By hand: log2 of the density of the 8-bit levels, per value."""
    torch.manual_seed(0)
    model = SRFlow(tiny.CONFIG).double().eval()
    hr, lr = torch.randint(256, (2, 3, 16, 16)).double() / 255, torch.rand(2, 3, 4, 4).double()
    task = SRFlowTask(model)
    loss = task.loss(model, (hr, lr), torch.Generator().manual_seed(1))
    noise = torch.rand(hr.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    nll = model.nll(((255 * hr).round() + noise) / 256, lr)
    per_value = nll / torch.log(torch.tensor(2.0, dtype=torch.float64)) / (3 * 16 * 16) + 8
    torch.testing.assert_close(loss, per_value.mean(), rtol=1e-12, atol=0)
