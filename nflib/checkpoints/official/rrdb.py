"""The names of RRDBNet's tensors in the files of ESRGAN, SRFlow and DeFlow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from torch import Tensor

from ...models.rrdb import RRDBConfig, RRDBNet
from .reading import numbers


def build(state: Mapping[str, Tensor], taps: tuple[int, ...] | None) -> RRDBNet:
    return RRDBNet(config(state))


def names(net: RRDBNet) -> Iterator[tuple[str, str]]:
    pairs = [("conv_first", "conv_first")]
    for b in range(net.config.blocks):
        pairs += [
            (f"RRDB_trunk.{b}.RDB{d + 1}.conv{c + 1}", f"trunk.{b}.dense.{d}.convs.{c}")
            for d in range(3)
            for c in range(5)
        ]
    pairs.append(("trunk_conv", "trunk_conv"))
    pairs += [(f"upconv{i + 1}", f"upconvs.{i}") for i in range(len(net.upconvs))]
    pairs += [("HRconv", "hr_conv"), ("conv_last", "conv_last")]
    for official, ours in pairs:
        for kind in ("weight", "bias"):
            yield f"{official}.{kind}", f"{ours}.{kind}"


def config(state: Mapping[str, Tensor], prefix: str = "") -> RRDBConfig:
    return RRDBConfig(
        scale=2 ** len(numbers(state, rf"{prefix}upconv(\d+)\.weight")),
        channels=state[f"{prefix}conv_first.weight"].shape[0],
        growth=state[f"{prefix}RRDB_trunk.0.RDB1.conv1.weight"].shape[0],
        blocks=len(numbers(state, rf"{prefix}RRDB_trunk\.(\d+)\.RDB1\.conv1\.weight")),
    )
