"""check_transform: everything a transform must satisfy, against autograd, in float64."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..transforms.base import Latent, Transform
from ..transforms.context import Context

_TOLERANCE = 1e-8


def check_transform(transform: Transform, x: Tensor, context: Context = None) -> None:
    """Raise AssertionError unless the transform keeps every promise of :class:`~nflib.transforms.Transform`.

    Checked on a float64 copy, so that the transform itself is not changed. If it is new and initialises from
    data, ``x`` initialises it. All parameters are moved a little off their start first, since an identity
    would pass too easily.

    1. ``log_det`` has shape (B,) and equals ``log|det J|`` of the autograd Jacobian, in both directions.
    2. ``inverse(forward(x))`` is x and ``forward(inverse(z))`` is z; the two log-determinants are opposite.
    3. ``latent_shape`` tells the truth.
    4. Every sample is treated as if it were alone in the batch.
    5. Training and evaluation mode agree (after initialisation).
    6. Saved and loaded, it computes the same.
    7. Every parameter gets a gradient from the likelihood.

    Args:
        transform: takes ``(x, context)``.
        x: (B, D) or (B, C, H, W), B >= 2, small: the Jacobian of one sample has (C*H*W)^2 entries.
        context: for the whole batch, if the transform is conditional.
    """
    if len(x) < 2:
        raise ValueError(f"check_transform needs a batch of at least 2, got {len(x)}")
    fresh = copy.deepcopy(transform).double()
    transform = copy.deepcopy(fresh)
    x, context = x.detach().double(), _map(context, lambda c: c.detach().double())
    transform.train()
    transform(x, context)  # data-dependent initialisation
    _perturb(transform)
    transform.eval()

    z, log_det = transform(x, context)
    back, log_det_inverse = transform.inverse(z, context)
    again, _ = transform(back, context)
    assert log_det.shape == (len(x),), (
        f"log_det of forward must have shape ({len(x)},), got {tuple(log_det.shape)}"
    )
    assert log_det_inverse.shape == (len(x),), (
        f"log_det of inverse must have shape ({len(x)},), got {tuple(log_det_inverse.shape)}"
    )
    _close(back, x, "inverse(forward(x)) is not x")
    _close(_flat(again), _flat(z), "forward(inverse(z)) is not z")
    _close(log_det_inverse, -log_det, "the log_det of inverse is not minus that of forward")

    shape = transform.latent_shape(tuple(x.shape))
    assert _shapes(z) == shape, f"latent_shape promised {shape}, the latent has {_shapes(z)}"

    for i in range(len(x)):
        one = slice(i, i + 1)
        alone = _rows(context, one)
        z_alone, log_det_alone = transform(x[one], alone)
        _close(_flat(z_alone), _flat(z)[one], f"sample {i} alone gives another latent than in the batch")
        _close(log_det_alone, log_det[one], f"sample {i} alone gives another log_det than in the batch")
        _close(
            log_det[i],
            _jacobian_log_det(lambda v, alone=alone: _flat(transform(v, alone)[0]), x[one]),
            "the log_det of forward is not log|det| of its Jacobian",
        )
        latent = _map(_rows(z, one), Tensor.detach)
        flat, rebuild = _flat(latent), _unflattener(latent)
        _close(
            log_det_inverse[i],
            _jacobian_log_det(
                lambda v, rebuild=rebuild, alone=alone: transform.inverse(rebuild(v), alone)[0], flat
            ),
            "the log_det of inverse is not log|det| of its Jacobian",
        )

    transform.train()
    z_train, log_det_train = transform(x, context)
    _close(_flat(z_train), _flat(z), "training and evaluation mode give different latents")
    _close(log_det_train, log_det, "training and evaluation mode give different log_dets")

    _check_save_and_load(transform, fresh, x, context)
    _check_gradients(transform, x, context)


def _check_save_and_load(transform, fresh, x, context) -> None:
    file = io.BytesIO()
    torch.save(transform.state_dict(), file)
    file.seek(0)
    fresh.load_state_dict(torch.load(file, weights_only=True))
    fresh.train()  # "initialised" must have been saved: otherwise it starts afresh on these other data
    other = 2 * x + 1
    z_loaded, log_det_loaded = fresh(other, context)
    z, log_det = transform(other, context)
    _close(_flat(z_loaded), _flat(z), "a loaded transform gives another latent")
    _close(log_det_loaded, log_det, "a loaded transform gives another log_det")


def _check_gradients(transform, x, context) -> None:
    if not list(transform.parameters()):
        return
    transform.zero_grad()
    z, log_det = transform(x, context)
    (0.5 * _flat(z).square().sum(1) - log_det).mean().backward()
    for name, parameter in transform.named_parameters():
        assert parameter.grad is not None, f"parameter {name} gets no finite gradient"
        assert parameter.grad.isfinite().all(), f"parameter {name} gets no finite gradient"
        assert parameter.grad.abs().max() > 0, f"the gradient of parameter {name} is zero"


@torch.no_grad()
def _perturb(transform: Transform) -> None:
    generator = torch.Generator().manual_seed(0)
    for parameter in transform.parameters():
        # a fifth of what is there; where there is only zero, less for wide matrices
        present = parameter.square().mean().sqrt()
        size = present if present > 0 else 1 / (parameter.shape[-1] if parameter.dim() else 1) ** 0.5
        parameter.add_(0.2 * size * torch.randn(parameter.shape, dtype=parameter.dtype, generator=generator))


def _jacobian_log_det(function, x: Tensor) -> Tensor:
    """log|det| of the Jacobian of a function of one flattened sample."""
    shape = x.shape
    jacobian = torch.autograd.functional.jacobian(lambda v: function(v.view(shape)).flatten(), x.flatten())
    rows, columns = jacobian.shape
    assert rows == columns, f"not a bijection: {columns} values in, {rows} out"
    return torch.linalg.slogdet(jacobian).logabsdet


def _map(value: Any, function: Callable[[Tensor], Tensor]) -> Any:
    """Apply to a tensor, or to every tensor of a (nested, perhaps named) tuple or list; None stays None."""
    if value is None or isinstance(value, Tensor):
        return None if value is None else function(value)
    parts = [_map(part, function) for part in value]
    return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)


def _rows(value: Any, rows: slice) -> Any:
    return _map(value, lambda part: part[rows])


def _leaves(z: Latent) -> list[Tensor]:
    return [z] if isinstance(z, Tensor) else [leaf for part in z for leaf in _leaves(part)]


def _flat(z: Latent) -> Tensor:
    """All latents of a sample in one row: (B, total)."""
    return torch.cat([leaf.flatten(1) for leaf in _leaves(z)], 1)


def _shapes(z: Latent) -> tuple:
    return tuple(z.shape) if isinstance(z, Tensor) else tuple(_shapes(part) for part in z)


def _unflattener(like: Latent) -> Callable[[Tensor], Latent]:
    """The inverse of _flat for latents shaped like the given ones."""

    def rebuild(flat: Tensor) -> Latent:
        parts = iter(flat.split([leaf[0].numel() for leaf in _leaves(like)], 1))
        return _map(like, lambda leaf: next(parts).view(leaf.shape))

    return rebuild


def _close(actual: Tensor, expected: Tensor, message: str) -> None:
    error = (actual - expected).abs().max() / (1 + expected.abs().max())
    assert error < _TOLERANCE, f"{message} (relative error {error:.2e})"
