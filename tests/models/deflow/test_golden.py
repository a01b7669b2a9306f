"""DeFlow against the official code in float64: latents, likelihoods in both domains, translations, gradients.

The official split divides by exp(g) + 1e-6 when encoding and multiplies by exp(g) when decoding; ours is
exactly invertible. Here it is taught the official slip, to compare all the rest to 1e-9; one test says what
the slip is worth.
"""

import math
from typing import Any

import pytest
import torch

from nflib.checkpoints import load_official
from nflib.checkpoints.official import official_names
from nflib.transforms.scales import GaussianScale
from tests.helpers import golden

pytestmark = golden.needed
EXACT = dict(rtol=1e-9, atol=1e-9)


@pytest.fixture
def official_split(monkeypatch) -> None:
    monkeypatch.setattr(
        GaussianScale, "apply", lambda self, x, raw, shift: ((x - shift) / (raw.exp() + 1e-6), -raw)
    )


@pytest.fixture(scope="module")
def small() -> tuple[Any, Any]:
    state, tensors = golden.tensors("deflow_small")
    return load_official(state, "deflow"), tensors


def test_configuration_is_inferred(small) -> None:
    c = small[0].config
    assert (c.scale, c.levels, c.steps, c.transitions, c.hidden, c.affine) == (8, 3, 2, 2, 16, "divide")


def noisy(t) -> torch.Tensor:
    return t["x"] + (t["dequant_u"] - 0.5) / 32


def bits(nll, t) -> Any:
    """The official unit: bits per pixel position, the dequantisation counted once per position."""
    pixels = t["x"].shape[2] * t["x"].shape[3]
    return (nll + math.log(32) * pixels) / (math.log(2) * pixels)


def test_latents(small, official_split) -> None:
    model, t = small
    finest, deepest = model.encode(noisy(t), t["h"])
    torch.testing.assert_close(deepest, t["enc_z"], **EXACT)
    torch.testing.assert_close(finest, t["enc_eps0"], **EXACT)


def test_our_split_is_exactly_invertible_and_the_official_one_is_not(small) -> None:
    model, t = small
    x = noisy(t)
    ours = (model.decode(model.encode(x, t["h"]), t["h"]) - x).abs().max()
    official = (model.decode((t["enc_eps0"], t["enc_z"]), t["h"]) - x).abs().max()
    assert ours < 1e-12
    assert 1e-7 < official < 1e-5


@pytest.mark.parametrize(
    ("domain", "key"), [("clean", "nll_dom0"), ("degraded", "nll_dom1"), (["clean", "degraded"], "nll_mixed")]
)
def test_nll(small, official_split, domain, key) -> None:
    model, t = small
    torch.testing.assert_close(bits(model.nll(noisy(t), t["h"], domain), t), t[key], **EXACT)


def test_decode(small) -> None:
    model, t = small
    torch.testing.assert_close(model.decode((t["dec_in_eps0"], t["dec_in_z"]), t["h"]), t["dec_x"], **EXACT)


@pytest.mark.parametrize(("tau", "suffix"), [(1.0, ""), (0.5, "_heat0p5")])
def test_translation_to_degraded(small, official_split, monkeypatch, tau, suffix) -> None:
    model, t = small
    noise = iter([t["trans_noise0"], t["trans_noise_z"]])
    monkeypatch.setattr("nflib.bases.randn", lambda shape, like, generator: next(noise))
    out = model.degrade(noisy(t), tau, t["h"])
    torch.testing.assert_close(out, t[f"trans01{suffix}_x"].clamp(0, 1), **EXACT)


def test_translation_to_clean(small) -> None:
    """The posterior of the clean latents, with the official square root, which is not unique."""
    model, t = small
    latents = (t["enc_eps0"], t["enc_z"])
    means, covariances = model.flow.base.posterior(latents)
    shifted = []
    for mean, covariance, key, noise in zip(
        means, covariances, ("0", "_z"), ("trans_noise0", "trans_noise_z")
    ):
        factor = t[f"trans10_postfactor{key}"]
        torch.testing.assert_close(factor @ factor.T, covariance, rtol=1e-9, atol=1e-9)
        shifted.append(mean + torch.einsum("ij,bjhw->bihw", factor, t[noise]))
    torch.testing.assert_close(shifted[0], t["trans10_eps0"], **EXACT)
    torch.testing.assert_close(shifted[1], t["trans10_z"], **EXACT)
    torch.testing.assert_close(model.decode(tuple(shifted), t["h"]), t["trans10_x"], **EXACT)


def test_gradients(small, official_split) -> None:
    model, t = small
    names, parameters = dict(official_names(model)), dict(model.named_parameters())
    model.zero_grad()
    bits(model.nll(noisy(t), t["h"], ["clean", "degraded"]).mean(), t).backward()
    compared = 0
    for name, norm in zip(
        golden.description("deflow_small")["grad_param_names"], t["grad_l2_norms"].tolist()
    ):
        if names.get(name) not in parameters or norm == -1:
            continue
        assert parameters[names[name]].grad.norm().item() == pytest.approx(norm, rel=1e-8, abs=1e-12), name
        compared += 1
    assert compared > 250
    for key in (k for k in t if k.startswith("grad.")):
        gradient = parameters[names[key.removeprefix("grad.")]].grad
        torch.testing.assert_close(gradient.flatten(), t[key].flatten(), **EXACT)
