"""Training of FSSR's degrader on two folders without pairs."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor, nn

from ..models import FSSR, FSSRConfig
from ..models.adversarial import PatchCritic, Translator, high_frequencies, low_frequencies
from ..models.esrgan import perceptual_loss
from .adversarial import AdversarialTask, against_critic, critic_of, sides_of
from .contest import perceptual_features
from .recipe import Recipe, Usual

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

    model: Translator
    recipe = SMALL

    def __init__(self, model: Translator, features: nn.Module | None = None):
        super().__init__(model)
        self.critic = self.new_critic()
        self.features = features
        self.notes["perceptual"] = "left out" if features is None else "VGG19, conv5_4"

    def new_critic(self) -> PatchCritic:
        """The critic of this training."""
        return critic_of(self.model.config, "batch")

    @property
    def opponents(self) -> dict[str, nn.Module]:
        return {"critic": self.critic}

    def judge(self, images: Tensor) -> Tensor:
        """Logits of the critic for images (B, 3, H, W), of which it is shown a part."""
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


def _with_features(model: FSSR) -> FSSRTask:
    return FSSRTask(model, perceptual_features())


train_fssr = against_critic(
    FSSR,
    FSSRConfig,
    _with_features,
    usual=USUAL,
    about="Learn a degradation from clean and degraded photos without pairs, by frequency separation, "
    "against a critic of the high frequencies. One degraded image for one clean one. The perceptual loss "
    "needs the weights of torchvision's ``vgg19`` where torch keeps them; without, that part is left out, "
    "with a warning.",
)
