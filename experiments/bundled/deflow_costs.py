"""Count what a training step of DeFlow costs, as polynomials of its size: the numbers of the roofline widget.

    python -m experiments.bundled.deflow_costs [--out nflib/widgets/deflow_costs.json]

Multiply-adds, bytes and memory of the published model for AIM 2019 with other numbers of steps K, hidden
widths h, batches B and crops S are sums of the products of (1, K, Kh, Kh^2) with (1, S, S^2, B, BS, BS^2):
weights do not know the batch, padding grows with the side and not with the area. So 24 counts give all
coefficients, exactly. They grow by the same with every block of the encoder, so that the counted ones have
one or two blocks, and the flow is told of the first as often as it is else told of others.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from fractions import Fraction
from pathlib import Path

from experiments.recording import ROOT, parser
from nflib.costs import training_cost
from nflib.models import DeFlowConfig
from nflib.units import progress

OUT = ROOT / "nflib" / "widgets" / "deflow_costs.json"
# Sizes at which is counted. A batch of one is cheaper than the rule: some copies are not needed. A reversible
# model watches 2048 to 4096 values of what it recovers, how many exactly depends on the size; of images as
# large as these it is always 4096.
NETS = ((1, 16), (1, 32), (1, 48), (2, 16))
IMAGES = tuple((batch, crop) for batch in (2, 3) for crop in (8192, 12288, 16384))
COUNTED = ("multiply_adds", "moved", "kept", "parameters")
FULL = DeFlowConfig.aim()


def net_terms(steps: int, hidden: int) -> list[int]:
    return [1, steps, steps * hidden, steps * hidden**2]


def image_terms(batch: int, crop: int) -> list[int]:
    return [1, crop, crop**2, batch, batch * crop, batch * crop**2]


def solved(rows: list[list[int]], values: list) -> list[Fraction]:
    """x of ``rows x = values``, exactly, by elimination. The values may be lists themselves."""
    table = [[Fraction(number) for number in row] + [value] for row, value in zip(rows, values, strict=True)]
    for i in range(len(table)):
        pivot = next(row for row in table[i:] if row[i])
        table.remove(pivot)
        table.insert(i, [number / pivot[i] for number in pivot])
        for row in table:
            if row is not table[i]:
                row[:] = [a - row[i] * b for a, b in zip(row, table[i], strict=True)]
    return [row[-1] for row in table]


def coefficients(counts: dict[tuple, int]) -> list[list[float]]:
    """One row for each of (1, K, Kh, Kh^2), one column for each of (1, S, S^2, B, BS, BS^2)."""
    nets = [net_terms(*net) for net in NETS]
    columns = [solved(nets, [Fraction(counts[net, image]) for net in NETS]) for image in IMAGES]
    images = [image_terms(*image) for image in IMAGES]
    rows = [solved(images, [column[i] for column in columns]) for i in range(len(NETS))]
    return [[float(number) for number in row] for row in rows]


def counted(reversible: bool) -> dict[tuple, dict[str, int]]:
    """What a step costs, for each of NETS with each of IMAGES."""

    def count(net, image, blocks: int) -> dict[str, int]:
        encoder = replace(FULL.encoder, blocks=blocks)
        config = replace(
            FULL,
            encoder=encoder,
            taps=(0,) * len(FULL.taps),
            steps=net[0],
            hidden=net[1],
            reversible=reversible,
        )
        return asdict(training_cost(config, *image))

    found = {}
    for image in progress(IMAGES, f"counting, reversible {reversible}"):
        short, longer = (count(NETS[0], image, blocks) for blocks in (1, 2))
        rest = {name: (FULL.encoder.blocks - 1) * (longer[name] - short[name]) for name in COUNTED}
        for net in NETS:
            one = count(net, image, 1)
            found[net, image] = {name: one[name] + rest[name] for name in COUNTED}
    return found


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--out", type=Path, default=OUT, help="file to write")
    arguments = options.parse_args()
    found = {}
    for way, reversible in (("plain", False), ("reversible", True)):
        counts = counted(reversible)
        found[way] = {
            name: coefficients({at: count[name] for at, count in counts.items()}) for name in COUNTED
        }
    arguments.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
