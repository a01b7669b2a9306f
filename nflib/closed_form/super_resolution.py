"""Super-resolution without learning: interpolation of one image, and the de-aliasing of several shifted ones.

Everywhere the centre of pixel n of the low resolution lies at ``scale * n + (scale - 1) / 2`` in pixels of
the high resolution, as in :func:`nflib.images.resize`, so that results can be compared.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ..images import resize

__all__ = ["dealias", "enlarge", "register", "sample_frames"]

METHODS = ("nearest", "bilinear", "bicubic")
# Registration looks at frequencies up to this share of the highest one, where there is little aliasing.
ALIAS_FREE = 0.5
# How often a frame is moved back by the shift found so far.
ROUNDS = 3


def enlarge(images: Tensor, scale: int, method: str = "bicubic") -> Tensor:
    """Interpolate between the pixels of one image; pixel centres stay where they are.

    Args:
        images: (..., H, W), floating.
        scale: at least 1.
        method: "nearest", "bilinear" or "bicubic" (:func:`nflib.images.resize`).

    Returns:
        (..., scale*H, scale*W), not clipped: bicubic results may leave [0, 1] by a little.
    """
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}")
    if scale < 1:
        raise ValueError(f"scale must be at least 1, got {scale}")
    if method == "bicubic":
        return resize(images, scale)
    how = {} if method == "nearest" else {"align_corners": False}
    flat = images.reshape(-1, 1, *images.shape[-2:])
    large = F.interpolate(flat, scale_factor=scale, mode=method, **how)
    return large.view(*images.shape[:-2], *large.shape[-2:])


def sample_frames(scene: Tensor, scale: int, shifts: Tensor) -> Tensor:
    """What a camera whose pixels are points, too far apart, sees of a periodic scene: shifted, aliased
    low-resolution frames.

    ``frames[k][n] = scene(scale * (n + shifts[k]) + (scale - 1) / 2)``, between the pixels of the scene by
    its Fourier series.

    Args:
        scene: (C, scale*H, scale*W). What it has at the highest frequency of an even side, where a shift is
            ambiguous, loses its sine.
        scale: distance of the frames' pixels in pixels of the scene.
        shifts: (K, 2), down and right, in pixels of the frames.

    Returns:
        (K, C, H, W).
    """
    height, width = scene.shape[-2:]
    if height % scale or width % scale:
        raise ValueError(f"scene must have sides that are multiples of {scale}, got {height}x{width}")
    moved = torch.fft.fft2(scene) * _phases(height, width, shifts.to(scene), scale)[:, None]
    return torch.fft.ifft2(moved).real[..., ::scale, ::scale]


def register(frames: Tensor) -> Tensor:
    """Shifts of frames against the first one, with ``frames[k](n) = frames[0](n + shifts[k])``, for motion of
    the image as a whole.

    Whole pixels are found by phase correlation (:func:`skimage.registration.phase_cross_correlation`). The
    rest is the slope of the phase of the cross-spectrum over frequency, by least squares weighted with its
    power, at the lower half of the frequencies: the upper half is what aliasing spoils (Vandewalle et al.
    2006). The frame is moved back by what was found, and looked at again.

    Args:
        frames: (K, C, H, W), low-resolution.

    Returns:
        (K, 2), down and right, in pixels of the frames; the first is 0.
    """
    from skimage.registration import phase_cross_correlation

    _check_frames(frames)
    grey = frames.mean(1).double()
    # what enters and leaves at the borders is faded out
    window = torch.outer(
        *(torch.hann_window(side, dtype=grey.dtype, device=grey.device) for side in grey.shape[1:])
    )
    grey = grey - grey.mean((1, 2), keepdim=True)
    rows, columns = (_frequencies(side, grey) for side in grey.shape[1:])
    low = (rows[:, None].abs() < ALIAS_FREE / 2) & (columns.abs() < ALIAS_FREE / 2)
    places = 2 * math.pi * torch.stack(torch.broadcast_tensors(rows[:, None], columns), -1)
    reference = torch.fft.fft2(window * grey[0])
    shifts = [grey.new_zeros(2)]
    for frame in grey[1:]:
        whole, _, _ = phase_cross_correlation(
            (window * grey[0]).cpu().numpy(), (window * frame).cpu().numpy()
        )
        shift = torch.as_tensor(whole, dtype=grey.dtype, device=grey.device)
        for _ in range(ROUNDS):
            back = torch.fft.ifft2(torch.fft.fft2(frame) * torch.exp(-1j * (places @ shift))).real
            cross = (torch.fft.fft2(window * back) * reference.conj())[low]
            weight = cross.abs().sqrt()[:, None]
            shift = (
                shift
                + torch.linalg.lstsq(weight * places[low], weight * cross.angle()[:, None]).solution[:, 0]
            )
        shifts.append(shift)
    return torch.stack(shifts).to(frames)


def dealias(frames: Tensor, shifts: Tensor, scale: int, regularisation: float = 1e-2) -> Tensor:
    """One image of higher resolution from shifted, aliased frames (Tsai and Huang 1984).

    Sampling folds frequencies of the scene that differ by multiples of the sampling rate onto each other. A
    shift turns the phase of each in another way, so K frames give at each of their frequencies f K equations
    for the scale^2 frequencies f_a that were folded there::

        G_k(f) = sum_a X(f_a) exp(2 pi i f_a . s_k),   X = F / scale^2 with the scene's Fourier transform F,
                                                       s_k = scale * shift_k + (scale - 1) / 2

    which are solved by least squares with Tikhonov's regularisation,
    ``min |G - A X|^2 + regularisation |2 f X|^2``: photos have less power at high frequencies, about as
    1/f^2. It assumes a scene that is periodic (else borders are wrong), moves as a whole, and has nothing
    above the highest frequency of the result.

    Args:
        frames: (K, C, H, W); with K below scale^2, or shifts that repeat, the regularisation decides.
        shifts: (K, 2), down and right, in pixels of the frames, as :func:`register` gives them.
        scale: at least 2.
        regularisation: with noise, its power over that of X at the highest frequency is best; more gives less
            noise and detail.

    Returns:
        (C, scale*H, scale*W), not clipped.
    """
    _check_frames(frames)
    count, channels, height, width = frames.shape
    if shifts.shape != (count, 2):
        raise ValueError(f"shifts must be ({count}, 2) for {count} frames, got {tuple(shifts.shape)}")
    if scale < 2 or not regularisation >= 0:
        raise ValueError(
            f"scale must be at least 2 and regularisation not negative, got {scale} and {regularisation}"
        )
    real = frames.double()
    phases = _phases(scale * height, scale * width, shifts.to(real), scale)
    # frequencies that are folded onto each other are H, or W, apart
    folded = (
        phases.view(count, scale, height, scale, width)
        .permute(2, 4, 0, 1, 3)
        .reshape(height, width, count, scale**2)
    )
    seen = torch.fft.fft2(real).permute(2, 3, 0, 1)
    rows, columns = (_frequencies(scale * side, real).view(scale, side) for side in (height, width))
    size = 2 * torch.hypot(rows.T[:, None, :, None], columns.T[:, None])
    more = torch.diag_embed(regularisation**0.5 * size.view(height, width, -1)).to(folded.dtype)
    nothing = seen.new_zeros(height, width, scale**2, channels)
    found = torch.linalg.lstsq(torch.cat((folded, more), -2), torch.cat((seen, nothing), -2)).solution
    spectrum = (
        found.view(height, width, scale, scale, channels)
        .permute(4, 2, 0, 3, 1)
        .reshape(channels, scale * height, scale * width)
    )
    return scale**2 * torch.fft.ifft2(spectrum).real.to(frames)


def _frequencies(side: int, like: Tensor) -> Tensor:
    """Frequencies of the discrete Fourier transform, in cycles per pixel, from -1/2 to below 1/2."""
    return torch.fft.fftfreq(side, dtype=like.dtype, device=like.device)


def _phases(height: int, width: int, shifts: Tensor, scale: int) -> Tensor:
    """(K, H, W): how the frequencies of a scene of this size turn when it is seen by frames of
    these shifts."""
    down, right = (scale * shifts + (scale - 1) / 2)[..., None, None].unbind(1)
    angle = 2 * math.pi * (down * _frequencies(height, shifts)[:, None] + right * _frequencies(width, shifts))
    return torch.polar(torch.ones_like(angle), angle)


def _check_frames(frames: Tensor) -> None:
    if frames.dim() != 4 or len(frames) < 1 or not frames.is_floating_point():
        raise ValueError(
            f"frames must be a floating tensor (K, C, H, W), got {frames.dtype} of shape "
            f"{tuple(frames.shape)}"
        )
