"""The names of LUD-VAE's tensors in its official files. Those count the levels from the finest, ours from the
top.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from torch import Tensor

from ...models import LUDVAE, LUDVAEConfig
from .reading import numbers


def build(state: Mapping[str, Tensor], taps: tuple[int, ...] | None) -> LUDVAE:
    """The pre-noise is not in the weights: it is that of AIM; C2N with another one by
    ``degrade(..., sigma=)``.
    """
    levels = len(numbers(state, r"enc_(\d+)\.net\.0\.weight"))
    return LUDVAE(LUDVAEConfig(levels=levels, width=state["inconv.weight"].shape[0]))


def names(model: LUDVAE) -> Iterator[tuple[str, str]]:
    count = model.config.levels
    if model.config.priors != "content":
        raise ValueError(
            f'only models with priors "content" have official names, not "{model.config.priors}"'
        )
    tops = [
        (number, f"levels.{count - number}") for number in range(count, 0, -1)
    ]  # the official number, and ours
    pairs = [("inconv", "content_in"), ("inconv_n", "degradation_in")]
    for official, ours in (("enc", "content"), ("enc_n", "degradation")):
        for i in range(count):
            pairs += _block(f"{official}_{i + 1}", f"{ours}.{i}")
    pairs += [pair for number, level in tops for pair in _law(f"Gauconv_q_{number}", f"{level}.posterior")]
    pairs += [pair for number, level in tops[1:] for pair in _law(f"Gauconv_p_{number}", f"{level}.prior")]
    pairs += [pair for number, level in tops for pair in _block(f"dec_{number}", f"{level}.decoder")]
    for number, level in tops:
        pairs.append((f"proj_{number}.proj", f"{level}.merge.conv"))
        if number < count:
            pairs += [
                (f"proj_c_{number}.proj", f"{level}.join.conv"),
                (f"proj_n_{number}.proj", f"{level}.witness.conv"),
            ]
    pairs.append(("outconv", "out"))
    for official, ours in pairs:
        for kind in ("weight", "bias"):
            yield f"{official}.{kind}", f"{ours}.{kind}"


def _block(official: str, ours: str) -> list[tuple[str, str]]:
    return [(f"{official}.net.{2 * i}", f"{ours}.convs.{i}") for i in range(4)]


def _law(official: str, ours: str) -> list[tuple[str, str]]:
    return [(f"{official}.m", f"{ours}.mean"), (f"{official}.v", f"{ours}.log_sd")]
