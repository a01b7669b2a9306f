"""Samples of super-resolved images, for a file or a folder."""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import NamedTuple

import torch

from .. import __version__, checkpoints, units
from ..images import list_images, read, write
from ..models import SRFlow
from ..models.tiled import super_resolve_tiled
from .records import read_json, write_json


class SuperResolved(NamedTuple):
    """What :func:`super_resolve` did: files written now, files that were there already, one line for each that was skipped."""

    written: tuple[Path, ...]
    kept: int
    skipped: tuple[str, ...]


def super_resolve(
    source: str | os.PathLike,
    model: str | os.PathLike,
    out: str | os.PathLike,
    tau: float = 0.8,
    samples: int = 1,
    tile: int = 128,
    seed: int = 0,
    device: torch.device | str | None = None,
) -> SuperResolved:
    """Write samples ``out/NAME_1.png``, ``out/NAME_2.png``, ... of super-resolved images, and ``out/NAME.json`` on how they were made.

    An interrupted job goes on where it stopped: an image whose files are all there, made with the same settings, is kept. Each
    image has its own random numbers, which depend on the seed and its name only.

    Args:
        source: an image or a folder of images. Files that cannot be read are skipped and listed in the answer.
        model: a file of :func:`nflib.checkpoints.save` or the name of a bundled model; an SRFlow.
        out: folder, made if it is not there.
        tau: temperature, multiplies the standard deviation of the latents.
        samples: per image.
        tile: larger images are computed in tiles of this side, in pixels of the source.
        seed: of the latents.
        device: ``nflib.device()`` by default.

    Raises:
        ValueError: the model is no SRFlow, the folder ``out`` has results of other settings, or no image could be read.
    """
    if samples < 1 or not tau >= 0:
        raise ValueError(f"samples must be at least 1 and tau not negative, got {samples} and {tau}")
    source, out = Path(source), Path(out)
    if out.resolve() == (source if source.is_dir() else source.parent).resolve():
        raise ValueError(f"{out}: holds the images themselves; choose another folder for the results")
    files = list_images(source) if source.is_dir() else [source]
    names = [file.stem for file in files]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{source}: more than one image is called {twice[0]}; the results would have the same name")
    net = checkpoints.load(model)
    if not isinstance(net, SRFlow):
        raise ValueError(f"{model}: is a {type(net).__name__}, expected an SRFlow")
    device = units.device(device)
    net.to(device)
    settings = {"model": str(model), "tau": tau, "samples": samples, "seed": seed, "tile": tile, "scale": net.config.scale}
    out.mkdir(parents=True, exist_ok=True)
    written, skipped, kept = [], [], 0
    for file in units.progress(files, "super-resolve"):
        record = out / f"{file.stem}.json"
        if record.is_file():
            found = {key: read_json(record).get(key) for key in settings}
            if found != settings:
                raise ValueError(f"{record}: was made with {found}, now asked for {settings}; choose another folder")
        try:
            image = read(file)
        except ValueError as error:
            skipped.append(str(error))
            continue
        targets = [out / f"{file.stem}_{i + 1}.png" for i in range(samples)]
        if record.is_file() and all(target.is_file() for target in targets):
            kept += 1
            continue
        generator = units.generator(zlib.crc32(f"{seed} {file.stem}".encode()))
        results = super_resolve_tiled(net, image[None].to(device), tau, samples, generator, tile, _overlap(tile))
        for target, result in zip(targets, results.cpu()):
            write(target, result[0])
        # the record last: with it, the image is done
        write_json(record, {**settings, "source": file.name, "files": [t.name for t in targets], "nflib": __version__})
        written += targets
    if len(skipped) == len(files):
        raise ValueError(f"{source}: none of {len(files)} images could be read; the first: {skipped[0]}")
    return SuperResolved(tuple(written), kept, tuple(skipped))


def _overlap(tile: int) -> int:
    """A quarter of a tile, but not more than 32 pixels, beyond which hardly anything is seen; a multiple of 8."""
    return min(32, tile // 32 * 8)
