"""Recorded comparisons of restorers as tables: mean and spread over seeds, and how far towards the truth each
kind of pairs gets.

A record is what ``experiments/quality/restorers.py`` and its like write: for each source of training pairs
and each seed the scores of every test photo. Seeds are the unit: a spread is the deviation of the means of
whole runs, not of photos.
"""

from __future__ import annotations

from collections.abc import Mapping

from .. import scores

__all__ = ["markdown", "table"]


def table(results: Mapping[str, Mapping[str, Mapping]]) -> list[dict]:
    """One row for each source of pairs.

    Args:
        results: source -> seed -> {"psnr": [...], "ssim": [...]}, one value a photo.

    Returns:
        Rows with "trained on", "seeds" and, over seeds, means "psnr", "ssim" and deviations "psnr spread",
        "ssim spread" (None for one seed). Where there are sources "white" and "true" also "fraction of each
        seed", (own - white) / (true - white) in dB against the runs of the same seed, and its mean "fraction"
        (None where no seed has all three). Scores that are None or not finite are in no mean.
    """
    means = {
        name: {seed: {m: scores.mean(run[m]) for m in ("psnr", "ssim")} for seed, run in runs.items()}
        for name, runs in results.items()
    }
    rows = []
    for name, runs in means.items():
        row = {"trained on": name, "seeds": len(runs)}
        for metric in ("psnr", "ssim"):
            values = [run[metric] for run in runs.values()]
            row |= {metric: scores.mean(values), f"{metric} spread": scores.deviation(values)}
        if {"white", "true"} <= set(means):
            white, true = means["white"], means["true"]
            fractions = [
                (own - low) / (high - low)
                for own, low, high in (
                    (run["psnr"], white[seed]["psnr"], true[seed]["psnr"])
                    for seed, run in runs.items()
                    if seed in white and seed in true
                )
                if own is not None and low is not None and high is not None and high != low
            ]
            row |= {"fraction": scores.mean(fractions), "fraction of each seed": fractions}
        rows.append(row)
    return rows


def markdown(rows: list[dict], beside: Mapping[str, Mapping[str, str]] | None = None) -> str:
    """The rows as a table in Markdown, PSNR in dB; higher is better in all columns.

    Args:
        rows: of :func:`table`.
        beside: further columns, heading -> source -> entry.
    """
    beside = beside or {}
    fractions = any("fraction" in row for row in rows)
    heads = ["trained on", "PSNR", "SSIM", *(["fraction, of each seed"] if fractions else []), *beside]
    lines = [heads, ["---"] * len(heads)]
    for row in rows:
        cells = [
            row["trained on"],
            *(_with_spread(row, metric, digits) for metric, digits in (("psnr", 2), ("ssim", 3))),
        ]
        if fractions:
            each = row.get("fraction of each seed", [])
            cells.append(
                f"{row['fraction']:.2f}: " + " ".join(f"{f + 0.0:.2f}" for f in each) if each else "-"
            )
        lines.append(cells + [column.get(row["trained on"], "") for column in beside.values()])
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _with_spread(row: dict, metric: str, digits: int) -> str:
    spread = row.get(f"{metric} spread")
    if row[metric] is None:
        return "-"
    return f"{row[metric]:.{digits}f}" + ("" if spread is None else f" ± {spread:.{digits}f}")
