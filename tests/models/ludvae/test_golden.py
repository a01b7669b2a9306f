"""LUD-VAE against the official network: every map inside, losses, gradients, a short training, both
translations.

The fixtures were computed in float32 by the official code, so they agree to its rounding (the tolerances are
the fixtures'). That our float64 is right to 1e-9 is shown against an independent plain re-statement of the
network, which uses its official names.
"""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from nflib.checkpoints import load_official, official_state
from nflib.checkpoints.official import official_names
from nflib.models import LUDVAE
from nflib.models.ludvae.levels import Level
from nflib.models.ludvae.model import _chain
from tests.helpers import golden

pytestmark = golden.needed
IMAGES = dict(rtol=0, atol=2e-5)
MAPS = dict(rtol=0, atol=5e-5)
EXACT = dict(rtol=1e-9, atol=1e-9)


def fixture(name) -> tuple[dict, dict]:
    from safetensors.torch import load_file

    everything = {
        key: value.double() for key, value in load_file(golden.FOLDER / f"{name}.safetensors").items()
    }
    weights = {key.removeprefix("w."): value for key, value in everything.items() if key.startswith("w.")}
    return weights, {key: value for key, value in everything.items() if not key.startswith("w.")}


class Small:
    """The fixture with the degraded images after the clean ones, as our model has them."""

    def __init__(self):
        self.weights, self.t = fixture("ludvae_small")
        self.model = load_official(self.weights, "ludvae")
        labels = self.t["label"].flatten().bool()
        self.clean, self.degraded = (~labels).nonzero().flatten(), labels.nonzero().flatten()
        self.order = torch.cat((self.clean, self.degraded))


@pytest.fixture(scope="module")
def small() -> Small:
    return Small()


@pytest.fixture(scope="module")
def full() -> tuple[dict, dict]:
    """The full-width network: its weights are made by the formula in the fixture's description."""
    shapes = json.loads((golden.FOLDER / "ludvae_state_shapes.json").read_text())["shapes"]
    description = golden.description("ludvae_full128")
    weights = {}
    for i, (key, shape) in enumerate(shapes.items()):
        value = np.random.RandomState(20000 + i).standard_normal(size=shape)
        if len(shape) == 4:
            value = value * np.sqrt(2 / np.prod(shape[1:]))
            value = (
                value
                * (0.12 if ".v." in key else 1)
                * (0.75 if key.startswith("proj") else 1)
                * (0.12 if key.startswith("outconv") else 1)
            )
        else:
            value = 0.05 * value - (0.5 if ".v." in key else 0) + (0.45 if key.startswith("outconv") else 0)
        value = value.astype(np.float32).astype(np.float64)
        assert [value.sum(), np.abs(value).sum()] == pytest.approx(
            description["weight_checksums"][key], rel=1e-9, abs=1e-9
        )
        weights[key] = torch.from_numpy(value)
    return weights, fixture("ludvae_full128")[1]


@pytest.fixture
def noises(monkeypatch) -> Callable[..., Any]:
    """``noises(eps_top, ..., eps_finest)`` makes these the next draws."""

    def give(*draws) -> None:
        queue = list(draws)

        def next_draw(shape, like, generator) -> torch.Tensor:
            draw = queue.pop(0)
            assert tuple(shape) == tuple(draw.shape)
            return draw

        for module in ("ludvae.model", "ludvae.levels", "ludvae.white"):
            monkeypatch.setattr(f"nflib.models.{module}.randn", next_draw)

    return give


def latents(t, which) -> list[torch.Tensor]:
    return [t[f"eps_{number}"][which] for number in (3, 2, 1)]


def plain(w, x, hx, eps, degraded) -> tuple[torch.Tensor, torch.Tensor]:
    """The official network in a few lines, on official names: (output, KL per sample). degraded: a bool, for
    all images.
    """

    def conv(name, x) -> torch.Tensor:
        weight = w[f"{name}.weight"]
        return F.conv2d(x, weight, w[f"{name}.bias"], padding=weight.shape[2] // 2)

    def block(name, x) -> torch.Tensor:
        for i in (0, 2, 4):
            x = conv(f"{name}.net.{i}", x).relu()
        return conv(f"{name}.net.6", x)

    def join(name, a, b) -> torch.Tensor:
        return conv(f"{name}.proj", torch.cat((a, b), 1))

    a, d = [conv("inconv", hx)], [conv("inconv_n", x)]
    for i in (1, 2, 3):
        a.append(block(f"enc_{i}", a[-1]))
        d.append(block(f"enc_n_{i}", d[-1]))
    h, kl = a[3], torch.zeros(len(x), dtype=x.dtype)
    for i in (3, 2, 1):
        if i < 3:
            h = join(f"proj_c_{i}", h, a[i])
            pm, ps = conv(f"Gauconv_p_{i}.m", h), conv(f"Gauconv_p_{i}.v", h)
            seen = join(f"proj_n_{i}", h, d[i])
        else:
            pm = ps = torch.zeros_like(h)
            seen = d[3]
        qm, qs = conv(f"Gauconv_q_{i}.m", seen), conv(f"Gauconv_q_{i}.v", seen)
        q, p = torch.distributions.Normal(qm, qs.exp()), torch.distributions.Normal(pm, ps.exp())
        kl = kl + degraded * torch.distributions.kl_divergence(q, p).flatten(1).sum(1)
        h = block(f"dec_{i}", join(f"proj_{i}", h, degraded * (qm + qs.exp() * eps[3 - i])))
    return conv("outconv", h), kl


def test_configuration_and_names(small) -> None:
    assert (small.model.config.levels, small.model.config.width) == (3, 24)
    shapes = json.loads((golden.FOLDER / "ludvae_state_shapes.json").read_text())
    state = official_state(LUDVAE())
    assert {name: list(tensor.shape) for name, tensor in state.items()} == shapes["shapes"]
    assert list(state) == list(shapes["shapes"])
    assert sum(tensor.numel() for tensor in state.values()) == shapes["total_parameters"] == 5_709_827


def test_features(small) -> None:
    t, model = small.t, small.model
    for i, ours in enumerate(model.features(t["hx"])):
        torch.testing.assert_close(ours, t[f"content_{i + 1}"], **MAPS)
    for i, ours in enumerate(_chain(model.degradation_in, model.degradation, t["x"])):
        torch.testing.assert_close(ours, t[f"degr_{i + 1}"], **MAPS)


def test_laws_and_kl_of_the_degraded(small, noises, monkeypatch) -> None:
    t, which, found = small.t, small.degraded, []
    laws = Level.laws
    monkeypatch.setattr(Level, "laws", lambda self, *args: found.append(laws(self, *args)) or found[-1])
    noises(*latents(t, which))
    small.model.terms(t["x"][:0], t["x"][which], prenoised=(t["hx"][:0], t["hx"][which]))
    for number, (q, p) in zip((3, 2, 1), found, strict=True):
        torch.testing.assert_close(q.mean, t[f"q_mean_{number}"][which], **MAPS)
        torch.testing.assert_close(q.log_sd, t[f"q_logsigma_{number}"][which], **MAPS)
        torch.testing.assert_close(
            q.kl(p).flatten(1).sum(1), t[f"kl_map_sum_{number}"][which], rtol=2e-5, atol=0
        )
        if number < 3:
            torch.testing.assert_close(p.mean, t[f"p_mean_{number}"][which], **MAPS)
            torch.testing.assert_close(p.log_sd, t[f"p_logsigma_{number}"][which], **MAPS)
        else:
            assert p is None


def terms(model, small, noises) -> Any:
    t, c, d = small.t, small.clean, small.degraded
    noises(*latents(t, d))
    return model.terms(t["x"][c], t["x"][d], prenoised=(t["hx"][c], t["hx"][d]))


def test_terms(small, noises) -> None:
    t = small.t
    reconstruction, kl = terms(small.model, small, noises)
    assert reconstruction.item() == pytest.approx(t["rec_loss"].item(), rel=2e-5)
    assert kl.item() == pytest.approx(t["kl_loss"].item(), rel=2e-5)
    for step, total in zip(t["loss_steps"].tolist(), t["loss_total"].tolist()):
        assert (reconstruction + min(step / 1e8, small.model.config.kl_weight) * kl).item() == pytest.approx(
            total, rel=2e-5
        )


@pytest.mark.parametrize(("name", "degraded"), [("allclean", False), ("allnoisy", True)])
def test_terms_of_one_domain(small, noises, name, degraded) -> None:
    t = small.t
    everything, nothing = slice(None), slice(0)
    c, d = (nothing, everything) if degraded else (everything, nothing)
    noises(*latents(t, d))
    reconstruction, kl = small.model.terms(t["x"][c], t["x"][d], prenoised=(t["hx"][c], t["hx"][d]))
    assert reconstruction.item() == pytest.approx(t[f"{name}_rec_loss"].item(), rel=2e-5)
    assert kl.item() == pytest.approx(t[f"{name}_kl_loss"].item(), rel=2e-5)


def test_reconstructions(small, noises) -> None:
    t, c, d = small.t, small.clean, small.degraded
    noises(*latents(t, d))
    ours, _ = small.model._reconstruct(torch.cat((t["hx"][c], t["hx"][d])), t["x"][d], None)
    torch.testing.assert_close(ours, t["recon"][small.order], **IMAGES)


def test_gradients_and_a_short_training(small, noises) -> None:
    t, model = small.t, load_official(small.weights, "ludvae").train()
    parameters = dict(model.named_parameters())
    optimiser = torch.optim.Adam(model.parameters(), 1e-4)
    for step, expected in enumerate(t["adam_trace"].tolist()):
        reconstruction, kl = terms(model, small, noises)
        loss = reconstruction + 1e-4 * kl
        assert [loss.item(), reconstruction.item(), kl.item()] == pytest.approx(expected, rel=1e-3)
        optimiser.zero_grad()
        loss.backward()
        for official, ours in official_names(model) if step == 0 else ():
            expected = t[f"g.{official}"]
            assert (parameters[ours].grad - expected).abs().max() <= 2e-4 * expected.abs().max(), official
        optimiser.step()


@pytest.mark.parametrize(
    ("tau", "key", "atol"), [(1.0, "c2n_T1", 2e-5), (2.0, "c2n_T2", 3e-4), (0.0, "c2n_T0", 2e-5)]
)
def test_c2n(small, noises, tau, key, atol) -> None:
    t = small.t
    noises(*latents(t, slice(None)))
    prenoised = t["x"] + 40 / 255 * t["pre_noise"]
    torch.testing.assert_close(
        small.model.degrade(t["x"], tau, prenoised=prenoised), t[key].clamp(0, 1), rtol=0, atol=atol
    )


def test_n2c_and_the_mixed_batch(small, noises) -> None:
    t = small.t
    denoised = small.model.denoise(t["x"], prenoised=t["x"] + 20 / 255 * t["pre_noise"])
    torch.testing.assert_close(denoised, t["n2c"].clamp(0, 1), **IMAGES)
    mixed = t["mixed_translate"].clamp(0, 1)
    noises(*latents(t, small.clean))
    c, d = small.clean, small.degraded
    torch.testing.assert_close(small.model.degrade(t["x"][c], prenoised=t["hx"][c]), mixed[c], **IMAGES)
    torch.testing.assert_close(small.model.denoise(t["x"][d], prenoised=t["hx"][d]), mixed[d], **IMAGES)


def test_full_width(full, noises) -> None:
    weights, t = full
    model = load_official(weights, "ludvae")
    labels = t["label"].flatten().bool()
    c, d = (~labels).nonzero().flatten(), labels.nonzero().flatten()
    noises(*latents(t, d))
    reconstruction, kl = model.terms(t["x"][c], t["x"][d], prenoised=(t["hx"][c], t["hx"][d]))
    assert reconstruction.item() == pytest.approx(t["rec_loss"].item(), rel=2e-5)
    assert kl.item() == pytest.approx(t["kl_loss"].item(), rel=2e-5)
    noises(*latents(t, slice(None)))
    torch.testing.assert_close(model.degrade(t["x"], prenoised=t["hx"]), t["c2n_T1"].clamp(0, 1), **IMAGES)
    torch.testing.assert_close(model.denoise(t["x"], prenoised=t["hx"]), t["n2c"].clamp(0, 1), **IMAGES)


@torch.no_grad()
def test_float64_against_the_plain_network(small, noises) -> None:
    t, c, d = small.t, small.clean, small.degraded
    out_c, _ = plain(small.weights, t["x"][c], t["hx"][c], latents(t, c), False)
    out_d, kl = plain(small.weights, t["x"][d], t["hx"][d], latents(t, d), True)
    noises(*latents(t, d))
    ours, our_kl = small.model._reconstruct(torch.cat((t["hx"][c], t["hx"][d])), t["x"][d], None)
    torch.testing.assert_close(ours, torch.cat((out_c, out_d)), **EXACT)
    torch.testing.assert_close(our_kl, kl, **EXACT)
