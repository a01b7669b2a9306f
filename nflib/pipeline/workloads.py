"""What is counted and timed of each model: the loss of a training step, and one result."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..models import LUDVAE, DeFlow, DeFlowConfig, Glow, GlowConfig, LUDVAEConfig, SRFlow, SRFlowConfig

MODELS = {DeFlowConfig: DeFlow, SRFlowConfig: SRFlow, GlowConfig: Glow, LUDVAEConfig: LUDVAE}
Config = DeFlowConfig | SRFlowConfig | GlowConfig | LUDVAEConfig


def without_data(config: Config) -> nn.Module:
    """The model on the device "meta", where nothing is computed."""
    if type(config) not in MODELS:
        raise ValueError(f"config must be one of {', '.join(c.__name__ for c in MODELS)}, got {type(config).__name__}")
    with torch.random.fork_rng(devices=[]):  # weights are drawn, and thrown away
        return MODELS[type(config)](config).to("meta")


def image_shape(config: Config, batch: int, side: int) -> tuple[int, int, int, int]:
    """(B, C, H, W) of a batch for a model; ValueError if there is no such batch."""
    multiple = 1 if isinstance(config, LUDVAEConfig) else 2**config.levels
    if batch < 1 or side < 1 or side % multiple:
        raise ValueError(f"batch must be at least 1 and crop a multiple of {multiple}, got {batch} and {side}")
    return batch, getattr(config, "channels", 3), side, side


def nll(model: nn.Module, image: Tensor) -> Tensor:
    """The mean loss of a training on images (B, 3, H, W) in [0, 1], a scalar, up to constants and units. Of DeFlow as if all
    were degraded, whose density costs most; of LUD-VAE half of them are."""
    if isinstance(model, LUDVAE):
        half = (len(image) + 1) // 2
        return model.loss(image[half:], image[:half])
    if isinstance(model, DeFlow):
        return model.nll(image, model.condition(image), "degraded").mean()
    if isinstance(model, SRFlow):
        return model.nll(image, smaller(model.config, image)).mean()
    return model.nll(image).mean()


def result(model: nn.Module, image: Tensor) -> Tensor:
    """What the model is for: as many images, degraded (DeFlow, LUD-VAE), super-resolved from small ones (SRFlow), drawn (Glow)."""
    if isinstance(model, SRFlow):
        return model.super_resolve(smaller(model.config, image))[0]
    if isinstance(model, Glow):
        return model.decode(tuple(torch.randn(s, device=image.device) for s in model.flow.transform.latent_shape(tuple(image.shape))))
    return model.degrade(image)


def smaller(config: SRFlowConfig, image: Tensor) -> Tensor:
    """The low-resolution image of one, (B, 3, H/s, W/s); as good as any where only time and cost count."""
    return image[:, :, :: config.scale, :: config.scale]
