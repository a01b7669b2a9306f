"""Base distributions: what the latents of a flow are distributed as, in each domain."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from .transforms.base import Latent, per_channel, positions, sum_per_sample, zeros
from .units import randn

__all__ = ["DOMAINS", "DomainGaussian", "LocalDomainGaussian", "StandardNormal"]

DOMAINS = ("clean", "degraded")
"""Names of the two domains, in the order of the numbers that data sets give them."""
Domain = str | Sequence[str]


class StandardNormal(nn.Module):
    """N(0, I) on every latent. Has one domain only, "clean".

    >>> StandardNormal().log_prob(torch.zeros(2, 3))
    tensor([-2.7568, -2.7568])
    """

    def log_prob(self, z: Latent, domain: Domain = "clean") -> Tensor:
        """Log-density in nats, shape (B,), summed over all latents. z: a tensor (B, ...) or a
        tuple of such."""
        if is_degraded(domain, len(zeros(z))).any():
            raise ValueError(
                'StandardNormal knows only the domain "clean"; use DomainGaussian for two domains'
            )
        return cast(Tensor, sum(_normal_log_prob(latent) for latent in _as_tuple(z)))

    def sample(
        self,
        like: Latent,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
        domain: Domain = "clean",
    ) -> Latent:
        """Draw latents shaped like ``like``. The temperature multiplies the standard deviation (SRFlow's
        tau).
        """
        if is_degraded(domain, len(zeros(like))).any():
            raise ValueError(
                'StandardNormal knows only the domain "clean"; use DomainGaussian for two domains'
            )
        draws = tuple(temperature * randn(latent.shape, latent, generator) for latent in _as_tuple(like))
        return draws if isinstance(like, tuple) else draws[0]


class DomainGaussian(nn.Module):
    """Two domains in one latent space: clean is N(0, I), degraded is N(mu, I + A A^T) (DeFlow, eq. 28).

    A degraded latent is a clean one plus an independent shift ``u ~ N(mu, A A^T)``. mu and A act on the
    channels and are shared by all positions of a latent; each level of a multi-scale flow has its own.

    A starts small and not at zero: at zero the gradient with respect to A vanishes and it never leaves.

    >>> base, z = DomainGaussian(2, noise=1.0), torch.zeros(1, 2)
    >>> clean, degraded = (base.log_prob(z, domain).item() for domain in ("clean", "degraded"))
    >>> round(clean - degraded, 4)  # log of 2, twice half of it
    0.6931

    Args:
        channels: channels of the latent, or a sequence with the channels of each latent.
        noise: A starts as ``noise * I``.
    """

    def __init__(self, channels: int | Sequence[int], noise: float = 0.1):
        super().__init__()
        channels = [channels] if isinstance(channels, int) else list(channels)
        self.mean = nn.ParameterList(nn.Parameter(torch.zeros(c)) for c in channels)
        self.factor = nn.ParameterList(nn.Parameter(noise * torch.eye(c)) for c in channels)

    def log_prob(self, z: Latent, domain: Domain = "clean") -> Tensor:
        """Log-density in nats, shape (B,), summed over latents, channels and positions.

        Args:
            z: a tensor (B, C, ...) or a tuple of such, one per level.
            domain: "clean" or "degraded", or a sequence with one of them per sample.
        """
        degraded = is_degraded(domain, len(zeros(z))).to(zeros(z).device)
        total = zeros(z)
        for latent, *parameters in self._levels(z):
            if not degraded.all():
                total = torch.where(degraded, total, total + _normal_log_prob(latent))
            if degraded.any():
                total = torch.where(degraded, total + self._degraded_log_prob(latent, *parameters), total)
        return total

    def sample(
        self,
        like: Latent,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
        domain: Domain = "clean",
    ) -> Latent:
        """Draw latents shaped like ``like``. The temperature multiplies the standard deviation of the clean
        part and the whole shift of the degraded part.
        """
        degraded = is_degraded(domain, len(zeros(like))).to(zeros(like).device)
        clean = tuple(temperature * randn(latent.shape, latent, generator) for latent in _as_tuple(like))
        if degraded.any():
            shift = _as_tuple(self.shift(like, tau=temperature, generator=generator))
            clean = tuple(z + u * degraded.view(-1, *[1] * (z.dim() - 1)) for z, u in zip(clean, shift))
        return clean if isinstance(like, tuple) else clean[0]

    def shift(self, like: Latent, tau: float = 1.0, generator: torch.Generator | None = None) -> Latent:
        """Draw ``tau * u``, ``u ~ N(mu, A A^T)``, shaped like ``like`` (DeFlow, eq. 30: tau scales mean and
        deviation).
        """
        return self.shift_of(StandardNormal().sample(like, generator=generator), tau)

    def shift_of(self, white: Latent, tau: float = 1.0) -> Latent:
        """``tau * u`` for given standard normal numbers, shaped like the latents."""
        shifts = tuple(
            tau * (per_channel(mean, n) + _mix(factor, n)) for n, mean, factor in self._levels(white)
        )
        return shifts if isinstance(white, tuple) else shifts[0]

    def posterior(self, z: Latent) -> tuple[Latent, tuple[Tensor, ...]]:
        """Law of the clean latent given a degraded one ``z``, which is Gaussian.

        With S = A A^T: mean ``(I+S)^-1 (z - mu)`` shaped like z, covariance ``S (I+S)^-1``, one (C, C) matrix
        per level.
        """
        means, covariances = [], []
        for latent, mean, factor in self._levels(z):
            gain = torch.linalg.inv(_total_covariance(factor))
            means.append(_mix(gain, latent - per_channel(mean, latent)))
            covariances.append(gain @ (factor @ factor.T))
        return (tuple(means) if isinstance(z, tuple) else means[0]), tuple(covariances)

    def sample_posterior(self, z: Latent, generator: torch.Generator | None = None) -> Latent:
        """Draw a clean latent given a degraded one, shaped like ``z``: the mean alone would be too smooth."""
        means, covariances = self.posterior(z)
        draws = tuple(
            mean + _mix(_square_root(covariance), randn(mean.shape, mean, generator))
            for mean, covariance in zip(_as_tuple(means), covariances)
        )
        return draws if isinstance(z, tuple) else draws[0]

    def noise_power(self) -> list[float]:
        """tr(A A^T) of each level: log it, it must leave its small start when the degradation has noise."""
        return [float(factor.detach().square().sum()) for factor in self.factor]

    def _degraded_log_prob(self, latent: Tensor, mean: Tensor, factor: Tensor, *more: Any) -> Tensor:
        # I + A A^T is never smaller than I, so its Cholesky factor needs no jitter
        cholesky = torch.linalg.cholesky(_total_covariance(factor))
        centred = (latent - per_channel(mean, latent)).transpose(0, 1).flatten(1)
        white = torch.linalg.solve_triangular(cholesky, centred, upper=False)
        white = white.view(latent.shape[1], latent.shape[0], *latent.shape[2:]).transpose(0, 1)
        return _normal_log_prob(white) - positions(latent) * cholesky.diagonal().log().sum()

    def _levels(self, z: Latent) -> Iterable[tuple[Any, ...]]:
        """Each latent with the parameters of its law."""
        latents = _as_tuple(z)
        if [latent.shape[1] for latent in latents] != [len(mean) for mean in self.mean]:
            raise ValueError(
                f"DomainGaussian was made for latents with {[len(m) for m in self.mean]} channels, "
                f"got {[latent.shape[1] for latent in latents]}"
            )
        return zip(latents, self.mean, self.factor)

    def extra_repr(self) -> str:
        return f"channels={[len(mean) for mean in self.mean]}"


class LocalDomainGaussian(DomainGaussian):
    """Two domains, with noise whose strength depends on the place: clean is N(0, I), degraded is
    ``N(V g mu, I + V (g A)^2 V^T)``.

    Otherwise as :class:`DomainGaussian`.

    The axes V are orthogonal and fixed, A is diagonal. After a full linear layer this loses nothing (the
    layer can turn), and then a gain g > 0 of every axis and position costs nothing more. Noise that depends
    on brightness, or that the flow divides by local contrast, is noise with a gain.

    Use it through :meth:`given`; without gain it is 1 everywhere. ``axes`` start as the identity.

    >>> base, z = LocalDomainGaussian(2, noise=1.0), torch.zeros(1, 2)
    >>> strong = base.given(torch.tensor(3.0))
    >>> weaker, stronger = (law.log_prob(z, "degraded").item() for law in (base, strong))
    >>> round(weaker - stronger, 4)  # log of (1 + 9) / (1 + 1), twice half of it
    1.6094
    """

    def __init__(self, channels: int | Sequence[int], noise: float = 0.1):
        super().__init__(channels, noise)
        for i, factor in enumerate(self.factor):
            self.register_buffer(f"axes{i}", torch.eye(len(factor)))
        self.factor = nn.ParameterList(
            nn.Parameter(factor.detach().diagonal().clone()) for factor in self.factor
        )
        self.gain: Latent | None = None

    def given(self, gain: Latent | None) -> LocalDomainGaussian:
        """This distribution, with its parameters, at a gain: shaped like the latents, or broadcasting to
        them.
        """
        local = copy.copy(self)
        local.gain = gain
        return local

    def shift_of(self, white: Latent, tau: float = 1.0) -> Latent:
        shifts = tuple(
            tau * _mix(axes, gain * (per_channel(mean, n) + per_channel(factor, n) * n))
            for n, mean, factor, axes, gain in self._levels(white)
        )
        return shifts if isinstance(white, tuple) else shifts[0]

    def posterior(self, z: Latent) -> tuple[Latent, tuple[Tensor, ...]]:
        """Law of the clean latent given a degraded one: mean shaped like z, and, instead of covariances, the
        variances along the axes, shaped like z too.
        """
        means, variances = [], []
        for latent, mean, factor, axes, gain in self._levels(z):
            added = (gain * per_channel(factor, latent)).square().expand_as(latent)
            means.append(_mix(axes, (_mix(axes.T, latent) - gain * per_channel(mean, latent)) / (1 + added)))
            variances.append(added / (1 + added))
        return (tuple(means) if isinstance(z, tuple) else means[0]), tuple(variances)

    def sample_posterior(self, z: Latent, generator: torch.Generator | None = None) -> Latent:
        means, variances = self.posterior(z)
        draws = tuple(
            m + _mix(axes, v.sqrt() * randn(m.shape, m, generator))
            for m, v, (_, _, _, axes, _) in zip(_as_tuple(means), variances, self._levels(z))
        )
        return draws if isinstance(z, tuple) else draws[0]

    def _degraded_log_prob(self, latent: Tensor, mean: Tensor, factor: Tensor, *more: Any) -> Tensor:
        axes, gain = more
        deviation = (1 + (gain * per_channel(factor, latent)).square()).sqrt().expand_as(latent)
        white = (_mix(axes.T, latent) - gain * per_channel(mean, latent)) / deviation
        return _normal_log_prob(white) - sum_per_sample(deviation.log())

    def _levels(self, z: Latent) -> Iterable[tuple[Any, ...]]:
        gains: Sequence[Any] = [1.0] * len(self.mean) if self.gain is None else _as_tuple(self.gain)
        axes = [getattr(self, f"axes{i}") for i in range(len(self.mean))]
        return [(*level, a, gain) for level, a, gain in zip(super()._levels(z), axes, gains, strict=True)]


def is_degraded(domain: Domain, batch: int) -> Tensor:
    """Domain names -> a boolean tensor (B,), True where degraded. One name stands for the whole batch."""
    names = [domain] if isinstance(domain, str) else list(domain)
    unknown = sorted({str(name) for name in names} - set(DOMAINS))
    if unknown:
        raise ValueError(f'domain must be "clean" or "degraded", got {unknown[0]!r}')
    if len(names) != batch and not isinstance(domain, str):
        raise ValueError(f"got {len(names)} domain names for a batch of {batch}")
    return torch.tensor([name == "degraded" for name in names]).expand(batch)


def _as_tuple(z: Latent) -> tuple[Tensor, ...]:
    return z if isinstance(z, tuple) else (z,)


def _normal_log_prob(z: Tensor) -> Tensor:
    return sum_per_sample(-0.5 * z.square() - 0.5 * math.log(2 * math.pi))


def _total_covariance(factor: Tensor) -> Tensor:
    return torch.eye(len(factor), dtype=factor.dtype, device=factor.device) + factor @ factor.T


def _mix(matrix: Tensor, z: Tensor) -> Tensor:
    """matrix (C, C) times the channel vector at every position of z (B, C, ...)."""
    return torch.einsum("ij,bj...->bi...", matrix, z)


def _square_root(covariance: Tensor) -> Tensor:
    """The symmetric square root of a covariance that may be singular."""
    eigenvalues, vectors = torch.linalg.eigh((covariance + covariance.T) / 2)
    return (vectors * eigenvalues.clamp(min=0).sqrt()) @ vectors.T
