"""Scenes for the explorers of trained flows that are small enough for a test."""

from __future__ import annotations

import functools
from typing import Any

import torch

from nflib import widgets
from nflib.images import resize
from nflib.models import DeFlow, DeFlowConfig, RRDBConfig, SRFlow, SRFlowConfig


@functools.cache
def parts(dequantised: bool = True) -> tuple[SRFlow, torch.Tensor, torch.Tensor]:
    """A model whose samples are no noise alone, a photo (1, 3, 16, 16) and its small version."""
    torch.manual_seed(0)
    config = SRFlowConfig(
        RRDBConfig(4, 4, 2, 1), (0,), levels=3, steps=1, transitions=1, hidden=4, dequantised=dequantised
    )
    model = SRFlow(config).eval().requires_grad_(False)
    for name, parameter in model.flow.named_parameters():
        if "mixing" not in name and "transitions" not in name:
            parameter += 0.05 * torch.randn_like(parameter)
        if name.endswith("actnorm.log_scale"):
            parameter += 0.5
    photo = 0.3 + 0.4 * torch.rand(1, 3, 16, 16)
    return model, photo, resize(photo, 1 / 4)


@functools.cache
def scene(dequantised: bool = True) -> dict:
    return widgets.SuperResolutionExplorer.of(*parts(dequantised)).scene


def explorer(**state) -> widgets.SuperResolutionExplorer:
    return widgets.SuperResolutionExplorer(**{"scene": scene(), **state})


@functools.cache
def degradation(local: bool = True) -> tuple[DeFlow, torch.Tensor]:
    """A DeFlow in which every parameter does something, with local noise or with two latents, and a photo (1,
    3, 16, 16).
    """
    torch.manual_seed(1)
    config = DeFlowConfig(
        RRDBConfig(4, 4, 2, 1),
        (0,),
        steps=1,
        transitions=1,
        hidden=4,
        splits=not local,
        local=local,
        noise=0.2,
    )
    model = DeFlow(config).eval().requires_grad_(False)
    for name, parameter in model.named_parameters():
        if "mixing" not in name and "transitions" not in name:
            parameter += 0.05 * torch.randn_like(parameter)
        if name.endswith("actnorm.log_scale"):
            parameter += 0.5
    if local:
        model.flow.base.axes0.copy_(torch.linalg.qr(torch.randn_like(model.flow.base.axes0)).Q)
    return model, 0.3 + 0.4 * torch.rand(1, 3, 16, 16)


@functools.cache
def degradation_scene(local: bool = True) -> dict:
    return widgets.DegradationExplorer.of(
        *degradation(local), generator=torch.Generator().manual_seed(2)
    ).scene


def degradation_explorer(**state) -> widgets.DegradationExplorer:
    return widgets.DegradationExplorer(**{"scene": degradation_scene(), **state})


@functools.cache
def study_results() -> tuple[dict[Any, dict[Any, torch.Tensor]], dict[Any, torch.Tensor]]:
    """Three methods on two photos of different sizes, and what is shown whole: noise, so that every crop is
    unlike every other.
    """
    chance = torch.Generator().manual_seed(3)
    sizes = {"cat": (3, 30, 40), 'a "<b>" & c': (3, 24, 24)}
    return {
        method: {name: torch.rand(size, generator=chance) for name, size in sizes.items()}
        for method in ("DeFlow", "white", "bi<i>cubic")
    }, {name: torch.rand((3, size[1] // 2, size[2] // 2), generator=chance) for name, size in sizes.items()}


def study(**state) -> widgets.UserStudy:
    """Twelve questions: two crops of two photos, three pairs."""
    return widgets.UserStudy.of(
        *study_results(), crops=2, side=16, generator=torch.Generator().manual_seed(4), **state
    )


def study_choices(count: int, seed: int = 1) -> list[dict]:
    """The first choices of a participant who takes the method whose name comes first, but for every third
    time.
    """
    asked, methods = study(seed=seed), study().scene["methods"]
    made = []
    for i, question in enumerate(asked.questions()[:count]):
        photo = asked.scene["photos"][question.photo]
        crop = photo["crops"][question.crop]
        left, right = methods[question.left], methods[question.right]
        made.append(
            {
                "time": f"2026-01-31T12:00:{i:02d}.000Z",
                "seed": seed,
                "photo": photo["name"],
                "crop": [crop["top"], crop["left"], 16],
                "left": left,
                "right": right,
                "chosen": (min if i % 3 else max)(left, right),
            }
        )
    return made
