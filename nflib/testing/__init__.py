"""Tools that hold claims against the facts: ``check_transform`` for transforms, ``check`` for the cells of
the book.
"""

from . import check
from .transforms import check_transform

__all__ = ["check", "check_transform"]
