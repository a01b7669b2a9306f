import math

import numpy as np
import pytest
import torch

from nflib import units
from tests.helpers.vectors import assert_matches, case


def test_bits_per_dim_of_uniform_noise_is_the_bit_depth() -> None:
    """A flow that knows nothing, density 1 on [0, 1)^D with (k + U)/256, needs 8 bits per value."""
    assert units.bits_per_dim(0.0, dims=12, bins=256) == 8


def test_bits_per_dim_of_a_coded_message() -> None:
    """Probability 2^-n of one integer out of 256, spread over its cell of width 1/256, costs n bits."""
    for n in (1, 5, 8):
        nll = -math.log(2.0**-n * 256)
        assert units.bits_per_dim(nll, dims=1, bins=256) == pytest.approx(n)
    nll = torch.tensor([0.0, -math.log(256)], dtype=torch.float64)
    torch.testing.assert_close(units.bits_per_dim(nll, 1, 256), torch.tensor([8.0, 0], dtype=torch.float64))


def test_bits_per_dim_does_not_depend_on_the_unit_of_the_model() -> None:
    """Stretching the modelled space by two adds log 2 nats per value and halves the bins."""
    assert units.bits_per_dim(3.0 + 10 * math.log(2), 10, 128) == pytest.approx(
        units.bits_per_dim(3.0, 10, 256)
    )


@pytest.mark.parametrize(("dims", "bins"), [(0, 256), (3, 0), (3, -1), (3, float("nan"))])
def test_bits_per_dim_refuses_nonsense(dims, bins) -> None:
    with pytest.raises(ValueError, match="must be"):
        units.bits_per_dim(1.0, dims, bins)


def test_grey_levels() -> None:
    assert units.grey_levels(1.0) == 255
    assert torch.equal(units.grey_levels(torch.tensor([0.2])), torch.tensor([51.0]))


def test_device_is_one_that_works() -> None:
    assert torch.zeros(1, device=units.device()).item() == 0


def test_same_seed_same_numbers_and_other_seed_others() -> None:
    like = torch.zeros(1)
    draw = units.randn((1000,), like, units.generator(3))
    assert torch.equal(draw, units.randn((1000,), like, units.generator(3)))
    assert not torch.equal(draw, units.randn((1000,), like, units.generator(4)))
    assert abs(draw.mean()) < 5 / 1000**0.5
    assert abs(draw.std() - 1) < 5 / 2000**0.5


def test_randn_takes_dtype_from_like_and_global_seed_without_generator() -> None:
    torch.manual_seed(0)
    first = units.randn([2, 3], torch.zeros(1, dtype=torch.float64))
    torch.manual_seed(0)
    assert first.dtype == torch.float64
    assert first.shape == (2, 3)
    assert torch.equal(first, units.randn([2, 3], torch.zeros(1, dtype=torch.float64)))


def test_progress_passes_items_through_and_is_silent(capsys) -> None:
    assert list(units.progress(range(3), "counting")) == [0, 1, 2]
    assert capsys.readouterr() == ("", "")


def test_vectors_bits_per_dimension() -> None:
    inputs, expected = case("bits_per_dimension")
    nll, dims = inputs["nll_nats"], inputs["D"]
    spaces = {
        "bits_per_dim_no_offset": 1,
        "unit_256": 256,
        "unit_255": 255,
        "signed_256": 128,
        "width_32": 32,
    }
    found = {name: units.bits_per_dim(nll, dims, bins) for name, bins in spaces.items()}
    assert_matches(found | {"nats_per_dim": nll / dims}, expected)


def test_vectors_of_the_published_codes_unit() -> None:
    """SRFlow and DeFlow report bits per pixel position, the width of a grey level counted once and not per
    channel.
    """
    inputs, expected = case("code_bits_per_pixel")
    nll, channels, q = inputs["nll_nats"], inputs["C"], inputs["q"]
    pixels = inputs["H"] * inputs["W"]
    code = units.bits_per_dim(nll, pixels, bins=q)
    true = units.bits_per_dim(nll, channels * pixels, bins=q)
    assert_matches(
        {
            "nll_code": code,
            "true_bits_per_dim": true,
            "true_from_code": (code - math.log2(q)) / channels + math.log2(q),
        },
        expected,
    )


def test_progress_without_a_terminal_is_silent_unless_lines_are_asked_for(capsys) -> None:
    assert list(units.progress(range(3), "quiet")) == [0, 1, 2]
    assert capsys.readouterr().err == ""
    with units.progress_lines(seconds=0):
        for number in (bar := units.progress(range(3), "steps")):
            bar.set_postfix_str(f"loss {number}")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("steps: 0 of 3, ")
    assert lines[-1].endswith(", loss 2")
    with units.progress_lines(seconds=60):
        assert len(list(units.progress(range(100), "steps"))) == 100
        units.say("a start")
    assert capsys.readouterr().err == "a start\n"  # it took no minute
    units.say("nobody watches")
    units.progress(range(3), "quiet").close()
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(torch.cuda.is_available(), reason="CUDA is here")
def test_a_device_that_is_not_here() -> None:
    for call in (lambda: units.device("cuda"), lambda: units.generator(0, "cuda")):
        with pytest.raises(ValueError, match="device cuda cannot be used here"):
            call()


@pytest.mark.parametrize("seed", [-1, 2**63, 10**30, 0.5, "1", None])
def test_a_seed_that_no_generator_takes(seed) -> None:
    with pytest.raises(ValueError, match="seed must be"):
        units.generator(seed)
    assert units.generator(np.int64(3)).initial_seed() == 3


def test_progress_without_stderr(monkeypatch) -> None:
    monkeypatch.setattr("sys.stderr", None)
    assert list(units.progress([1, 2], "x")) == [1, 2]
    with units.progress_lines():
        assert list(units.progress([1, 2], "x")) == [1, 2]


def test_lines_of_jobs_are_single_lines_whatever_names_are_in_them(capsys) -> None:
    with units.progress_lines(0):
        units.say("results in a\nb\x1b[31m\udcff")
        list(units.progress([1], "c\nd\x1b"))
    said = capsys.readouterr().err.splitlines()
    assert said[0] == r"results in a\nb\x1b[31m\xff"
    assert len(said) > 1
    assert all(line.startswith(r"c\nd\x1b") for line in said[1:])
