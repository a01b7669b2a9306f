"""The law of the noise of two folders without pairs, in closed form: seconds, no steps.

It is chapter 1 again, the unpaired Gaussian problem, with the second moment taken where there is little else
than noise: in the flattest windows of both folders. What the noise is must not depend on what is beside it,
and nothing may come after it, such as JPEG.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path

import numpy as np
import torch

from .. import __version__, checkpoints, provenance
from ..data.folders import size_of
from ..images import list_images, read
from ..models import NoiseLaw
from ..noise import FlatWindows, colour_filter, flat_windows, variogram
from .folders import Folder

# Where a gain is zero the noise is divided by this all the same: a tenth of a grey level.
LEAST = 0.1 / 255


def train_law(clean: Folder, degraded: Folder, out: Folder) -> Path:
    """Find how strong the noise of degraded photos is by colour, and how it is correlated, without pairs.

    Args:
        clean, degraded: photos of any sizes and formats, of different scenes. Those that cannot be read, or
            are smaller than a window of 32 pixels, are left out.
        out: folder of the result.

    Returns:
        The path of ``model.safetensors``, a :class:`~nflib.models.NoiseLaw`.

    Raises:
        ValueError: a folder has no usable photo, or ``out`` holds a run of another training.
    """
    started, out = time.perf_counter(), Path(out)
    if (out / "last.state").exists():
        raise ValueError(f"{out}: holds a run of another training; choose another folder")
    windows = {"clean": _windows_of(clean), "degraded": _windows_of(degraded)}
    law = learn_law(**windows)
    out.mkdir(parents=True, exist_ok=True)
    notes = {
        "training": "law, in closed form",
        **{
            name: f"{len(found.photo.unique())} photos, {len(found.photo)} windows"
            for name, found in windows.items()
        },
        "seconds": round(time.perf_counter() - started, 1),
        "device": provenance.device_name(torch.device("cpu")),
        "nflib": __version__,
        "torch": torch.__version__,
        "commit": provenance.commit(),
    }
    checkpoints.save(law, out / "model.safetensors", notes)
    return out / "model.safetensors"


@torch.no_grad()
def learn_law(clean: FlatWindows, degraded: FlatWindows) -> NoiseLaw:
    """The law of the noise that degraded windows have beyond clean ones of other scenes
    (:func:`nflib.noise.flat_windows`).
    """
    law = NoiseLaw().double()
    gain, floor = fit_gain(clean, degraded)
    law.set(gain=gain, floor=floor, taps=torch.zeros(3, 3, 1, 1))
    # in units of its own deviation the noise is the same everywhere
    of_clean, of_degraded = (
        variogram(windows.pixels / law.deviation(windows.colours[..., None, None]).clamp(min=LEAST))
        for windows in (clean, degraded)
    )
    law.set(gain=gain, floor=floor, taps=colour_filter(of_degraded - of_clean))
    return law.float().eval()


def fit_gain(clean: FlatWindows, degraded: FlatWindows) -> tuple[torch.Tensor, torch.Tensor]:
    """The photon-transfer line of each channel, ``variance = gain * value + floor``, neither negative; (3,)
    each.

    Variances within degraded windows, less those within clean ones, against the windows' own colours.
    """
    from scipy.optimize import nnls

    content = clean.pixels.var((2, 3)).mean(0)
    colours, variances = degraded.colours.numpy(), (degraded.pixels.var((2, 3)) - content).numpy()
    ones = np.ones(len(colours))
    lines = [nnls(np.stack((colours[:, c], ones), 1), variances[:, c])[0] for c in range(colours.shape[1])]
    gain, floor = torch.from_numpy(np.stack(lines, 1))
    return gain, floor


def _windows_of(folder: Folder) -> FlatWindows:
    """Flat windows of the photos of a folder that can be read, one at a time; logs what is left out."""
    files, readable = list_images(folder), []
    for file in files:
        try:
            size_of(file)
            readable.append(file)
        except ValueError as error:
            logging.getLogger(__name__).warning("skipped %s", error)
    try:
        return flat_windows(lambda i: read(readable[i]), len(readable))
    except ValueError as error:
        raise ValueError(f"{folder}: {len(readable)} of {len(files)} photos can be read; {error}") from None
