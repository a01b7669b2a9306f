"""The unpaired Gaussian problem under its short name; it lives in :mod:`nflib.closed_form.gaussian`."""

from .closed_form.gaussian import (
    ClippedNormal,
    Moments,
    RatioInterval,
    StandardErrors,
    UnpairedGaussian,
    clipped_normal,
    fit_moments,
    fit_unpaired,
    price_of_unpaired,
    probability_of_case_two,
    ratio_interval,
    unclipped_moments,
)

__all__ = [
    "ClippedNormal",
    "Moments",
    "RatioInterval",
    "StandardErrors",
    "UnpairedGaussian",
    "clipped_normal",
    "fit_moments",
    "fit_unpaired",
    "price_of_unpaired",
    "probability_of_case_two",
    "ratio_interval",
    "unclipped_moments",
]
