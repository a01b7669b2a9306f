"""The names of DnCNN's tensors in the files of LUD-VAE's authors: one list of convolutions, normalisations
and ReLUs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from torch import Tensor

from ...models.dncnn import DnCNN, DnCNNConfig
from .reading import numbers


def build(state: Mapping[str, Tensor], taps: tuple[int, ...] | None) -> DnCNN:
    normalised = len(numbers(state, r"model\.(\d+)\.running_mean")) > 0
    parameters = len(numbers(state, r"model\.(\d+)\.weight"))
    width = state["model.0.weight"].shape[0]
    # all but the first and the last convolution have a normalisation with weights of its own
    return DnCNN(
        DnCNNConfig(
            layers=(parameters + 2) // 2 if normalised else parameters, width=width, batch_norm=normalised
        )
    )


def names(model: DnCNN) -> Iterator[tuple[str, str]]:
    """Official order. A number stands for a convolution, a normalisation or a ReLU."""
    place, last = 0, model.config.layers - 1
    for i in range(last + 1):
        for kind in ("weight", "bias"):
            yield f"model.{place}.{kind}", f"convs.{i}.{kind}"
        place += 1
        if model.config.batch_norm and 0 < i < last:
            for kind in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
                yield f"model.{place}.{kind}", f"norms.{i - 1}.{kind}"
            place += 1
        place += 1  # the ReLU
