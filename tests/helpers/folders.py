"""Small photos in memory and on disk, and where a crop was cut."""

from __future__ import annotations

from pathlib import Path

import torch

from nflib import images


def random_images(*sizes, seed=0) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.rand(3, *size, generator=generator) for size in sizes]


def smooth_photos(seed, noise=0.0) -> list[torch.Tensor]:
    """Three photos (3, 64, 64) of smooth colours, with white noise of this deviation."""
    g = torch.Generator().manual_seed(seed)
    small = torch.rand(3, 3, 8, 8, generator=g)
    large = torch.nn.functional.interpolate(small, size=64, mode="bicubic").clamp(0.1, 0.9)
    return list((large + noise * torch.randn(large.shape, generator=g)).clamp(0, 1))


def smooth_photo(seed, height=48, width=56) -> torch.Tensor:
    """A photo (3, height, width) of smooth colours."""
    small = torch.rand(1, 3, 6, 7, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(small, (height, width), mode="bicubic").clamp(0.1, 0.9)[0]


def folder_of_noise(folder, sigma, seed, n=3) -> Path:
    """A new folder with photos of grey and noise of this deviation."""
    folder.mkdir()
    generator = torch.Generator().manual_seed(seed)
    for i in range(n):
        images.write(
            folder / f"{i}.png", (0.5 + sigma * torch.randn(3, 64, 64, generator=generator)).clamp(0, 1)
        )
    return folder


def named_folder(folder, **sizes) -> Path:
    """A new folder with a random image NAME.png of each (height, width)."""
    folder.mkdir()
    for i, (name, size) in enumerate(sizes.items()):
        images.write(folder / f"{name}.png", *random_images(size, seed=i))
    return folder


def contents(folder) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def folder_of(folder, photos, suffixes=(".png", ".tif", ".bmp")) -> Path:
    folder.mkdir()
    for i, photo in enumerate(photos):
        images.write(folder / f"{i}{suffixes[i % len(suffixes)]}", photo)
    return folder


def rounded(photos) -> list[torch.Tensor]:
    """Photos as files of 8 bits keep them."""
    return [(255 * photo).round() / 255 for photo in photos]


def position(photo, piece) -> tuple[int, int, bool] | None:
    """Where a piece lies in a photo, flipped or not: (top, left, flipped)."""
    height, width = piece.shape[1:]
    for flipped in (False, True):
        wanted = piece.flip(-1) if flipped else piece
        for top in range(photo.shape[1] - height + 1):
            for left in range(photo.shape[2] - width + 1):
                if torch.equal(photo[:, top : top + height, left : left + width], wanted):
                    return top, left, flipped
    return None
