"""Which nflib this is; the build reads it from here."""

__version__ = "0.1.0"
"""The version of nflib, as files that it writes say it."""
