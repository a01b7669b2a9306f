"""What a training step of DeFlow costs on a card: least time and memory, and the roofline they come from."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import numpy as np
import traitlets as T

from ..costs.cost import UPDATE
from ..costs.memory import COPIES, FLOAT
from ..costs.roofline import CARDS
from .base import Explorer, Number, Scene, Whole, shared
from .picture import CLEAN, DEGRADED, INK

WAYS = ("plain", "reversible")
_MOST_STEPS = 32


@functools.cache
def _counted() -> dict:
    """Coefficients that experiments/bundled/deflow_costs.py counted, and bytes for each parameter."""
    found = json.loads(Path(__file__).with_name("deflow_costs.json").read_text(encoding="utf-8"))
    return {**found, "each": {"updated": FLOAT * UPDATE, "states": FLOAT * COPIES, "gradient": FLOAT}}


def _presets() -> list:
    """Label, TFLOP/s, GB/s and precision of every card, in the two precisions that torch has for convolutions
    on them.
    """
    ways = (("TF32", "tf32", "float32"), ("bfloat16", "bfloat16", "bfloat16"))
    return [
        [f"{card.name}, {label}", getattr(card, peak), card.bandwidth, precision]
        for card in CARDS.values()
        for label, peak, precision in ways
    ]


class RooflineExplorer(Explorer):
    """Least time and memory of a training step of the published DeFlow for AIM 2019, made deeper, wider,
    larger or reversible.

    Time is at least that of the operations at the peak of the card and that of the bytes at its bandwidth
    (Williams et al., 2009); :class:`nflib.costs.Card` says what is counted. Memory is between states and
    activations, and these with the gradients of the activations.

    Args:
        tflops: 10^12 operations a second of the card, in the precision of the training, > 0.
        bandwidth: 10^9 bytes a second, > 0.
        crop: side of the crops in pixels, a multiple of 8 from 16 on.
        batch: crops of a step, at least 2.
        steps: of the flow on each level, K.
        hidden: width of the networks in the steps.
        precision: "float32" (TF32 too), or "bfloat16", which moves and keeps half as much at least.
        training: "plain", or "reversible": activations are recomputed.
    """

    front_end = "roofline_explorer"

    tflops = shared(Number(494.7, min=1e-3))
    bandwidth = shared(Number(3350.0, min=1e-3))
    crop = shared(Whole(160, min=16, max=4096))
    batch = shared(Whole(8, min=2, max=4096))
    steps = shared(Whole(16, min=1, max=1024))
    hidden = shared(Whole(128, min=2, max=4096))
    precision = shared(T.Enum(("float32", "bfloat16"), "float32"))
    training = shared(T.Enum(WAYS, "plain"))
    presets = shared(T.List())
    costs = shared(Scene(*WAYS, "each"))

    @T.default("presets")
    def _presets(self) -> list:
        return _presets()

    @T.default("costs")
    def _costs(self) -> dict:
        return _counted()

    @T.validate("crop")
    def _whole_blocks(self, proposal) -> int:
        if proposal["value"] % 8:
            raise T.TraitError(f"crop must be a multiple of 8, got {proposal['value']}")
        return proposal["value"]

    def count(self, name: str, training: str | None = None, steps: int | None = None) -> float:
        """ "parameters", "multiply_adds", "moved" or "kept" (:class:`nflib.costs.Cost`); by default of the
        present state.
        """
        steps = self.steps if steps is None else steps
        net = (1, steps, steps * self.hidden, steps * self.hidden**2)
        image = (1, self.crop, self.crop**2, self.batch, self.batch * self.crop, self.batch * self.crop**2)
        rows = self.costs[self.training if training is None else training][name]
        return sum(n * sum(c * i for c, i in zip(row, image)) for n, row in zip(net, rows))

    def memory(self, training: str | None = None, steps: int | None = None) -> tuple[float, float]:
        """Bytes from ... to; by default of the present state."""
        training = self.training if training is None else training
        each, parameters, kept = (
            self.costs["each"],
            self.count("parameters", training, steps),
            self.count("kept", training, steps),
        )
        # the activations of one step on every level are there again while it is recomputed
        again = (
            self.count("kept", "plain", 1) - self.count("kept", "plain", 0) if training == "reversible" else 0
        )
        half = 2 if self.precision == "bfloat16" else 1
        return (each["states"] - each["gradient"]) * parameters + kept / half, each[
            "states"
        ] * parameters + 2 * (kept + again)

    def readouts(self) -> dict[str, float]:
        parameters, operations = self.count("parameters"), 2 * self.count("multiply_adds")
        moved = (
            self.count("moved") / (2 if self.precision == "bfloat16" else 1)
            + self.costs["each"]["updated"] * parameters
        )
        by_operations, by_bytes = operations / (1e12 * self.tflops), moved / (1e9 * self.bandwidth)
        low, high = self.memory()
        floor = max(by_operations, by_bytes)
        return {
            "floor": 1e3 * floor,
            "images": self.batch / floor,
            "operations": 1e3 * by_operations,
            "bytes": 1e3 * by_bytes,
            "intensity": operations / moved,
            "attained": operations / floor / 1e12,
            "low": low / 2**30,
            "high": high / 2**30,
            "parameters": parameters / 1e6,
        }

    def summary(self) -> str:
        shown = self.readouts()
        bound = "operations" if shown["operations"] >= shown["bytes"] else "bytes"
        return (
            f"Roofline of a card with {self.tflops:.4g} TFLOP/s and {self.bandwidth:.4g} GB/s. A "
            f"training step of DeFlow, {self.training}, with "
            f"{shown['parameters']:.1f} million parameters takes at least {shown['floor']:.1f} ms, "
            f"bound by {bound}, at {shown['intensity']:.1f} operations "
            f"per byte, and {shown['low']:.1f} to {shown['high']:.1f} GiB of memory."
        )

    def draw(self, figure) -> None:
        shown = self.readouts()
        roof, memory = figure.subplots(1, 2)
        intensity = np.logspace(0, 3.6, 200)
        roof.loglog(intensity, np.minimum(self.tflops, self.bandwidth * intensity / 1e3), color=INK, lw=2)
        roof.plot(shown["intensity"], shown["attained"], "o", color=DEGRADED)
        roof.set(
            xlabel="operations per byte",
            ylabel="TFLOP/s",
            xlim=(1, 10**3.6),
            ylim=(self.tflops / 10**3.2, self.tflops * 2),
        )
        roof.set_title("roofline", fontsize=9)
        line = np.arange(1, _MOST_STEPS + 1)
        for way, colour in zip(WAYS, (CLEAN, DEGRADED)):
            bounds = np.array([self.memory(way, int(k)) for k in line]) / 2**30
            memory.fill_between(line, *bounds.T, color=colour, alpha=0.2)
            memory.plot(line, bounds[:, 0], color=colour, label=way)
        memory.plot(self.steps, shown["low"], "o", color=INK)
        memory.set(xlabel="steps K on each level", ylabel="GiB", ylim=(0, None))
        memory.set_title("memory: from, to", fontsize=9)
        memory.legend(loc="upper left", fontsize=8)
