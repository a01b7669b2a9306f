"""SRFlow against the official code in float64: features, latents, likelihoods, images, gradients."""

import math
from typing import Any

import pytest
import torch

from nflib.checkpoints import load_official
from nflib.checkpoints.official import official_names
from nflib.models.conditional.condition import level_features
from tests.helpers import golden

pytestmark = golden.needed
TOLERANCE = dict(rtol=1e-9, atol=1e-9)


@pytest.fixture(scope="module")
def small() -> tuple[Any, Any]:
    state, tensors = golden.tensors("srflow_small")
    return load_official(state, "srflow"), tensors


def test_configuration_is_inferred(small) -> None:
    model, _ = small
    c = model.config
    assert (c.scale, c.levels, c.steps, c.transitions, c.hidden, c.taps) == (4, 3, 2, 2, 16, (0, 1, 2, 3))
    assert (c.encoder.channels, c.encoder.growth, c.encoder.blocks) == (16, 8, 4)


def test_encoder(small) -> None:
    model, t = small
    torch.testing.assert_close(model.encoder(t["lr"]), t["rrdb_out"], **TOLERANCE)
    features = model.encoder.features(t["lr"], model.config.taps)
    for level, maps in enumerate(level_features(features, 4, 3), 1):
        factor = maps.local.shape[-1] // maps.taps.shape[-1]
        taps = maps.taps.repeat_interleave(factor, 2).repeat_interleave(factor, 3)
        torch.testing.assert_close(torch.cat((maps.local, taps), 1), t[f"cond_level{level}"], **TOLERANCE)


@pytest.mark.parametrize("dequantised", [False, True])
def test_encode_and_nll(small, dequantised) -> None:
    model, t = small
    x, suffix, start = t["x"], "nonoise", 0.0
    pixels = x.shape[2] * x.shape[3]
    if dequantised:
        x, suffix, start = x + (t["dequant_u"] - 0.5) / 32, "dequant", -math.log(32) * pixels
    finest, deepest = model.encode(x, t["lr"])
    torch.testing.assert_close(deepest, t["enc_z_dequant" if dequantised else "enc_z"], **TOLERANCE)
    if not dequantised:
        torch.testing.assert_close(finest, t["enc_eps0"], **TOLERANCE)
    nll = model.nll(x, t["lr"])
    # the official unit: bits per pixel position, the width of a grey level counted once per position
    torch.testing.assert_close((nll - start) / (math.log(2) * pixels), t[f"nll_{suffix}"], **TOLERANCE)
    log_prior = model.flow.base.log_prob((deepest,))
    torch.testing.assert_close(start - nll - log_prior, t[f"logdet_{suffix}"], **TOLERANCE)


def test_decode(small) -> None:
    model, t = small
    latents = (t["dec_in_eps0"], t["dec_in_z"])
    torch.testing.assert_close(model.decode(latents, t["lr"]), t["dec_x"], **TOLERANCE)
    heat = 0.9
    torch.testing.assert_close(
        model.decode(tuple(heat * z for z in latents), t["lr"]), t["sample_heat_x"], **TOLERANCE
    )
    torch.testing.assert_close(
        model.decode(tuple(0 * z for z in latents), t["lr"]), t["sample_heat0_x"], **TOLERANCE
    )


def test_gradients(small) -> None:
    model, t = small
    names = dict(official_names(model))
    parameters = dict(model.named_parameters())
    model.zero_grad()
    pixels = t["x"].shape[2] * t["x"].shape[3]
    (model.nll(t["x"], t["lr"]).mean() / (math.log(2) * pixels)).backward()
    norms = dict(zip(golden.description("srflow_small")["grad_param_names"], t["grad_l2_norms"].tolist()))
    compared = 0
    for name, norm in norms.items():
        if name not in names:
            assert norm == -1, name  # an unused tensor
            continue
        gradient = parameters[names[name]].grad
        if norm == -1:
            assert gradient is None or not gradient.any(), name
        else:
            assert gradient.norm().item() == pytest.approx(norm, rel=1e-8, abs=1e-12), name
            compared += 1
    assert compared > 250
    for key in (k for k in t if k.startswith("grad.")):
        torch.testing.assert_close(
            parameters[names[key.removeprefix("grad.")]].grad.flatten(), t[key].flatten(), **TOLERANCE
        )
