"""Which trainings there are: what ``nflib train``, ``nflib bench``, the scripts and the contract tests read.

A model that is to be trained by name gets a row here, and nothing else needs to know of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from ..models import (
    C2N,
    DASR,
    FSSR,
    LUDVAE,
    AffineDeFlow,
    C2NConfig,
    CinCGAN,
    CinCGANConfig,
    CycleGAN,
    CycleGANConfig,
    DASRConfig,
    DeFlow,
    DeFlowConfig,
    FSSRConfig,
    Glow,
    ImageModel,
    LowLightFlow,
    LUDVAEConfig,
    NoiseFlow,
    RefinementNet,
    RestorationNet,
    RRDBNet,
    SRFlow,
    SRFlowConfig,
)
from .adversarial import sized
from .affine_deflow import USUAL as AFFINE
from .affine_deflow import AffineDeFlowTask, affine_config, train_affine_deflow
from .c2n import USUAL as C2N_USUAL
from .c2n import C2NTask, train_c2n
from .cincgan import USUAL as CINCGAN_USUAL
from .cincgan import CinCGANTask, train_cincgan
from .cyclegan import USUAL as CYCLEGAN_USUAL
from .cyclegan import CycleGANTask, train_cyclegan
from .dasr import DASRTask, train_dasr
from .deflow import USUAL as DEFLOW
from .deflow import DeFlowTask, deflow_config, train_deflow
from .denoiser import USUAL as DENOISER
from .denoiser import denoiser_config, train_denoiser
from .enhancer import USUAL as ENHANCER
from .enhancer import LowLightTask, low_light_config, train_enhancer
from .fssr import USUAL as FSSR_USUAL
from .fssr import FSSRTask, train_fssr
from .glow import USUAL as GLOW
from .glow import GlowTask, glow_config, train_glow
from .ludvae import USUAL as LUDVAE_USUAL
from .ludvae import LUDVAETask, ludvae_config, train_ludvae
from .noise_flow import USUAL as NOISE_FLOW
from .noise_flow import NoiseFlowTask, noise_flow_config, train_noise_flow
from .recipe import Usual
from .rehearsal import Rehearsal
from .restorer import RestorationTask
from .rrdb import USUAL as RRDB
from .rrdb import RRDBTask, rrdb_config, train_rrdb
from .srflow import USUAL as SRFLOW
from .srflow import SRFlowTask, srflow_config, train_srflow
from .super_resolver import USUAL as SUPER_RESOLVER
from .super_resolver import super_resolver_config, train_super_resolver
from .tasks import Task


@dataclass(frozen=True)
class Training:
    """A training that users can name.

    >>> row = training("deflow")
    >>> row.title, row.purpose, row.unpaired, row.usual["small"].crop
    ('DeFlow', 'degrade', True, 64)

    Attributes:
        name: on the command line, in records and in tables of code.
        title: for people.
        train: from folders to a model, by keywords.
        model: the class that is trained at size "small".
        task: makes the task of a model.
        config: configuration of a size, "small" or "full".
        usual: how each size is trained if nothing else is said.
        published: the configuration that papers describe, which ``nflib bench`` times at size "full"; None if
            it is not timed by default.
    """

    name: str
    title: str
    train: Callable[..., Path | Rehearsal]
    model: type[ImageModel]
    task: Callable[[Any], Task]
    config: Callable[[str], Any]
    usual: Mapping[str, Usual]
    published: Callable[[], Any] | None = None

    @property
    def purpose(self) -> str:
        """What its models are for, see :class:`nflib.models.ImageModel`."""
        return self.model.purpose

    @property
    def unpaired(self) -> bool:
        """Whether it learns from a clean and a degraded folder without pairs."""
        return self.purpose == "degrade"

    def timed_config(self, size: str, *, reversible: bool = False) -> Any:
        """The configuration that is timed: as published, or that of the size. Only flows can be
        reversible."""
        config = self.published() if size == "full" and self.published is not None else self.config(size)
        return replace(config, reversible=True) if reversible and hasattr(config, "reversible") else config


_ROWS = (
    Training("deflow", "DeFlow", train_deflow, DeFlow, DeFlowTask, deflow_config, DEFLOW, DeFlowConfig.aim),
    Training(
        "affine-deflow",
        "Affine DeFlow",
        train_affine_deflow,
        AffineDeFlow,
        AffineDeFlowTask,
        affine_config,
        AFFINE,
    ),
    Training(
        "ludvae", "LUD-VAE", train_ludvae, LUDVAE, LUDVAETask, ludvae_config, LUDVAE_USUAL, LUDVAEConfig
    ),
    Training(
        "noise-flow",
        "Noise flow",
        train_noise_flow,
        NoiseFlow,
        NoiseFlowTask,
        noise_flow_config,
        NOISE_FLOW,
    ),
    Training("c2n", "C2N", train_c2n, C2N, C2NTask, partial(sized, C2NConfig), C2N_USUAL),
    Training("fssr", "FSSR", train_fssr, FSSR, FSSRTask, partial(sized, FSSRConfig), FSSR_USUAL),
    Training("dasr", "DASR", train_dasr, DASR, DASRTask, partial(sized, DASRConfig), FSSR_USUAL),
    Training(
        "cyclegan",
        "CycleGAN",
        train_cyclegan,
        CycleGAN,
        CycleGANTask,
        partial(sized, CycleGANConfig),
        CYCLEGAN_USUAL,
    ),
    Training(
        "cincgan",
        "CinCGAN",
        train_cincgan,
        CinCGAN,
        CinCGANTask,
        partial(sized, CinCGANConfig),
        CINCGAN_USUAL,
    ),
    Training(
        "srflow", "SRFlow", train_srflow, SRFlow, SRFlowTask, srflow_config, SRFLOW, SRFlowConfig.df2k_x4
    ),
    Training("glow", "Glow", train_glow, Glow, GlowTask, glow_config, GLOW),
    Training("rrdb", "RRDB", train_rrdb, RRDBNet, RRDBTask, rrdb_config, RRDB),
    Training(
        "denoiser",
        "Restoration net",
        train_denoiser,
        RestorationNet,
        RestorationTask,
        denoiser_config,
        DENOISER,
    ),
    Training(
        "super_resolver",
        "Refinement",
        train_super_resolver,
        RefinementNet,
        RRDBTask,
        super_resolver_config,
        SUPER_RESOLVER,
    ),
    Training(
        "enhancer", "Low-light flow", train_enhancer, LowLightFlow, LowLightTask, low_light_config, ENHANCER
    ),
)
TRAININGS: Mapping[str, Training] = {row.name: row for row in _ROWS}
"""Name -> :class:`Training`: all that can be trained by name."""


def training(name: str) -> Training:
    """The training of this name; else a ValueError that lists the names."""
    if name not in TRAININGS:
        raise ValueError(f"unknown model {name!r}; there are {', '.join(TRAININGS)}")
    return TRAININGS[name]
