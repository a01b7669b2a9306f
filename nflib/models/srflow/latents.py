"""What one can do in the latent space of a super-resolution flow: move texture, keep the low-resolution image
(SRFlow, section 4).
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...transforms.base import Latent
from .model import SRFlow


def normalise(latents: Latent, tau: float = 1.0) -> Latent:
    """Latents of an image the model finds unlikely, brought to the statistics it samples with: every channel
    of every image gets mean 0 and deviation tau over its positions.

    Args:
        latents: tensor or tuple of tensors (B, C, H, W), each with at least two positions.
    """
    parts = latents if isinstance(latents, tuple) else (latents,)
    done = []
    for z in parts:
        deviation, mean = torch.std_mean(z, dim=(2, 3), keepdim=True, correction=0)
        if not (deviation > 0).all():
            raise ValueError(
                f"a latent of shape {tuple(z.shape)} has a channel without variation: it cannot be normalised"
            )
        done.append(tau * (z - mean) / deviation)
    return tuple(done) if isinstance(latents, tuple) else done[0]


@torch.no_grad()
def transfer_style(model: SRFlow, style: Tensor, style_lr: Tensor, lr: Tensor) -> Tensor:
    """A high-resolution image of ``lr`` with the latents of another image: its fine texture, this one's
    content.

    Args:
        style: (B, 3, H, W), whose latents are taken, and ``style_lr`` (B, 3, H/s, W/s), its low-resolution
            version.
        lr: (B, 3, H/s, W/s), what the result is to look like from afar.

    Returns:
        (B, 3, H, W), clipped to [0, 1].
    """
    return model.to_image(model.decode(model.encode(model.to_values(style), style_lr), lr))


@torch.no_grad()
def transfer_box(
    model: SRFlow,
    source: Tensor,
    source_lr: Tensor,
    *,
    box: tuple[int, int, int, int],
    latents: Latent,
    corner: tuple[int, int],
    lr: Tensor,
) -> Tensor:
    """A high-resolution image of ``lr`` in which one region gets the latents, and so the texture, of a box in
    another image.

    Args:
        source: (B, 3, H, W), and ``source_lr``, its low-resolution version.
        box: (top, left, height, width) in source, in pixels, multiples of 2^levels of the model.
        latents: of the target elsewhere, for example ``tau`` times standard normal draws.
        corner: (top, left) of where the box goes, multiples of 2^levels.
        lr: low-resolution version of the target.
    """
    multiple = 2**model.config.levels
    if any(number % multiple for number in (*box, *corner)):
        raise ValueError(f"box and corner must be multiples of {multiple} pixels, got {box} and {corner}")
    target_height, target_width = (side * model.config.scale for side in lr.shape[2:])
    for what, (top, left), (rows, columns) in (
        ("box", box[:2], source.shape[2:]),
        ("corner", corner, (target_height, target_width)),
    ):
        if not (0 <= top <= rows - box[2] and 0 <= left <= columns - box[3]):
            raise ValueError(
                f"{what} {(top, left)} with a box of {box[2]} x {box[3]} does not lie inside {rows} x "
                f"{columns} pixels"
            )
    mixed = []
    for theirs, ours in zip(model.encode(model.to_values(source), source_lr), latents):
        step = source.shape[2] // theirs.shape[2]
        top, left, height, width = (number // step for number in box)
        to_top, to_left = (number // step for number in corner)
        ours = ours.clone()
        ours[:, :, to_top : to_top + height, to_left : to_left + width] = theirs[
            :, :, top : top + height, left : left + width
        ]
        mixed.append(ours)
    return model.to_image(model.decode(tuple(mixed), lr))


@torch.no_grad()
def transfer_content(model: SRFlow, pasted: Tensor, lr: Tensor, tau: float = 0.8) -> Tensor:
    """Harmonise an image into which something was pasted: encode it, bring the latents to the usual
    statistics, decode.

    Args:
        pasted: (B, 3, H, W), for example a crop of one image copied onto another.
        lr: low-resolution version of the pasted image, (B, 3, H/s, W/s).
        tau: deviation that the latents get.
    """
    return model.to_image(model.decode(normalise(model.encode(model.to_values(pasted), lr), tau), lr))
