"""The unpaired Gaussian problem under its short name; it lives in :mod:`nflib.closed_form.gaussian`."""

from .closed_form.gaussian import *
from .closed_form.gaussian import __all__ as __all__
