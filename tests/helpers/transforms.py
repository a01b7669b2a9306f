"""Which transforms there are: derived, so that none is forgotten."""

from nflib import transforms


def exported_transforms() -> list[str]:
    """Names of all transforms that nflib.transforms exports, but the abstract one."""
    found = ((name, getattr(transforms, name)) for name in transforms.__all__)
    return [
        name
        for name, cls in found
        if isinstance(cls, type) and issubclass(cls, transforms.Transform) and cls is not transforms.Transform
    ]
