"""Quality without a reference: how far an image is from what undamaged photos look like. Lower is better,
always.

These scores know photos in general and nothing of the one in question: a sharp, clean picture of the wrong
thing is fine with them.
"""

from __future__ import annotations

import functools
import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..images.strips import strips
from . import scene_statistics as statistics
from .inputs import grey, levels, luma, valid

PARAMETERS = Path(__file__).with_name("parameters")
NIQE_BLOCK = 96
PIQE_BLOCK, PIQE_SEGMENT, PIQE_ACTIVE, PIQE_FLAT = 16, 6, 0.1, 0.1


@functools.lru_cache
def _parameters(name: str, device: torch.device) -> dict[str, Tensor]:
    from safetensors.torch import load_file

    return {key: value.to(device) for key, value in load_file(PARAMETERS / f"{name}.safetensors").items()}


def niqe(images: Tensor) -> Tensor:
    """Natural image quality evaluator (Mittal, Soundararajan and Bovik 2013): distance to a model of pristine
    photos.

    36 statistics of locally normalised pixels (two scales) are taken in every 96x96 block; NIQE is the
    Mahalanobis-like distance between their Gaussian and that of undamaged photos. About 2 to 5 for good
    photos. Checked: 5.729574 on BasicSR's reference image (MATLAB R2021a 5.72957338, BasicSR 5.7295763). Flat
    areas make the last digits a matter of rounding: there float32, as BasicSR computes, can differ in the
    second decimal.

    Args:
        images: (B, 3, H, W) in [0, 1]; BT.601 luma rounded to 8 bits is looked at. What is left at the right
            and below beyond whole blocks of 96 is not; no other border. At least two blocks are needed; some
            dozens make a stable number.

    Returns:
        (B,), float64.
    """
    images = valid(images, channels=(3,))
    rows, columns = (n // NIQE_BLOCK for n in images.shape[-2:])
    if rows * columns < 2:
        raise ValueError(
            f"NIQE needs at least two blocks of {NIQE_BLOCK}x{NIQE_BLOCK} pixels, "
            f"got {images.shape[-1]}x{images.shape[-2]}"
        )
    x = levels(images, luma)[..., : NIQE_BLOCK * rows, : NIQE_BLOCK * columns]
    features = []
    for size in (NIQE_BLOCK, NIQE_BLOCK // 2):
        values = statistics.normalised(x, "replicate")[:, 0]
        found = [
            _niqe_features(_blocks(values[:, strip], size))
            for strip in strips(values.shape[1], len(x) * values.shape[2], multiple=size)
        ]
        features.append(torch.cat(found, 1))
        x = statistics.halved(x)
    pristine = _parameters("niqe", images.device)
    return torch.stack(
        [_distance(f, pristine["mean"], pristine["covariance"]) for f in torch.cat(features, -1)]
    )


def _blocks(x: Tensor, size: int) -> Tensor:
    """(B, H, W) -> (B, blocks, size, size), row by row."""
    return x.unfold(1, size, size).unfold(2, size, size).flatten(1, 2)


def _niqe_features(blocks: Tensor) -> Tensor:
    """(B, blocks, s, s) -> (B, blocks, 18). Neighbours wrap around within a block."""
    shape, left, right = statistics.fit_asymmetric_gaussian(statistics.Moments.of(blocks.flatten(2)))
    factor = statistics.width_factor(shape)
    features = [shape, (left + right) / 2 * factor]
    for shift in ((0, 1), (1, 0), (1, 1), (1, -1)):
        products = blocks * blocks.roll(shift, (-2, -1))
        shape, left, right = statistics.fit_asymmetric_gaussian(statistics.Moments.of(products.flatten(2)))
        factor = statistics.width_factor(shape)
        features += [shape, statistics.mean_of_asymmetric(shape, left, right), left * factor, right * factor]
    return torch.stack(features, -1)


def _distance(features: Tensor, mean: Tensor, covariance: Tensor) -> Tensor:
    """sqrt((m - mean)' ((C + covariance) / 2)^+ (m - mean)); flat blocks have NaN features, which are left
    out.
    """
    whole = features[~features.isnan().any(1)]
    if len(whole) < 2:
        raise ValueError(f"NIQE needs at least two blocks that are not flat, got {len(whole)}")
    difference = features.nanmean(0) - mean
    pooled = (whole.T.cov() + covariance) / 2
    return (difference @ torch.linalg.pinv(pooled) @ difference).sqrt()


def brisque(images: Tensor) -> Tensor:
    """Blind image spatial quality evaluator (Mittal, Moorthy and Bovik 2012): a regression trained on human
    scores.

    36 statistics of locally normalised grey values at two scales go into a support vector regression trained
    on the LIVE data base (blur, noise, JPEG, JPEG 2000, fading). About 0 (good) to 100 (bad), not clamped.
    Features follow the authors' MATLAB code (zeros beyond the border, anti-aliased shrinking); the regression
    equals libsvm's to ten digits. Other programs resize and convert to grey differently: the package brisque
    0.2 is 1 to 7 points away on photos of Kodak.

    Args:
        images: (B, 3, H, W) in [0, 1], whole image, rgb2gray rounded to 8 bits; at least 16x16.

    Returns:
        (B,), float64.

    Raises:
        ValueError: an image is flat, or has a single gradient: the laws that are fitted need values on both
            sides of zero.
    """
    model = _parameters("brisque", images.device if isinstance(images, Tensor) else torch.device("cpu"))
    features = brisque_features(images)
    if flat := (~features.isfinite().all(1)).nonzero()[:, 0].tolist():
        which = "" if len(features) == 1 else f"; without: {', '.join(map(str, flat))} of {len(features)}"
        raise ValueError(f"BRISQUE needs an image with edges both ways, not one that is flat{which}")
    low, high = model["range"].to(features.device)
    scaled = 2 * (features - low) / (high - low) - 1
    squared = torch.cdist(scaled, model["support"].to(features.device)).square()
    return torch.exp(-model["gamma"] * squared) @ model["coefficients"] - model["rho"]


def brisque_features(images: Tensor) -> Tensor:
    """(B, 3, H, W) in [0, 1] -> (B, 36): the statistics :func:`brisque` is computed from."""
    images = valid(images, channels=(3,))
    if min(images.shape[-2:]) < 16:
        raise ValueError(f"BRISQUE needs at least 16x16 pixels, got {images.shape[-1]}x{images.shape[-2]}")
    x = levels(images, grey)
    features: list[Tensor] = []
    for _ in range(2):
        values = statistics.normalised(x, "constant")[:, 0]
        features += statistics.fit_generalised_gaussian(_moments(values))
        for shift in ((0, 1), (1, 0), (1, 1), (-1, 1)):
            shape, left, right = statistics.fit_asymmetric_gaussian(_moments(values, shift))
            features += [shape, statistics.mean_of_asymmetric(shape, left, right), left**2, right**2]
        x = statistics.halved(x)
    return torch.stack(features, 1)


def _moments(values: Tensor, shift: tuple[int, int] | None = None) -> statistics.Moments:
    """Sum up values (B, H, W), or their products with the neighbours that a shift brings here; beyond an edge
    the image begins anew.
    """
    height = values.shape[1]
    found: statistics.Moments | None = None
    for rows in strips(height, values.numel() // height):
        part = values[:, rows]
        if shift is not None:
            from_rows = torch.arange(rows.start, rows.stop, device=values.device) - shift[0]
            part = part * values[:, from_rows % height].roll(shift[1], -1)
        mine = statistics.Moments.of(part.flatten(1))
        # added up at once: small tensors that stay would lie between the large ones, and keep them apart
        found = mine if found is None else found.plus(mine)
    assert found is not None
    return found


def piqe(images: Tensor) -> Tensor:
    """Perception based image quality evaluator (Venkatanath et al. 2015): rules on 16x16 blocks, nothing
    trained.

    Blocks whose locally normalised values have a variance above 0.1 are *active*. An active block is
    *impaired* if some six neighbours along its border have a deviation below 0.1 (a flat run: block
    artefacts, blur); it counts ``1 - variance``. It is *noisy* if its deviation exceeds
    ``2 |deviation - q| / max(deviation, q)``, q being the deviation of the two middle columns over that of
    the others; it counts its variance. PIQE is ``100 (1 + sum of counts) / (1 + active blocks)``: a flat
    image has 100.

    The rules are those of MATLAB's function, including a slip: of "the others" it leaves out columns 8 and
    10, not 8 and 9. Checked against the Python package pypiqe 1.2, a port of that function: equal to nine
    digits on grey photos (47.539905 on Kodak 1); colour differs in the last bit of grey. Not checked against
    MATLAB itself.

    Args:
        images: (B, 3, H, W) in [0, 1], rgb2gray rounded to 8 bits; the last row and column are repeated up to
            a multiple of 16.

    Returns:
        (B,), float64.
    """
    x = levels(valid(images, channels=(3,)), grey)
    for dim in (-2, -1):
        whole = torch.arange(math.ceil(x.shape[dim] / PIQE_BLOCK) * PIQE_BLOCK, device=x.device)
        x = x.index_select(dim, whole.clamp(max=x.shape[dim] - 1))
    values = statistics.normalised(x, "replicate")[:, 0]
    counts: Any = 0
    active: Any = 0
    for rows in strips(values.shape[1], len(x) * values.shape[2], multiple=PIQE_BLOCK):
        of_strip = _piqe_counts(_blocks(values[:, rows], PIQE_BLOCK))
        counts, active = counts + of_strip[0], active + of_strip[1]
    return 100 * (1 + counts) / (1 + active)


def _piqe_counts(blocks: Tensor) -> tuple[Tensor, Tensor]:
    """What blocks (B, n, 16, 16) count together, and how many are active, (B,) each."""
    variance = blocks.flatten(2).var(-1)
    active = variance > PIQE_ACTIVE

    edges = torch.stack([blocks[..., 0, :], blocks[..., -1, :], blocks[..., :, 0], blocks[..., :, -1]], 2)
    flat = edges.unfold(-1, PIQE_SEGMENT, 1).std(-1) < PIQE_FLAT
    impaired = active & flat.flatten(2).any(-1)

    deviation = variance.sqrt()
    surround = torch.cat([blocks[..., :7], blocks[..., 8:9], blocks[..., 10:]], -1)
    quotient = (blocks[..., 7:9].flatten(2).std(-1) / surround.flatten(2).std(-1)).nan_to_num(
        0.0, posinf=torch.inf
    )
    beta = (deviation - quotient).abs() / torch.maximum(deviation, quotient)
    noisy = active & (deviation > 2 * beta)

    counts = impaired * (1 - variance) + noisy * variance
    return counts.sum(1), active.sum(1)
