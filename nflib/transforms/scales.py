"""How a conditioner's raw output becomes an elementwise affine map. Shared by coupling, injector
and split."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Scale(nn.Module):
    """``z = scale * x + shift`` with ``log_scale = self.log_scale(raw)``; ``raw`` and ``shift`` come from a
    network.

    >>> class Unscaled(Scale):
    ...     def log_scale(self, raw):
    ...         return torch.zeros_like(raw)
    >>> x, raw, shift = torch.ones(3), torch.zeros(3), torch.tensor([0.0, 1.0, 2.0])
    >>> z, log_scale = Unscaled().apply(x, raw, shift)
    >>> z
    tensor([1., 2., 3.])
    """

    def log_scale(self, raw: Tensor) -> Tensor:
        raise NotImplementedError

    def apply(  # type: ignore[override]  # not that of modules
        self, x: Tensor, raw: Tensor, shift: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Data -> latent. Returns z and log_scale, both shaped like x."""
        log_scale = self.log_scale(raw)
        return x * log_scale.exp() + shift, log_scale

    def invert(self, z: Tensor, raw: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
        """Latent -> data. Returns x and the log_scale of the data -> latent direction."""
        log_scale = self.log_scale(raw)
        return (z - shift) * (-log_scale).exp(), log_scale

    def retrace(self, z: Tensor, raw: Tensor, shift: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Go from an output without graph back: x, a leaf that asks for a gradient, and from it z and
        log_scale with a graph (reversible training).
        """
        with torch.no_grad():
            x = self.invert(z, raw, shift)[0]
        x.requires_grad_()
        return x, *self.apply(x, raw, shift)


class BoundedScale(Scale):
    """``log_scale = limit * tanh(raw / limit)``: the identity at raw = 0 and never outside ``exp(+-limit)``.

    The default. An unbounded scale is what makes flows overflow in training and divide by almost zero when
    sampling.

    >>> BoundedScale(limit=2.0).log_scale(torch.tensor([-100.0, 0.0, 100.0]))
    tensor([-2.,  0.,  2.])
    """

    def __init__(self, limit: float = 2.0):
        super().__init__()
        self.limit = limit

    def log_scale(self, raw: Tensor) -> Tensor:
        return self.limit * torch.tanh(raw / self.limit)

    def extra_repr(self) -> str:
        return f"limit={self.limit}"


class ExponentialScale(Scale):
    """``log_scale = raw``, without a bound: the coupling as the papers write it (SRFlow slides; RealNVP).

    >>> ExponentialScale().log_scale(torch.tensor([-100.0, 0.0, 100.0]))
    tensor([-100.,    0.,  100.])
    """

    def log_scale(self, raw: Tensor) -> Tensor:
        return raw


class SigmoidScale(Scale):
    """``z = (x + shift) * scale``, ``scale = sigmoid(raw + 2) + eps``: what the published SRFlow and DeFlow
    code computes.

    Not the identity at raw = 0 but a multiplication by sigmoid(2) = 0.88. For loading official weights.

    >>> SigmoidScale().log_scale(torch.zeros(1)).exp()
    tensor([0.8809])
    """

    def __init__(self, eps: float = 1e-4):
        super().__init__()
        self.eps = eps

    def log_scale(self, raw: Tensor) -> Tensor:
        # log(sigmoid(r) + eps) without the underflow of sigmoid for very negative r
        return torch.logaddexp(F.logsigmoid(raw + 2), raw.new_tensor(self.eps).log())

    def apply(  # type: ignore[override]  # not that of modules
        self, x: Tensor, raw: Tensor, shift: Tensor
    ) -> tuple[Tensor, Tensor]:
        log_scale = self.log_scale(raw)
        return (x + shift) * log_scale.exp(), log_scale

    def invert(self, z: Tensor, raw: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
        log_scale = self.log_scale(raw)
        return z * (-log_scale).exp() - shift, log_scale

    def extra_repr(self) -> str:
        return f"eps={self.eps}"


class GaussianScale(Scale):
    """``z = (x - shift) * exp(-raw)``: what a Gaussian of mean ``shift`` and log-deviation ``raw`` makes
    standard (SRFlow's split).
    """

    def log_scale(self, raw: Tensor) -> Tensor:
        return -raw

    def apply(  # type: ignore[override]  # not that of modules
        self, x: Tensor, raw: Tensor, shift: Tensor
    ) -> tuple[Tensor, Tensor]:
        return (x - shift) * (-raw).exp(), -raw

    def invert(self, z: Tensor, raw: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
        return z * raw.exp() + shift, -raw


class InverseScale(Scale):
    """Another scale run the other way: data -> latent divides where that one multiplies (the published
    DeFlow).
    """

    def __init__(self, scale: Scale):
        super().__init__()
        self.scale = scale

    def log_scale(self, raw: Tensor) -> Tensor:
        return -self.scale.log_scale(raw)

    def apply(  # type: ignore[override]  # not that of modules
        self, x: Tensor, raw: Tensor, shift: Tensor
    ) -> tuple[Tensor, Tensor]:
        z, log_scale = self.scale.invert(x, raw, shift)
        return z, -log_scale

    def invert(self, z: Tensor, raw: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
        x, log_scale = self.scale.apply(z, raw, shift)
        return x, -log_scale
