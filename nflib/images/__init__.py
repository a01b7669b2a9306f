"""Images at the door: files and arrays of every kind become float tensors in [0, 1], RGB, channels first.

Everything behind this door may rely on (B, 3, H, W), finite and in range.
"""

from .arrays import as_images
from .empty_parts import clipped_parts, constant_parts, empty_parts, empty_share
from .files import read, read_picture
from .jpeg import JPEG, parse_stage
from .listing import LeftOut, left_out, list_images
from .picture import Picture
from .resizing import resize
from .tiling import joined, pad_to_multiple
from .writing import write

__all__ = [
    "JPEG",
    "LeftOut",
    "Picture",
    "as_images",
    "clipped_parts",
    "constant_parts",
    "empty_parts",
    "empty_share",
    "joined",
    "left_out",
    "list_images",
    "pad_to_multiple",
    "parse_stage",
    "read",
    "read_picture",
    "resize",
    "write",
]
