"""The leak test: can a classifier tell from h which domain an image comes from?"""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..metrics import GaussianKernel, median_distance, mmd

BLOCK = 8
# Rings of spatial frequency in cycles per pixel, each cut into four orientations (the two diagonals apart).
RINGS = (0.05, 0.18, 0.30, 0.42, 0.71)
ROUNDING = 1 / (12 * 255**2)  # variance of 8-bit rounding: what is finer is not seen
MOST_FOLDS = 10


class Leak(NamedTuple):
    """What of the domain is left in h.

    >>> found = Leak(auc=0.93, interval=(0.89, 0.97), mmd=0.2, p_value=0.005)
    >>> found.interval[0] > 0.5  # the domain can be told
    True

    Attributes:
        auc: chance that the classifier gives a degraded crop the higher score of a clean and a degraded one,
            on photos that it was not trained on. 0.5: nothing found; 1: always right.
        interval: of ``auc``, 95 %, from the spread over the folds (Student's t). Few photos make it wide.
        mmd: squared maximum mean discrepancy of the crops' statistics, unbiased; bandwidth: median distance.
            With the same photos on both sides it is a little negative where nothing leaks: each crop has a
            twin on the other side.
        p_value: of ``mmd``: share of random relabellings of whole photos that give as much, this one counted
            as well. Few photos have few relabellings, so that it cannot be small.
    """

    auc: float
    interval: tuple[float, float]
    mmd: float
    p_value: float


def leak(
    h_clean: Iterable[Tensor],
    h_degraded: Iterable[Tensor],
    photos: tuple[Sequence[Hashable], Sequence[Hashable]] | None = None,
    *,
    crop: int = 16,
    most: int = 64,
    permutations: int = 200,
    generator: torch.Generator | None = None,
) -> Leak:
    """Leak test of a domain map: domain classifier and two-sample test on crops of h(x) and h(y).

    The classifier is boosted trees on :func:`crop_statistics`, which see noise well and content little. Crops
    of one photo are never both trained and tested on: else the classifier would recognise the photo. What is
    found is a *lower* bound of the leak, and it contains any difference of content between the two sets. To
    tell the two apart, compare with a control: clean photos against other clean photos; or, with a simulated
    degradation, the same photos on both sides.

    Args:
        h_clean: h of clean photos, (C, H, W) each, at least ``crop`` on both sides; sizes may differ.
        h_degraded: h of degraded photos.
        photos: the photo, by any name, that each of ``h_clean`` and each of ``h_degraded`` belongs to. All
            different by default; equal names on both sides make a paired test.
        crop: side of the square crops in pixels of h, at least 8. Crops do not overlap. For maps with
            different scales to be compared, let them cover the same area of the image.
        most: crops used of one h at most, chosen at random.
        permutations: relabellings for the p-value.
        generator: of crops and relabellings.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score

    sides = [list(h_clean), list(h_degraded)]
    names = photos or (
        [("clean", i) for i in range(len(sides[0]))],
        [("degraded", i) for i in range(len(sides[1]))],
    )
    for side, name, of in zip(sides, names, ("h_clean", "h_degraded")):
        if len(side) != len(name):
            raise ValueError(f"photos must name each of {of}, got {len(name)} names for {len(side)} images")
    parts: list[Tensor] = []
    labels: list[int] = []
    owners: list[Hashable] = []
    for label, (side, name) in enumerate(zip(sides, names)):
        for h, owner in zip(side, name):
            rows = crop_statistics(_some(_crops(h, crop), most, generator))
            parts.append(rows)
            labels += [label] * len(rows)
            owners += [owner] * len(rows)
    statistics, domain = torch.cat(parts), np.array(labels)
    number = {owner: i for i, owner in enumerate(dict.fromkeys(owners))}
    photo = np.array([number[owner] for owner in owners])

    fold = _folds(domain, photo)
    aucs = []
    for k in range(fold.max() + 1):
        trained, tested = fold[photo] != k, fold[photo] == k
        # 32 bins: twice as fast as the default, and a few hundred crops need no more
        trees = HistGradientBoostingClassifier(
            max_iter=60, max_depth=3, max_bins=32, early_stopping=False, random_state=0
        )
        trees.fit(statistics[trained].numpy(), domain[trained])
        aucs.append(roc_auc_score(domain[tested], trees.decision_function(statistics[tested].numpy())))
    found, p_value = _two_sample_test(statistics, domain, photo, permutations, generator)
    return Leak(float(np.mean(aucs)), _interval(aucs), found, p_value)


def crop_statistics(crops: Tensor) -> Tensor:
    """Numbers that tell noise from content, and clean crops from degraded ones: (N, C, s, s) -> (N, F),
    float64.

    Power spectra of 8x8 blocks, half overlapping, in 16 bands of frequency and direction, for brightness and
    two colour differences where there are three channels. Of each band the logarithm of the mean over the
    blocks, and of the level that a fifth of the blocks stays below. Content hardly touches the second: almost
    every crop has a flat corner, and there the noise is alone. Then mean and deviation of each channel, for
    colour casts.
    """
    if crops.dim() != 4 or min(crops.shape[-2:]) < BLOCK:
        raise ValueError(
            f"crops must be (N, C, H, W) with H and W at least {BLOCK}, got shape {tuple(crops.shape)}"
        )
    crops = crops.float().cpu()
    if crops.shape[1] == 3:
        opponent = torch.tensor([[1.0, 1, 1], [1, 0, -1], [1, -2, 1]])
        crops = torch.einsum("cd,ndhw->nchw", opponent / opponent.norm(dim=1, keepdim=True), crops)
    window = torch.sin(math.pi * (torch.arange(BLOCK) + 0.5) / BLOCK)
    window = window[:, None] * window
    blocks = crops.unfold(2, BLOCK, BLOCK // 2).unfold(3, BLOCK, BLOCK // 2).flatten(2, 3)
    blocks = blocks - blocks.mean((-2, -1), keepdim=True)
    transform = torch.fft.rfft2(blocks * window)
    power = (transform.real.square() + transform.imag.square()) / window.square().sum()
    bands = (power.flatten(-2) @ _bands().T + ROUNDING).mT.contiguous()
    lowest = bands.kthvalue(math.ceil(bands.shape[-1] / 5)).values
    parts = [bands.mean(-1).log(), lowest.log()]
    return torch.cat(
        [part.flatten(1) for part in parts] + [crops.mean((2, 3)), crops.std((2, 3))], 1
    ).double()


def _bands() -> Tensor:
    """(bands, 8 * 5): weights of the frequencies of a block, as rfft2 orders them, summing to one in each
    band.
    """
    fy, fx = torch.fft.fftfreq(BLOCK)[:, None], torch.fft.rfftfreq(BLOCK)
    twice = 1.0 + ((fx > 0) & (fx < 0.5))  # what rfft2 leaves out
    radius = (fy**2 + fx**2).sqrt()
    direction = torch.rad2deg(torch.atan2(fy.expand_as(radius), fx.expand_as(radius)))
    bands = []
    for low, high in itertools.pairwise(RINGS):
        for turn in (0, 45, 90, 135):
            inside = (radius >= low) & (radius < high) & ((direction - turn + 22.5) % 180 < 45)
            if inside.any():
                bands.append((inside * twice).flatten())
    return torch.stack([band / band.sum() for band in bands])


def _crops(h: Tensor, side: int) -> Tensor:
    """(C, H, W) -> (N, C, side, side), next to each other."""
    if not isinstance(h, Tensor) or h.dim() != 3 or min(h.shape[1:]) < side or not torch.isfinite(h).all():
        found = f"shape {tuple(h.shape)}" if isinstance(h, Tensor) else type(h).__name__
        raise ValueError(f"h must be finite tensors (C, H, W) with H and W at least {side}, got {found}")
    return h.unfold(1, side, side).unfold(2, side, side).flatten(1, 2).transpose(0, 1)


def _some(crops: Tensor, most: int, generator: torch.Generator | None) -> Tensor:
    return crops[torch.randperm(len(crops), generator=generator)[:most]]


def _folds(domain: np.ndarray, photo: np.ndarray) -> np.ndarray:
    """Fold of each photo: as many as both domains have photos for, at most ten, every fold with photos of
    both.
    """
    clean, degraded = (set(photo[domain == label].tolist()) for label in (0, 1))
    count = min(len(clean), len(degraded), MOST_FOLDS)
    if count < 2:
        raise ValueError(
            f"two photos of each domain are needed at least, got {len(clean)} clean and {len(degraded)} "
            "degraded"
        )
    fold = np.zeros(photo.max() + 1, dtype=int)
    for group in (clean & degraded, clean - degraded, degraded - clean):
        for i, member in enumerate(sorted(group)):
            fold[member] = i % count
    return fold


def _interval(aucs: list[float]) -> tuple[float, float]:
    from scipy.stats import t

    half = t.ppf(0.975, len(aucs) - 1) * np.std(aucs, ddof=1) / math.sqrt(len(aucs))
    return max(0.0, float(np.mean(aucs) - half)), min(1.0, float(np.mean(aucs) + half))


def _two_sample_test(
    statistics: Tensor,
    domain: np.ndarray,
    photo: np.ndarray,
    permutations: int,
    generator: torch.Generator | None,
) -> tuple[float, float]:
    """Squared MMD and its p-value."""
    spread = statistics.std(0)
    rows = (statistics - statistics.mean(0)) / torch.where(spread > 0, spread, torch.ones_like(spread))
    label, of_photo = torch.from_numpy(domain), torch.from_numpy(photo)
    kernel = GaussianKernel(
        (median_distance(rows[label == 0], rows[label == 1]).item() or 1.0,)
    )  # 0: all alike
    found = mmd(rows[label == 0], rows[label == 1], kernel).item()
    matrix = kernel(torch.cdist(rows, rows).square()).fill_diagonal_(0)
    others = torch.stack([_relabelled(label, of_photo, generator) for _ in range(permutations)])
    as_large = (_mmd_of_labels(matrix, others) >= found - 1e-9).sum().item()
    return found, (1 + as_large) / (1 + permutations)


def _mmd_of_labels(matrix: Tensor, labels: Tensor) -> Tensor:
    """Unbiased squared MMD for many labellings, (P, N), of samples whose kernel matrix (N, N), diagonal 0, is
    computed once.
    """
    ones = labels.to(matrix)
    zeros = 1 - ones
    n, m = zeros.sum(1), ones.sum(1)
    within = ((zeros @ matrix) * zeros).sum(1) / (n * (n - 1)) + ((ones @ matrix) * ones).sum(1) / (
        m * (m - 1)
    )
    return within - 2 * ((zeros @ matrix) * ones).sum(1) / (n * m)


def _relabelled(label: Tensor, photo: Tensor, generator: torch.Generator | None) -> Tensor:
    """Labels as they could be if the domains were alike. They move with whole photos, as the crops of one are
    not independent: a photo on both sides changes sides or not, those on one side only are dealt out again.
    """
    number = int(photo.max()) + 1
    clean, degraded = (torch.bincount(photo[label == d], minlength=number) > 0 for d in (0, 1))
    swapped = clean & degraded & (torch.rand(number, generator=generator) < 0.5)
    alone = (clean != degraded).nonzero()[:, 0]
    dealt = degraded.long()
    dealt[alone] = dealt[alone[torch.randperm(len(alone), generator=generator)]]
    return torch.where((clean & degraded)[photo], label ^ swapped[photo], dealt[photo])
