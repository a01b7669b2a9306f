"""The user study: choices of people between two methods, and the scores that follow from them (Bradley and
Terry).
"""

from . import bradley_terry
from .choices import Choice, append_choices, read_choices, win_matrix

__all__ = ["Choice", "append_choices", "bradley_terry", "read_choices", "win_matrix"]
