"""Training of FSSR's degrader on two folders without pairs."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from torch import Tensor, nn

from ..models import FSSR, FSSRConfig
from ..models.adversarial import high_frequencies, low_frequencies
from ..models.esrgan import perceptual_loss
from .adversarial import AdversarialTask, asked, critic_of, sides_of, train_against_critic
from .contest import perceptual_features
from .folders import Folder, known_size
from .recipe import Recipe, Usual
from .rehearsal import Rehearsal
from .running import Running

# Weights of the loss: low frequencies, perceptual, adversarial ("colour", "perceptual" and "texture").
COLOUR, PERCEPTUAL, TEXTURE = 1.0, 0.01, 0.005
RECIPE = Recipe(
    steps=100_000, batch=32, lr=1e-4, betas=(0.5, 0.999), milestones=(0.5, 0.75, 0.9), clip=1e3, every=2000
)
SMALL = replace(RECIPE, steps=600, batch=16, lr=1e-3, average=0.99, every=50)
USUAL = {"small": Usual(SMALL, 40), "full": Usual(RECIPE, 64)}


class FSSRTask(AdversarialTask):
    """The critic judges high frequencies only, the low ones are tied to those of the clean image:
    ``1 L1(low) + 0.01 perceptual + 0.005 adversarial``, the authors' weights.

    Chosen here: VGG19 in place of LPIPS for the perceptual part, which is left out where its weights are
    missing, and the form of the critic.

    Args:
        model: the degrader.
        features: of the perceptual loss; None leaves it out.
    """

    model: FSSR
    recipe = SMALL

    def __init__(self, model: FSSR, features: nn.Module | None = None):
        super().__init__(model)
        self.critic = critic_of(model.config, "batch")
        self.features = features
        self.notes["perceptual"] = "left out" if features is None else "VGG19, conv5_4"

    @property
    def opponents(self) -> dict[str, nn.Module]:
        return {"critic": self.critic}

    def judge(self, images: Tensor) -> Tensor:
        return self.critic(high_frequencies(images) + 0.5)  # which lie around zero

    def loss(self, model, batch, generator) -> Tensor:
        clean, degraded, *_ = sides_of(batch, generator)
        fake = model.degraded(clean)
        fooling, seeing = self.play(self.judge, self.critic, degraded, fake)
        parts = {
            "colour": COLOUR * (low_frequencies(fake) - low_frequencies(clean)).abs().mean(),
            "texture": TEXTURE * fooling,
            "critic": seeing,
        }
        if self.features is not None:
            parts["perceptual"] = PERCEPTUAL * perceptual_loss(fake, clean, self.features)
        return self.summed(**parts)


def fssr_config(size: str) -> FSSRConfig:
    """The configuration of a size."""
    return FSSRConfig.small() if known_size(size) == "small" else FSSRConfig()


def train_fssr(
    clean: Folder,
    degraded: Folder,
    out: Folder,
    *,
    size: str = "small",
    vgg: Folder | None = None,
    validation_clean: Folder | None = None,
    validation_degraded: Folder | None = None,
    last_stage: str = "none",
    steps: int | None = None,
    batch: int | None = None,
    crop: int | None = None,
    lr: float | None = None,
    seed: int = 0,
    running: Running = Running(),
) -> Path | Rehearsal:
    """Learn a degradation from clean and degraded photos without pairs, by frequency separation, against a
    critic of the high frequencies. One degraded image for one clean one.

    Args:
        clean, degraded: photos of any sizes and formats, of different scenes.
        out: folder of the run, see :func:`nflib.training.fit`.
        size: "small" (minutes on a laptop) or "full" (as published).
        vgg: weights of torchvision's ``vgg19`` for the perceptual loss; by default where torch keeps them.
            Where they are missing this part is left out, with a warning.
        validation_clean, validation_degraded: other photos of both kinds, by whose noise the best model is
            chosen; by default the training photos themselves.
        last_stage: what happened to the degraded photos last: "none", as published, leaves it to the network
            to imitate; "auto" looks for JPEG; such as "jpeg:62" says it. Then the clean photos are compared
            after it, and it is put back when degrading.
        steps, batch, crop, lr: what the size suggests, by default.
        seed: of weights, crops and noise.
        running: see :class:`nflib.training.Running`.

    Returns:
        The path of ``best.safetensors``, the best by the noise in dark and bright, flat and textured places.
        Published trainings hand back the last one, ``model.safetensors``: nothing else tells.
    """
    return train_against_critic(
        FSSR,
        fssr_config(size),
        partial(FSSRTask, features=perceptual_features(vgg)),
        (clean, degraded),
        out,
        usual=asked(USUAL, size, steps=steps, batch=batch, crop=crop, lr=lr),
        validation=(validation_clean, validation_degraded),
        last_stage=last_stage,
        seed=seed,
        running=running,
    )
