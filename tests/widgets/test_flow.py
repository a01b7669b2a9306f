"""The flow in the browser is the flow in Python."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch

from nflib.models.conditional.condition import LevelFeatures
from nflib.models.conditional.flow import ConditionalFlow
from nflib.transforms import ActNorm
from nflib.widgets import flow_export
from tests.helpers.node import run

FORMS = {
    "as SRFlow": {"levels": 3, "steps": 2, "transitions": 1, "splits": True},
    "as DeFlow": {"levels": 3, "steps": 2, "transitions": 0, "splits": False},
    "two splits": {"levels": 4, "steps": 1, "transitions": 2, "splits": True},
    "one level": {"levels": 1, "steps": 1, "transitions": 0, "splits": True},
}


def random_flow(form: dict, centred: bool, lu: bool = True, batch: int = 1) -> tuple[ConditionalFlow, Any]:
    """A flow in which every parameter does something, and a conditioning, for images of 32 x 16 pixels."""
    torch.manual_seed(len(str(form)) + centred)
    flow = ConditionalFlow(hidden=6, condition=5, lu=lu, **form)
    for name, parameter in flow.named_parameters():
        if not any(part in name for part in ("mixing", "transitions")):
            parameter.data += 0.1 * torch.randn_like(parameter)
    for module in flow.modules():
        if isinstance(module, ActNorm):
            module.log_scale.data, module.bias.data = (0.2 * torch.randn(2, len(module.bias))).unbind()
            module.initialised.fill_(True)
    features = [
        LevelFeatures(
            torch.randn(batch, 5, 32 >> level, 16 >> level), torch.empty(batch, 0, 32 >> level, 16 >> level)
        )
        for level in range(1, form["levels"] + 1)
    ]
    centre = torch.rand(batch, 3, 32, 16) if centred else None
    flow = flow.eval().requires_grad_(False)
    return flow, flow.prepare(features, centre)


def in_browser(exported: dict, image: torch.Tensor, seed: int, tau: float) -> tuple:
    """The latents of the image; the image of these; the image of the noise of a seed times tau."""
    encoded, back, sample = run(
        """const { load: ready, encode, decode, noise } = await load("flow");
        const flow = ready(args[0]);
        const latents = encode(flow, Float64Array.from(args[1]));
        const found = [latents, [decode(flow, latents)], [decode(flow, noise(flow, args[2], args[3]))]];
        return found.map((all) => all.map((one) => [...one]));""",
        exported,
        image.flatten().tolist(),
        seed,
        tau,
    )
    return [torch.tensor(z, dtype=torch.float64) for z in encoded], *(
        torch.tensor(one[0], dtype=torch.float64).reshape(image.shape) for one in (back, sample)
    )


@pytest.mark.parametrize("centred", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_browser_encodes_and_decodes_as_torch(form, centred) -> None:
    flow, known = random_flow(FORMS[form], centred)
    exported = flow_export.export(flow, known)
    image = torch.rand(1, 3, 32, 16, dtype=torch.float64)
    encoded, back, sample = in_browser(json.loads(json.dumps(exported)), image, 7, 0.8)
    same, context = flow_export.rebuild(exported)
    latents, _ = same(image, context)
    assert len(encoded) == len(latents)
    for browser, python in zip(encoded, latents):
        torch.testing.assert_close(browser, python.flatten(), rtol=1e-10, atol=1e-11)
    torch.testing.assert_close(back, image, rtol=0, atol=1e-10)
    drawn = tuple(0.8 * z for z in flow_export.noise(same, context, 7))
    torch.testing.assert_close(sample, same.inverse(drawn, context)[0], rtol=1e-10, atol=1e-10)
    # and the model itself, in float32
    torch.testing.assert_close(
        sample.float(), flow.inverse(tuple(z.float() for z in drawn), known)[0], rtol=1e-4, atol=1e-4
    )


def test_matrices_as_they_are_and_by_factors_give_the_same() -> None:
    flow, known = random_flow(FORMS["as SRFlow"], True, lu=False)
    same, context = flow_export.rebuild(flow_export.export(flow, known))
    image = torch.rand(1, 3, 32, 16)
    for z, expected in zip(same(image.double(), context)[0], flow(image, known)[0]):
        torch.testing.assert_close(z.float(), expected, rtol=1e-4, atol=1e-4)


def test_export_leaves_the_flow_as_it_was() -> None:
    flow, known = random_flow(FORMS["as SRFlow"], False)
    before = {name: value.clone() for name, value in flow.state_dict().items()}
    flow_export.export(flow, known)
    assert all(
        value.dtype == before[name].dtype and value.equal(before[name])
        for name, value in flow.state_dict().items()
    )


@pytest.mark.parametrize("half", [True, False])
def test_arrays_survive_packing(half) -> None:
    values = torch.tensor([[0.0, -0.0, 1.5, -65504.0], [2.0**-24, -(2.0**-15), 0.1, 3.0]])
    values = values.half().float() if half else values
    packed = flow_export.pack(values)
    assert packed["half"] == half
    assert flow_export.unpack(packed).float().equal(values)
    browser = run(
        "const { unpack } = await load('flow'); const { shape, values } = unpack(args[0]); return "
        "[shape, [...values]];",
        packed,
    )
    assert browser == [[2, 4], values.flatten().tolist()]


def test_large_values_are_not_squeezed_into_half() -> None:
    assert not flow_export.pack(torch.tensor([1e5]))["half"]
    assert not flow_export.pack(torch.tensor([1.0 + 2**-12]))["half"]


def test_what_the_browser_cannot_run_is_refused() -> None:
    flow, known = random_flow(FORMS["one level"], False, batch=2)
    with pytest.raises(ValueError, match="known must be of one image, got 2"):
        flow_export.export(flow, known)
    published = ConditionalFlow(levels=1, steps=1, transitions=0, hidden=6, condition=5, affine="divide")
    with pytest.raises(ValueError, match='affine="bounded"'):
        flow_export.export(published, known)
    flow, known = random_flow(FORMS["one level"], False)
    with pytest.raises(ValueError, match="even hidden width.*got 5"):
        flow_export.export(ConditionalFlow(levels=1, steps=1, transitions=0, hidden=5, condition=5), known)


def test_data_that_do_not_fit_their_sizes_are_refused() -> None:
    exported = flow_export.export(*random_flow(FORMS["one level"], False))
    del exported["weights"]["levels.0.steps.0.actnorm.bias"]
    with pytest.raises(ValueError, match="missing .*levels.0.steps.0.actnorm.bias"):
        flow_export.rebuild(exported)


def test_noise_is_long_enough_and_normal() -> None:
    flow, known = random_flow(FORMS["two splits"], False)
    values = np.concatenate([z.flatten().numpy() for z in flow_export.noise(flow, known, 3)])
    assert len(values) == 3 * 32 * 16
    assert abs(values.std() - 1) < 4 / np.sqrt(2 * len(values))
