"""What is read by packages that nflib does not ask for: HEIC and camera raw."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np

from .decoded import Decoded

HEIF_SUFFIXES = (".heic", ".heif")
RAW_SUFFIXES = (
    *(".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".iiq", ".kdc", ".mef", ".mos"),
    *(".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f"),
)
RAW_SIGNATURES = (b"FUJIFILM", b"IIRO", b"IIRS", b"IIU\0", b"\0MRM", b"FOVb")
PACKAGES = {suffix: "pillow-heif" for suffix in HEIF_SUFFIXES} | {suffix: "rawpy" for suffix in RAW_SUFFIXES}
"""Suffix -> the package that reads it."""


def readable_suffixes() -> tuple[str, ...]:
    """Those of ``PACKAGES`` that are read here."""
    there = {
        package: importlib.util.find_spec(package.replace("-", "_")) for package in ("pillow-heif", "rawpy")
    }
    return tuple(suffix for suffix, package in PACKAGES.items() if there[package] is not None)


def from_heif(path: Path) -> Decoded:
    """The main picture of a HEIF file, with the bits that it has; libheif turns it upright.

    Raises:
        ValueError: the package pillow-heif is not there.
    """
    file = needed("pillow-heif", "a HEIF picture").open_heif(
        path, convert_hdr_to_8bit=False, hdr_to_16bit=False
    )
    samples = np.asarray(file)
    samples = samples[..., None] if samples.ndim == 2 else samples
    bits = int(file.info["bit_depth"]) if samples.dtype.itemsize > 1 else 8
    alpha = "none" if samples.shape[2] in (1, 3) else "straight"
    return Decoded(
        samples,
        "grey" if samples.shape[2] < 3 else "rgb",
        white=2**bits - 1,
        alpha="premultiplied" if alpha == "straight" and file.premultiplied_alpha else alpha,
        profile=file.info.get("icc_profile") or b"",
        lost=("EXIF data",) if file.info.get("exif") else (),
    )


def from_raw(path: Path) -> Decoded:
    """A camera raw file, developed by LibRaw at 16 bits: the camera's white balance, sRGB, no brightening.

    Raises:
        ValueError: the package rawpy is not there.
    """
    rawpy = needed("rawpy", "a camera raw file")
    with rawpy.imread(str(path)) as raw:
        pixels = raw.postprocess(output_bps=16, use_camera_wb=True, no_auto_bright=True)
    return Decoded(pixels, "rgb", white=65535, lost=("the raw data of the camera",))


def needed(name: str, what: str) -> ModuleType:
    """Import a package that reads something.

    Raises:
        ValueError: it is not there, with what it is for.
    """
    try:
        return importlib.import_module(name.replace("-", "_"))
    except ModuleNotFoundError as error:
        raise ValueError(f"is {what}, which needs the package {name}: pip install {name}") from error
