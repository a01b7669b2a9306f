"""Images at the door: files and arrays of every kind become float tensors in [0, 1], RGB, channels first.

Everything behind this door may rely on (B, 3, H, W), finite and in range.
"""

from .arrays import as_images
from .files import list_images, read, write
from .resizing import resize
from .tiling import joined, pad_to_multiple

__all__ = ["as_images", "joined", "list_images", "pad_to_multiple", "read", "resize", "write"]
