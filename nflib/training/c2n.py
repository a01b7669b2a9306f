"""Training of C2N on two folders without pairs."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor, nn

from ..models import C2N, C2NConfig
from ..models.adversarial import gradient_penalty
from .adversarial import AdversarialTask, against_critic, critic_of, sides_of
from .recipe import Recipe, Usual

# Weights of the gradient penalty and of the stability loss.
PENALTY, STABILITY = 10.0, 10.0
RECIPE = Recipe(
    steps=200_000, batch=16, lr=1e-4, betas=(0.5, 0.9), milestones=(0.25, 0.5, 0.75), clip=1e3, every=2000
)
SMALL = replace(RECIPE, steps=600, lr=1e-3, average=0.99, every=50)
USUAL = {"small": Usual(SMALL, 40), "full": Usual(RECIPE, 96)}


class C2NTask(AdversarialTask):
    """Wasserstein loss of C2N with the gradient penalty of its critic, by 10, and the stability loss: the
    mean of the noise should be zero in every channel, or colours drift.

    The authors take that mean over a batch, and weigh it by 0.01. Where clean and degraded photos show other
    scenes, as here, the critic then teaches colours and shades, and not the noise alone. Chosen here: the
    mean over each crop, weighed by 10; the form of the critic; that both players move in every step.
    """

    model: C2N
    recipe = SMALL
    game = "wasserstein"

    def __init__(self, model: C2N):
        super().__init__(model)
        self.critic = critic_of(model.config, "none")

    @property
    def opponents(self) -> dict[str, nn.Module]:
        return {"critic": self.critic}

    def loss(self, model, batch, generator) -> Tensor:
        sides = sides_of(batch, generator)
        fake = model.degraded(sides.clean, sides.of_clean)
        fooling, seeing = self.play(self.critic, self.critic, sides.degraded, fake)
        penalty = gradient_penalty(self.critic, sides.degraded, fake, sides.of_degraded)
        drift = (fake - sides.clean).mean((2, 3)).abs().mean()
        return self.summed(
            fooling=fooling, stability=STABILITY * drift, critic=seeing, penalty=PENALTY * penalty
        )


train_c2n = against_critic(
    C2N,
    C2NConfig,
    C2NTask,
    usual=USUAL,
    about="Learn a noise from clean and degraded photos without pairs, by a generator that draws noise, "
    "against a critic.",
)
