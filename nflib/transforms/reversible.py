"""Training in memory that does not grow with depth: inputs are recomputed from outputs while the gradient
goes backwards.

Autograd keeps what every layer was given. A flow needs none of that: the inverse of a layer gives its input
back (Gomez et al., The reversible residual network, NeurIPS 2017; Glow, section 3). So only the output of a
chain of transforms is kept, and the backward pass walks from its last transform to its first: recover the
input, repeat the transform with a graph, take its gradients, forget both. One transform at a time has
activations, whatever their number. It costs a second evaluation of every network.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from .context import Context, map_tensors, tensors

if TYPE_CHECKING:
    from .base import Latent, Transform

# Largest error of the input that one transform gives back, in units of the rounding of its dtype.
EXACT = 2**10
# Largest error of the input that a whole chain gives back. Beyond it gradients are worth nothing.
DRIFT = 1e-2


class Recomputation:
    """Runs transforms one after the other; in the backward pass their inputs are recomputed from the last
    output.

    ``recomputation(transforms, x, context)`` returns ``(z, log_det)`` as the transforms themselves would,
    with the same gradients up to rounding: to x, to the tensors of the context and to the parameters, those
    of log_det included. The transforms must be deterministic. Autocast is in the backward pass what it was in
    the forward pass.

    Two things are watched. On the first batch every transform has to give its input back to rounding; one
    that does not, or has no inverse, is run plainly from then on. After each backward pass values of the
    recovered input of the chain are compared with the true ones; if errors have grown over the chain until
    gradients are worth nothing, all of it is run plainly from the next pass on. Either is said once, by a
    warning.

    >>> from nflib.transforms import ActNorm, AffineCoupling
    >>> x = torch.rand(2, 4, 8, 8, requires_grad=True)
    >>> z, log_det = Recomputation()([ActNorm(4).eval(), AffineCoupling(4)], x)
    >>> (z.sum() - log_det.sum()).backward()
    >>> torch.equal(x.grad, torch.ones_like(x))
    True
    """

    def __init__(self):
        self.plain: frozenset[int] | None = (
            None  # numbers of the transforms that are run plainly; None before the first batch
        )
        self.drift: Tensor | None = (
            # error of the last recovered input; looked at in the next pass, since now a GPU would wait for it
            None
        )

    def __call__(
        self, transforms: Sequence[Transform], x: Tensor, context: Context = None
    ) -> tuple[Latent, Tensor]:
        if self.plain is None:
            self.plain = _not_invertible(transforms, x, context)
        elif self.drift is not None:
            self._look_at_drift(len(transforms), float(self.drift))
        kept = self.plain
        z: Any = x
        log_det = x.new_zeros(len(x))
        for plain, numbered in groupby(enumerate(transforms), lambda pair: pair[0] in kept):
            run = [transform for _, transform in numbered]
            z, term = (_forward if plain else self._recomputed)(run, z, context)
            log_det = log_det + term
        return z, log_det

    def _recomputed(
        self, transforms: Sequence[Transform], x: Tensor, context: Context
    ) -> tuple[Latent, Tensor]:
        chain = _Chain(transforms, map_tensors(context, _hole), _autocast(x.device.type), self)
        *z, log_det = _Recompute.apply(chain, x, *tensors(context), *chain.all_parameters())
        return _filled(chain.latent, z), log_det

    def _look_at_drift(self, count: int, drift: float) -> None:
        self.drift = None
        if drift > DRIFT:
            self.plain = frozenset(range(count))
            warnings.warn(
                f"reversible training stops here: the input recovered through {count} transforms was "
                f"wrong by {drift:.1e}, so the gradients of "
                "the last step may be bad. From now on activations are kept.",
                stacklevel=2,
            )


class _Chain:
    """What the backward pass has to know besides tensors. Of the context and of the latent it is the
    structure alone.
    """

    def __init__(
        self,
        transforms: Sequence[Transform],
        context: Context,
        autocast: Callable[[], AbstractContextManager],
        watch: Recomputation,
    ):
        self.transforms, self.context, self.autocast, self.watch = transforms, context, autocast, watch
        self.parameters = [[p for p in transform.parameters() if p.requires_grad] for transform in transforms]
        self.latent: Latent | None = None

    def all_parameters(self) -> list[Tensor]:
        """Each once, whatever number of transforms share it."""
        return list({id(p): p for own in self.parameters for p in own}.values())


class _Recompute(torch.autograd.Function):
    """Tensors of the context and parameters are inputs, so that their gradients take autograd's usual way,
    with all its hooks.
    """

    @staticmethod
    def forward(ctx, chain, x, *others):
        with chain.autocast():
            z, log_det = _forward(chain.transforms, x, _filled(chain.context, others))
        latents = tensors(z)
        chain.latent = map_tensors(z, _hole)
        ctx.chain, ctx.count = chain, len(latents)
        ctx.save_for_backward(_some(x), *latents, *others)
        return *latents, log_det

    @staticmethod
    @once_differentiable
    def backward(ctx, *gradients):
        chain = ctx.chain
        truth, *saved = ctx.saved_tensors
        z, others = _filled(chain.latent, saved), saved[ctx.count :]
        parameters = chain.all_parameters()
        told, needed = others[: len(others) - len(parameters)], ctx.needs_input_grad[2:]
        # leaves of their own: the gradients of each transform end here, not in what made the context
        told = [tensor.detach().requires_grad_(asks) for tensor, asks in zip(told, needed)]
        context, leaves = _filled(chain.context, told), [tensor for tensor in told if tensor.requires_grad]
        total: dict[int, Tensor] = {}
        *of_z, of_log_det = gradients
        of_z = _filled(chain.latent, of_z)
        with chain.autocast():
            for transform, own in zip(reversed(chain.transforms), reversed(chain.parameters)):
                z, of_z, found = transform.pull_back(z, of_z, of_log_det, context, [*leaves, *own])
                for tensor, gradient in found:
                    key = id(tensor)
                    total[key] = total[key] + gradient if key in total else gradient
        chain.watch.drift = _error(_some(z), truth)
        return None, of_z, *(total.get(id(tensor)) for tensor in (*told, *parameters))


def _forward(transforms: Sequence[Transform], x: Tensor, context: Context) -> tuple[Latent, Tensor]:
    log_det = x.new_zeros(len(x))
    for transform in transforms:
        x, term = transform(x, context)
        log_det = log_det + term
    return x, log_det


@torch.no_grad()
def _not_invertible(transforms: Sequence[Transform], x: Tensor, context: Context) -> frozenset[int]:
    """Numbers of the transforms that do not give their input back; with a warning if there are any."""
    found = {}
    for number, transform in enumerate(transforms):
        z, _ = transform(x, context)
        try:
            error = float(_error(transform.inverse(z, context)[0], x))
        except NotImplementedError:
            error = None
        if error is None or not error <= EXACT * torch.finfo(x.dtype).eps:
            name = type(transform).__name__
            found[number] = (
                f"{name} has no inverse"
                if error is None
                else f"{name} gives back its input with an error of {error:.1e}"
            )
        x = z
    if found:
        warnings.warn(
            f"not reversible, activations are kept: {'; '.join(dict.fromkeys(found.values()))}", stacklevel=2
        )
    return frozenset(found)


def _some(x: Tensor) -> Tensor:
    """Values of x, evenly spaced, a few thousand at most: enough to see whether all are right."""
    values = x.detach().flatten()
    return values[:: 1 + len(values) // 4096].clone()


def _error(recovered: Tensor, x: Tensor) -> Tensor:
    """The largest error, in units of 1 plus the largest value."""
    return (recovered - x).abs().amax() / (1 + x.abs().amax())


def _autocast(device: str) -> Callable[[], AbstractContextManager]:
    """Makes contexts with autocast as it is now, but for its cache: that would hand a weight that was cast
    without a graph to the pass that needs one.
    """
    if not torch.amp.is_autocast_available(device):
        return nullcontext
    return partial(
        torch.autocast,
        device,
        torch.get_autocast_dtype(device),
        torch.is_autocast_enabled(device),
        cache_enabled=False,
    )


def _hole(_: Tensor) -> Tensor:
    return torch.empty(0)


def _filled(structure: Any, values: Iterable[Tensor]) -> Any:
    """The structure with its holes filled in order. There may be more values than holes."""
    rest = iter(values)
    return map_tensors(structure, lambda _: next(rest))
