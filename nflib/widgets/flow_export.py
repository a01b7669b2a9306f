"""A conditional flow with its condition, as plain data for the browser (``static/flow.mjs``), and back.

Weights keep the names they have in nflib. Each array is ``{"shape", "half", "data"}``: little-endian float16
in base64 where that loses nothing, as with the bundled models, which are stored so; else float32.
"""

from __future__ import annotations

import base64
import copy
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..models.conditional import ConditionalFlow, Conditioning
from ..transforms import BoundedScale, InvertibleConv1x1
from .prng import normals


def pack(values: Tensor) -> dict:
    """A tensor as JSON can hold it, rounded to float32."""
    array = values.detach().cpu().to(torch.float32).numpy()
    with np.errstate(over="ignore"):
        half = array.astype("<f2")
    exact = bool((half.astype(np.float32) == array).all())
    data = base64.b64encode((half if exact else array.astype("<f4")).tobytes()).decode()
    return {"shape": list(array.shape), "half": exact, "data": data}


def unpack(packed: dict) -> Tensor:
    """The float64 tensor of what :func:`pack` made."""
    array = np.frombuffer(base64.b64decode(packed["data"]), "<f2" if packed["half"] else "<f4")
    return torch.from_numpy(array.astype(np.float64)).reshape(packed["shape"])


def export(flow: ConditionalFlow, known: Conditioning) -> dict:
    """What the browser needs to encode and decode images with this condition.

    Args:
        flow: with bounded scales.
        known: of one image, by the ``prepare`` of the model.
    """
    levels: Any = flow.levels
    if not all(
        type(step.scale) is BoundedScale and step.scale.limit == 2 for level in levels for step in level.steps
    ):
        raise ValueError('flow must have affine="bounded", the only form the browser knows')
    if known.batch != 1:
        raise ValueError(f"known must be of one image, got {known.batch}")
    if (hidden := len(levels[0].steps[0].coupling.second)) % 2:
        raise ValueError(
            f"flow must have an even hidden width, which the browser takes in pairs, got {hidden}"
        )
    weights = {
        name: value
        for name, value in flow.state_dict().items()
        if not name.endswith("initialised") and ".injector." not in name
    }
    for name, module in flow.named_modules():
        if isinstance(module, InvertibleConv1x1):
            for part in module.state_dict():
                del weights[f"{name}.{part}"]
            weights[f"{name}.weight"] = copy.deepcopy(module).double().weight()
        elif name.endswith(".coupling"):
            weights[f"{name}.first"] = module.first[:, : module.inputs]
    first = levels[0]
    return {
        "sizes": {
            "levels": len(levels),
            "steps": len(first.steps),
            "transitions": len(first.transitions),
            "hidden": hidden,
            "splits": any(level.split is not None for level in levels),
        },
        "weights": {name: pack(value) for name, value in weights.items()},
        "known": [[[pack(part) for part in step] for step in level] for level in known.parts()],
        "centre": None if known.centre is None else pack(known.centre),
    }


def rebuild(exported: dict) -> tuple[ConditionalFlow, Conditioning]:
    """The flow and what it knows, in float64: what the browser runs, for Python. Its injectors' networks are
    not in it.
    """
    flow = ConditionalFlow(condition=0, lu=False, **exported["sizes"]).double().requires_grad_(False).eval()
    weights = {name: unpack(packed) for name, packed in exported["weights"].items()}
    missing, unknown = flow.load_state_dict(weights, strict=False)
    missing = [name for name in missing if not name.endswith("initialised") and ".injector." not in name]
    if missing or unknown:
        raise ValueError(f"exported does not fit its sizes: missing {missing}, unknown {unknown}")
    parts = ((map(unpack, step) for step in level) for level in exported["known"])
    centre = exported["centre"]
    return flow, Conditioning.of_parts(parts, None if centre is None else unpack(centre))


def noise(flow: ConditionalFlow, known: Conditioning, seed: int) -> tuple[Tensor, ...]:
    """Standard normal latents of one image, the same as in the browser: float64, the finest first."""
    shapes = flow.latent_shape((1, 3, *known.size))
    sizes = [torch.Size(shape).numel() for shape in shapes]
    values = torch.from_numpy(normals(sum(sizes), seed))
    return tuple(part.reshape(shape) for part, shape in zip(values.split(sizes), shapes))
