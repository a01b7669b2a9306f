"""ActNorm: one scale and one bias per channel, set from the first batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.distributed as distributed
from torch import Tensor, nn

from .base import (
    Pulled,
    Transform,
    check_channels,
    per_channel,
    positions,
    sum_per_channel,
)
from .context import Context
from .precision import raised


class ActNorm(Transform):
    """``z = (x + bias) * exp(log_scale)`` per channel (Glow, section 3.1).

    The first batch seen in training mode, data -> latent, sets bias and scale so that every channel of ``z``
    has mean 0 and variance 1 over batch and positions. Before that, and in evaluation mode, the layer uses
    its parameters as they are (the identity when new). Whether it was initialised is a saved buffer.
    ``log_det = H*W*sum(log_scale)``.

    In distributed training the first batch is that of all processes together, so that all of them start
    alike. ``z`` has the precision of ``x``.

    >>> layer = ActNorm(2)
    >>> z, log_det = layer(torch.tensor([[1.0, 0.0], [3.0, 8.0]]))  # the first batch sets bias and scale
    >>> z.round().tolist(), torch.allclose(log_det.exp(), torch.tensor(1 / 4))
    ([[-1.0, -1.0], [1.0, 1.0]], True)

    Args:
        channels: size C of dimension 1; ``x`` has shape (B, C) or (B, C, H, W).

    Raises:
        ValueError: if the batch that initialises has a constant channel, since no scale makes its variance 1.
    """

    initialised: Tensor

    def __init__(self, channels: int):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels))
        self.log_scale = nn.Parameter(torch.zeros(channels))
        self.register_buffer("initialised", torch.tensor(False))
        self._seen_initialised = False

    def waits(self) -> bool:
        """Whether it takes the next batch, data -> latent, to initialise itself."""
        if not self.training or self._seen_initialised:
            # without asking the buffer: a GPU would have to finish all it does, and compiled code end here
            return False
        self._seen_initialised = bool(self.initialised)
        return not self._seen_initialised

    def _load_from_state_dict(self, *arguments: Any) -> None:
        super()._load_from_state_dict(*arguments)
        self._seen_initialised = False

    @torch.no_grad()
    def initialise(self, x: Tensor) -> None:
        """Set bias and scale from this batch (population variance, no epsilon). In distributed training all
        processes call it at once.
        """
        deviation, mean = _statistics(raised(x).transpose(0, 1).flatten(1))
        # A constant channel has a deviation of rounding size, not of exactly zero.
        constant = ~(deviation > 16 * torch.finfo(mean.dtype).eps * mean.abs())
        if constant.any():
            raise ValueError(
                f"ActNorm cannot initialise: channel {int(constant.nonzero()[0])} is constant or not "
                "finite in the first batch "
                f"of shape {tuple(x.shape)}. Give it a batch in which every channel varies."
            )
        self.bias.copy_(-mean)
        self.log_scale.copy_(-deviation.log())
        self.initialised.fill_(True)

    def forward(self, x: Tensor, context: Context = None) -> tuple[Tensor, Tensor]:
        check_channels(x, len(self.bias), "ActNorm")
        if self.waits():
            self.initialise(x)
        z = (x + self._per_channel(self.bias, x)) * self._per_channel(self.log_scale.exp(), x)
        return z, self._log_det(x)

    def inverse(self, z: Tensor, context: Context = None) -> tuple[Tensor, Tensor]:
        check_channels(z, len(self.bias), "ActNorm")
        x = z * self._per_channel((-self.log_scale).exp(), z) - self._per_channel(self.bias, z)
        return x, -self._log_det(z)

    def pull_back(
        self, z: Tensor, of_z: Tensor, of_log_det: Tensor, context: Context, wanted: Sequence[Tensor]
    ) -> Pulled:
        of_x = of_z * self._per_channel(self.log_scale.exp(), z)
        of_log_scale = sum_per_channel(of_z * z) + positions(z) * of_log_det.sum()
        return Pulled(
            self.inverse(z)[0], of_x, [(self.bias, sum_per_channel(of_x)), (self.log_scale, of_log_scale)]
        )

    def _per_channel(self, parameter: Tensor, x: Tensor) -> Tensor:
        return per_channel(parameter, x).to(x.dtype)

    def _log_det(self, x: Tensor) -> Tensor:
        return (positions(x) * self.log_scale.sum()).expand(len(x))

    def extra_repr(self) -> str:
        return f"channels={len(self.bias)}"


def _statistics(values: Tensor) -> tuple[Tensor, Tensor]:
    """Deviation and mean of each row of (C, N), over the rows of all processes where there are several."""
    if not (distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1):
        return torch.std_mean(values, dim=1, correction=0)
    mine = values.double()
    sums = torch.cat((mine.sum(1), mine.new_tensor([mine.shape[1]])))
    distributed.all_reduce(sums)
    mean, count = sums[:-1] / sums[-1], sums[-1]
    squares = (mine - mean[:, None]).square().sum(1)
    distributed.all_reduce(squares)
    return (squares / count).sqrt().to(values.dtype), mean.to(values.dtype)
