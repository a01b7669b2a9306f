"""Random numbers that are the same here and in the browser (``static/prng.mjs``): mulberry32 and
Box-Muller."""

from __future__ import annotations

import numpy as np


def uniforms(count: int, seed: int) -> np.ndarray:
    """The first ``count`` uniform numbers in [0, 1) of a seed, multiples of 2^-32, float64 (count,)."""
    with np.errstate(over="ignore"):
        steps = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x6D2B79F5) + np.uint64(seed)
        state = steps.astype(np.uint32)
        t = (state ^ (state >> np.uint32(15))) * (state | np.uint32(1))
        t ^= t + (t ^ (t >> np.uint32(7))) * (t | np.uint32(61))
        return (t ^ (t >> np.uint32(14))).astype(float) / 2**32


def normals(count: int, seed: int) -> np.ndarray:
    """The first ``count`` normal numbers of a seed, float64 (count,); a longer list starts with
    the shorter."""
    first, second = uniforms(count + count % 2, seed).reshape(-1, 2).T
    radius, angle = np.sqrt(-2 * np.log(1 - first)), 2 * np.pi * second
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).reshape(-1)[:count]
