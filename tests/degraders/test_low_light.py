import pytest
import torch

from nflib.degraders import LowLight, darken
from tests.helpers import golden


@golden.needed
def test_darken_as_published() -> None:
    _, t = golden.tensors("ludvae_preproc")
    image = t["img_u8_hwc"].permute(2, 0, 1) / 255
    for i, (gain, gamma) in enumerate(t["lowlight_c_gamma"].tolist()):
        assert torch.equal((255 * darken(image, gain, gamma)).round(), t[f"lowlight_{i}"].permute(2, 0, 1))


def test_strength_and_seeds() -> None:
    images = torch.rand(3, 3, 5, 4, generator=torch.Generator().manual_seed(0))
    low_light = LowLight()
    first, same, other = (low_light(images, generator=torch.Generator().manual_seed(s)) for s in (0, 0, 1))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
    assert torch.equal(low_light(images, 0.0), images)
    assert (first <= 0.4 * images**1.5 + 0.5 / 255).all()
    assert (first >= 0.15 * images**2.5 - 0.5 / 255).all()
    half = low_light(images, 0.5, torch.Generator().manual_seed(0))
    assert (half >= first).all()
    assert half.mean() < images.mean()
    assert low_light(images[0], generator=torch.Generator().manual_seed(0)).shape == images[0].shape
    # every image has its own
    ratios = (
        (low_light(torch.full((4, 3, 2, 2), 0.9), generator=torch.Generator().manual_seed(2)))
        .flatten(1)
        .mean(1)
    )
    assert len(set(ratios.tolist())) == 4


def test_errors() -> None:
    with pytest.raises(ValueError, match="strength must be a number"):
        LowLight()(torch.zeros(3, 2, 2), -1)
    with pytest.raises(ValueError, match="clean must be a floating tensor"):
        LowLight()(torch.zeros(1, 2, 2))
