"""The papers' own checkpoints: their names for our tensors, and what their shapes say about the
configuration.

One module per kind of network: how to build the model from a state dict, and pairs of official name and our
name.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from torch import Tensor, nn

from ...files import damaged
from ...models import LUDVAE, DnCNN, RRDBNet
from ...transforms import ActNorm
from ..matching import at_most, listed
from . import dncnn, flows, ludvae, rrdb
from .flows import UNUSED
from .reading import read_state

BUILDERS = {
    "srflow": flows.build_srflow,
    "deflow": flows.build_deflow,
    "rrdb": rrdb.build,
    "ludvae": ludvae.build,
    "dncnn": dncnn.build,
}
NAMES: dict[type, Callable[[Any], Iterator[tuple[str, str]]]] = {
    RRDBNet: rrdb.names,
    LUDVAE: ludvae.names,
    DnCNN: dncnn.names,
}


def load_official(
    source: Mapping[str, Tensor] | str | os.PathLike, architecture: str, taps: tuple[int, ...] | None = None
) -> nn.Module:
    """A model from an official checkpoint, strictly: every tensor is used, known to be unused, or an error.

    Args:
        source: the state dict, or a .pth, .pt or .safetensors file. A leading ``module.`` in the names is
            dropped.
        architecture: "srflow", "deflow", "rrdb", "ludvae" or "dncnn".
        taps: trunk blocks the flow is told, if the model is not one of the published ones (the weights do not
            say).

    Returns:
        The model in evaluation mode, its configuration inferred from names and shapes, its dtype that of the
        tensors.

    Raises:
        ValueError: unreadable file, unknown architecture, or names that are missing or unknown, which are
            listed.
    """
    if architecture not in BUILDERS:
        raise ValueError(f"architecture must be one of {', '.join(BUILDERS)}, got {architecture!r}")
    if not isinstance(source, Mapping):
        with damaged(source, "not a readable checkpoint"):
            return load_official(read_state(source), architecture, taps)
    state = {name.removeprefix("module."): tensor for name, tensor in read_state(source).items()}
    used = {name: tensor for name, tensor in state.items() if not UNUSED.fullmatch(name)}
    try:
        with at_most(sum(tensor.numel() for tensor in used.values())):
            model = BUILDERS[architecture](used, taps)
    except (IndexError, ZeroDivisionError):
        raise ValueError(f"not an official {architecture} checkpoint: its tensors make no network") from None
    except KeyError as error:
        raise ValueError(
            f"not an official {architecture} checkpoint: it has no tensor {error.args[0]}"
        ) from None
    names = dict(official_names(model))
    missing, unknown = sorted(set(names) - set(used)), sorted(set(used) - set(names))
    if missing or unknown:
        raise ValueError(
            f"not an official {architecture} checkpoint: missing {listed(missing)}; unknown {listed(unknown)}"
        )
    model.to(used[next(iter(names))].dtype)
    own = model.state_dict()
    for name, ours in names.items():
        if used[name].squeeze().shape != own[ours].squeeze().shape:
            raise ValueError(
                f"{name} has shape {tuple(used[name].shape)}, expected one like {tuple(own[ours].shape)}"
            )
        own[ours] = used[name].reshape(own[ours].shape)
    model.load_state_dict(own)
    for module in model.modules():
        if isinstance(module, ActNorm):
            assert isinstance(module.initialised, Tensor)
            module.initialised.fill_(True)
    return model.eval()


def official_state(model: nn.Module) -> dict[str, Tensor]:
    """The model's tensors under their official names and shapes, without those that are never used."""
    own = model.state_dict()
    return {
        name: own[ours].reshape(flows.official_shape(name, own[ours])) for name, ours in official_names(model)
    }


def official_names(model: nn.Module) -> Iterator[tuple[str, str]]:
    """Pairs of official name and our name, in official order."""
    return NAMES.get(type(model), flows.names)(model)
