"""Training of DASR's degrader on two folders without pairs."""

from __future__ import annotations

from torch import Tensor

from ..models import DASR, DASRConfig
from ..models.adversarial import PatchCritic
from .adversarial import against_critic
from .contest import perceptual_features
from .fssr import USUAL, FSSRTask


class DASRTask(FSSRTask):
    """FSSR's training, on which DASR builds, with its weights; but the critic judges the detail bands of
    Haar's wavelet.

    Chosen here: the weights, the content by the same low frequencies as FSSR's, and the form of the critic.
    That a restorer counts its pairs by :meth:`nflib.models.DASR.domain_weights` is no part of this training.

    Args:
        model: the degrader, with the critic.
        features: of the perceptual loss; None leaves it out.
    """

    model: DASR

    def new_critic(self) -> PatchCritic:
        return self.model.critic

    def judge(self, images: Tensor) -> Tensor:
        return self.model.judged(images)


def _with_features(model: DASR) -> DASRTask:
    return DASRTask(model, perceptual_features())


train_dasr = against_critic(
    DASR,
    DASRConfig,
    _with_features,
    usual=USUAL,
    about="Learn a degradation from clean and degraded photos without pairs, against a critic of wavelet "
    "bands, which also says how real each place of a made image is. One degraded image for one clean "
    "one. The perceptual loss is that of :func:`nflib.training.train_fssr`.",
)
