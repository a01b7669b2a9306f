"""The law of a noise as a model: what it says of itself, against the noise that it makes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nflib import checkpoints, units
from nflib.images.jpeg import JPEG
from nflib.models import NoiseLaw, NoiseLawConfig


def law(last_stage: str = "") -> NoiseLaw:
    """Noise that rises in the mid-tones, with a diagonal smear, and red that leaks into green."""
    model = NoiseLaw(NoiseLawConfig(last_stage=last_stage))
    colours = torch.tensor([[1.0, 0.0, 0.0], [0.5, 0.9, 0.0], [0.0, 0.0, 0.7]])
    taps = colours[:, :, None, None] * torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.8, 0.0], [0.0, 0.0, 0.6]])
    rises = torch.linspace(0, 1, 17)
    model.set(
        variance=torch.stack((0.001 + 0.001 * rises, 0.002 * rises * (1 - rises), rises * 0)), taps=taps
    )
    return model


def test_deviation_is_interpolated() -> None:
    values = torch.rand(3, 5, 7, generator=units.generator(0))
    knots = np.linspace(0, 1, 17)
    for c, curve in enumerate(law().variance.numpy()):
        expected = np.interp(values[c].numpy(), knots, curve) ** 0.5
        np.testing.assert_allclose(law().deviation(values)[c], expected, atol=1e-6)


def test_correlation_is_that_of_its_noise() -> None:
    grey = torch.full((1, 3, 400, 400), 0.5)
    noise = (law().samples(grey, generator=units.generator(1))[0] - grey)[0, :2].flatten(1)
    fields = (noise / noise.std(1, keepdim=True)).view(2, 400, 400)
    found = law().correlation(2)
    for c, d in ((0, 0), (0, 1), (1, 1)):
        for dy, dx in ((0, 0), (1, 1), (1, -1), (0, 2)):
            earlier = fields[c, : 400 - dy, max(-dx, 0) : 400 - max(dx, 0)]
            later = fields[d, dy:, max(dx, 0) : 400 + min(dx, 0)]
            assert found[c, d, 2 + dy, 2 + dx].item() == pytest.approx(
                (earlier * later).mean().item(), abs=0.02
            )


def test_it_is_saved_with_its_stage_and_strengths(tmp_path) -> None:
    model = law("jpeg:62:444")
    model.set(variance=model.variance.clone(), taps=model.taps.clone(), strengths=(0.75, 1.25))
    checkpoints.save(model, tmp_path / "law.safetensors")
    again = checkpoints.load(tmp_path / "law.safetensors")
    assert again.strengths == (0.75, 1.25)
    image = torch.rand(1, 3, 40, 48, generator=units.generator(0))
    made = again.degrade(image, generator=units.generator(1))
    assert torch.equal(made, model.degrade(image, generator=units.generator(1)))
    # what comes out of a JPEG file is hardly changed by another of the same tables; noise would be
    assert (JPEG(62, "4:4:4")(made) - made).abs().mean() < 0.3 * (made - image).abs().mean()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"reach": -1}, "reach"), ({"knots": 1}, "knots"), ({"last_stage": "webp:3"}, "jpeg:QUALITY")],
)
def test_wrong_configurations(wrong, message) -> None:
    with pytest.raises(ValueError, match=message):
        NoiseLawConfig(**wrong)
