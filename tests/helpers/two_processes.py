"""Started by test_two_processes.py: one of several processes that share a batch, python -m
tests.helpers.two_processes RANK WORLD FOLDER.
"""

import sys
from pathlib import Path

import torch
import torch.distributed as distributed
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from nflib.transforms import ActNorm
from tests.helpers import tiny_flows

MODELS = ("glow", "srflow")
# processes need not have equally many
SHARES = ((0, 3), (3, 8))


def batch() -> torch.Tensor:
    """Channels of different mean and spread, the two shares of the batch as well."""
    draw = torch.randn(8, 3, 5, 4, generator=torch.Generator().manual_seed(0))
    return 5 + torch.tensor([1.0, 10.0, 0.1]).view(1, 3, 1, 1) * draw + torch.arange(8).view(8, 1, 1, 1)


class Loss(nn.Module):
    """DistributedDataParallel wants a module whose ``forward`` gives the loss."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, *arguments) -> torch.Tensor:
        return self.model.nll(*arguments).mean()


def work(rank: int, world: int) -> dict:
    """What this process finds; with ``world`` 1 it has the whole batch, and there is no process group."""
    found = {}
    layer = ActNorm(3)
    start, end = SHARES[rank] if world > 1 else (0, 8)
    layer(batch()[start:end])
    found["actnorm"] = layer.state_dict()
    constant = ActNorm(3)
    constant(
        torch.full((2, 3, 4, 4), float(rank))
        if world > 1
        else torch.tensor([0.0, 1.0]).view(2, 1, 1, 1).expand(2, 3, 4, 4)
    )
    found["constant"] = constant.state_dict()
    for name in MODELS:
        model = tiny_flows.new(name, torch.float64, steps=1, reversible=True)
        images, *rest = tiny_flows.arguments(model)
        loss = Loss(model)
        if world > 1:  # the image head of an encoder has no part in the flow
            loss = DistributedDataParallel(loss, find_unused_parameters=name != "glow")
        optimiser = torch.optim.SGD(model.parameters(), 1e-4)
        for _ in range(2):
            optimiser.zero_grad()
            loss(*(part[rank::world] for part in (images, *rest))).backward()
            optimiser.step()
        found[name] = model.state_dict()
        found[name + " gradients"] = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
    return found


def main(rank: int, world: int, folder: Path) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=world)
    torch.save(work(rank, world), folder / f"{rank}.pt")
    distributed.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
