"""SRFlow beyond the fixtures: the shared conditioning, sizes, scales, sampling, errors."""

from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from experiments.speed import plain
from nflib.checkpoints import load_official, official_state
from nflib.checkpoints.official import UNUSED
from nflib.models import RRDBConfig, RRDBNet, SRFlow, SRFlowConfig
from nflib.models.conditional.condition import LevelFeatures, Upsampled
from nflib.models.conditional.flow import ConditionalFlow
from nflib.testing import check_transform
from nflib.transforms import Transform
from tests.helpers import golden

TINY = SRFlowConfig(RRDBConfig(4, 4, 2, 3), taps=(0, 2), levels=3, steps=1, transitions=1, hidden=4)


def draw(*shape, seed=0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def tiny(seed=0, **changes) -> SRFlow:
    """A small model whose weights are all off their start, in float64."""
    torch.manual_seed(seed)
    model = SRFlow(replace(TINY, **changes)).double()
    scale, side = model.config.scale, 2**model.config.levels
    model.nll(
        draw(4, 3, 2 * side, 2 * side).double(), draw(4, 3, 2 * side // scale, 2 * side // scale).double()
    )  # ActNorm
    with torch.no_grad():
        for parameter in model.parameters():
            # less in the wide triangular factors, which would become too ill-conditioned to compare round
            # trips
            parameter.add_(
                min(0.05, 0.5 / max(parameter.shape[-1:], default=1))
                * torch.randn(parameter.shape, dtype=parameter.dtype)
            )
    return model.eval()


@pytest.mark.parametrize("factor", [2, 3, 4, 8])
def test_conv_of_upsampled(factor) -> None:
    x, weight = draw(2, 3, 4, 5).double(), draw(6, 3, 3, 3, seed=1).double()
    expected = F.conv2d(x.repeat_interleave(factor, 2).repeat_interleave(factor, 3), weight, padding=1)
    torch.testing.assert_close(Upsampled.of(x, factor).conv(weight), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("affine", "lu"), [("bounded", True), ("multiply", False)])
@pytest.mark.parametrize(("scale", "levels"), [(2, 2), (4, 2), (4, 3), (8, 3), (8, 4), (1, 2)])
def test_shared_conditioning_computes_what_the_plain_way_does(scale, levels, affine, lu) -> None:
    model = tiny(encoder=replace(TINY.encoder, scale=scale), levels=levels, affine=affine, lu=lu)
    size = 2 ** max(levels, 4)
    hr, lr = draw(2, 3, size, 2 * size).double(), draw(2, 3, size // scale, 2 * size // scale).double()
    shared, (unshared, _) = model.encode(hr, lr), plain.encode(model, hr, lr)
    for a, b in zip(shared, unshared, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(model.nll(hr, lr), plain.nll(model, hr, lr), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(model.decode(shared, lr), hr, rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(plain.decode(model, shared, lr), hr, rtol=1e-8, atol=1e-8)


class Told(Transform):
    """The flow with the maps of the encoder as its context, so that all its networks take part."""

    def __init__(self, flow):
        super().__init__()
        self.flow = flow

    def forward(self, x, context=None) -> Any:
        return self.flow(x, self.flow.prepare(context))

    def inverse(self, z, context=None) -> Any:
        return self.flow.inverse(z, self.flow.prepare(context))

    def latent_shape(self, shape) -> Any:
        return self.flow.latent_shape(shape)


@pytest.mark.parametrize(
    ("affine", "lu", "splits"),
    [("bounded", True, True), ("bounded", False, False), ("multiply", False, True), ("divide", True, True)],
)
def test_contract(affine, lu, splits) -> None:
    torch.manual_seed(0)
    flow = ConditionalFlow(
        levels=3, steps=1, transitions=1, hidden=8, condition=5, affine=affine, lu=lu, splits=splits
    )
    # a dozen images: ActNorm at the 1x1 level needs more than a few values
    local, taps = draw(12, 3, 4, 4), draw(12, 2, 2, 2, seed=1)
    maps = [
        LevelFeatures(local, taps),
        *(LevelFeatures(draw(12, 5, n, n, seed=n), draw(12, 0, n, n)) for n in (2, 1)),
    ]
    check_transform(Told(flow), draw(12, 3, 8, 8, seed=1), maps)


def test_latents_of_three_levels() -> None:
    model = tiny()
    shapes = [tuple(z.shape) for z in model.encode(draw(1, 3, 16, 24).double(), draw(1, 3, 4, 6).double())]
    assert shapes == [(1, 6, 8, 12), (1, 96, 2, 3)] == list(model.flow.transform.latent_shape((1, 3, 16, 24)))


class TestSuperResolve:
    @pytest.mark.parametrize(("height", "width"), [(4, 6), (5, 7), (3, 2)])
    def test_any_size(self, height, width) -> None:
        out = tiny().super_resolve(draw(2, 3, height, width).double(), n=3)
        assert out.shape == (3, 2, 3, 4 * height, 4 * width)
        assert out.min() >= 0
        assert out.max() <= 1

    def test_generator_and_temperature(self) -> None:
        model, lr = tiny(), draw(1, 3, 4, 4).double()
        first, same, other = (
            model.super_resolve(lr, 0.5, 2, torch.Generator().manual_seed(s)) for s in (0, 0, 1)
        )
        assert torch.equal(first, same)
        assert not torch.equal(first, other)
        assert not torch.equal(first[0], first[1])
        still = model.super_resolve(lr, tau=0.0, n=2)
        assert torch.equal(still[0], still[1])
        zero = tuple(torch.zeros_like(z) for z in model.encode(F.interpolate(lr, scale_factor=4), lr))
        torch.testing.assert_close(still[0], ((256 * model.decode(zero, lr) - 0.5) / 255).clamp(0, 1))

    def test_images_are_on_the_scale_of_the_low_resolution_image(self) -> None:
        """Decoded values (k + 1/2)/256 are the grey level k/255; the published models know no such scale."""
        levels = torch.arange(256, dtype=torch.float64)
        torch.testing.assert_close(tiny().to_image((levels + 0.5) / 256), levels / 255, rtol=0, atol=1e-15)
        torch.testing.assert_close(tiny().to_values(levels / 255), (levels + 0.5) / 256, rtol=0, atol=1e-15)
        published = tiny(affine="multiply", lu=False, dequantised=False)
        assert torch.equal(published.to_image(torch.tensor([-0.1, 0.3, 1.1])), torch.tensor([0.0, 0.3, 1.0]))
        assert torch.equal(published.to_values(levels), levels)
        assert not any(
            make().dequantised
            for make in (SRFlowConfig.df2k_x4, SRFlowConfig.df2k_x8, SRFlowConfig.celeba_x8)
        )

    def test_prepared_condition_serves_several_samples(self) -> None:
        model, lr = tiny(), draw(2, 3, 4, 4).double()
        prepared = model.prepare(lr)
        latents = tuple(
            draw(6, *shape[1:], seed=i).double()
            for i, shape in enumerate(model.flow.transform.latent_shape((6, 3, 16, 16)))
        )
        together = model.decode(latents, prepared)
        for i in range(3):
            part = tuple(z[2 * i : 2 * i + 2] for z in latents)
            torch.testing.assert_close(
                together[2 * i : 2 * i + 2], model.decode(part, lr), rtol=1e-9, atol=1e-9
            )

    @pytest.mark.parametrize("changes", [dict(n=0), dict(tau=-1.0), dict(tau=float("nan"))])
    def test_bad_arguments(self, changes) -> None:
        with pytest.raises(ValueError, match=f"{next(iter(changes))} must"):
            tiny().super_resolve(draw(1, 3, 4, 4).double(), **changes)


@pytest.mark.parametrize(
    ("hr", "lr", "message"),
    [
        ((1, 3, 12, 16), (1, 3, 3, 4), "hr must be .* multiples of 8"),
        ((1, 1, 16, 16), (1, 3, 4, 4), "hr must be"),
        ((1, 3, 16, 16), (1, 3, 8, 8), r"lr must have shape \(1, 3, 4, 4\)"),
    ],
)
def test_sizes_that_do_not_fit(hr, lr, message) -> None:
    with pytest.raises(ValueError, match=message):
        tiny().nll(draw(*hr).double(), draw(*lr).double())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (dict(affine="divide"), "affine"),
        (dict(taps=(3,)), "taps"),
        (dict(levels=1), "needs at least 2 levels"),
        (dict(steps=0), "at least 1"),
    ],
)
def test_bad_configuration(changes, message) -> None:
    with pytest.raises(ValueError, match=message):
        replace(TINY, **changes)
    with pytest.raises(ValueError, match="scale must be"):
        RRDBConfig(scale=3)


@pytest.mark.parametrize("scale", [1, 2, 4, 8])
def test_rrdb_scales(scale) -> None:
    assert RRDBNet(RRDBConfig(scale, 4, 2, 1))(draw(1, 3, 5, 6)).shape == (1, 3, 5 * scale, 6 * scale)


@golden.needed
@pytest.mark.parametrize(
    ("file", "config", "parameters"),
    [
        ("srflow_df2k4x", SRFlowConfig.df2k_x4(), 39_541_811),
        ("srflow_celeba8x", SRFlowConfig.celeba_x8(), 40_030_531),
    ],
)
def test_published_configurations_have_the_official_tensors(file, config, parameters) -> None:
    import json

    shapes = {
        name: tuple(shape)
        for name, shape in json.loads((golden.FOLDER / f"{file}_state_shapes.json").read_text()).items()
    }
    state = official_state(SRFlow(config))
    unused = {name: shape for name, shape in shapes.items() if UNUSED.fullmatch(name)}
    assert {name: tuple(tensor.shape) for name, tensor in state.items()} == {
        n: s for n, s in shapes.items() if n not in unused
    }
    count = sum(tensor.numel() for tensor in state.values()) + sum(
        torch.Size(shape).numel() for shape in unused.values()
    )
    assert count == parameters


def test_df2k_x8_has_the_published_number_of_parameters() -> None:
    unused = 96 * 320 * 9 + 96
    assert (
        sum(t.numel() for t in official_state(SRFlow(SRFlowConfig.df2k_x8())).values()) + unused == 50_821_891
    )


@pytest.fixture(scope="module")
def model() -> SRFlow:
    return tiny(affine="multiply", lu=False, taps=(0, 1, 2))


class TestLoadOfficial:
    config = replace(TINY, affine="multiply", lu=False, taps=(0, 1, 2), dequantised=False)

    @pytest.mark.parametrize("prefix", ["", "module."])
    def test_round_trip_through_a_file(self, model, tmp_path, prefix) -> None:
        state = {prefix + name: tensor for name, tensor in official_state(model).items()}
        state[prefix + "flowUpsamplerNet.f.0.bias"] = torch.zeros(96)  # never used, accepted
        torch.save(state, tmp_path / "model.pth")
        loaded = load_official(tmp_path / "model.pth", "srflow")
        assert loaded.config == self.config
        hr, lr = draw(1, 3, 16, 16).double(), draw(1, 3, 4, 4).double()
        torch.testing.assert_close(loaded.nll(hr, lr), model.nll(hr, lr))

    def test_encoder_alone(self, model) -> None:
        loaded = load_official({"params": official_state(model.encoder)}, "rrdb")
        assert torch.equal(loaded(draw(1, 3, 4, 4).double()), model.encoder(draw(1, 3, 4, 4).double()))

    def test_missing_and_unknown_are_listed(self, model) -> None:
        state = official_state(model)
        del state["RRDB.HRconv.bias"]
        state["extra.weight"] = torch.zeros(1)
        with pytest.raises(ValueError, match="missing RRDB.HRconv.bias; unknown extra.weight"):
            load_official(state, "srflow")

    def test_wrong_shape(self, model) -> None:
        state = official_state(model) | {"RRDB.HRconv.bias": torch.zeros(7)}
        with pytest.raises(ValueError, match=r"RRDB.HRconv.bias has shape \(7,\)"):
            load_official(state, "srflow")

    def test_taps_that_cannot_be_known(self) -> None:
        with pytest.raises(ValueError, match="give taps="):
            load_official(official_state(tiny(affine="multiply", lu=False)), "srflow")
        assert load_official(
            official_state(tiny(affine="multiply", lu=False)), "srflow", taps=(0, 2)
        ).config.taps == (0, 2)

    @pytest.mark.parametrize("content", [b"", b"not a checkpoint"])
    def test_unreadable_file(self, tmp_path, content) -> None:
        (tmp_path / "x.pth").write_bytes(content)
        with pytest.raises(ValueError, match="x.pth: not a readable checkpoint: .+"):
            load_official(tmp_path / "x.pth", "srflow")

    def test_other_errors(self, tmp_path) -> None:
        with pytest.raises(ValueError, match="no such file"):
            load_official(tmp_path / "none.pth", "srflow")
        with pytest.raises(ValueError, match="architecture must be one of"):
            load_official({}, "unet")
        with pytest.raises(ValueError, match="it has no tensor RRDB.conv_first.weight"):
            load_official({}, "srflow")
        with pytest.raises(ValueError, match="expected a state dict"):
            load_official({"epoch": 3}, "srflow")
