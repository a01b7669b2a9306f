import numpy as np
import pytest
import torch

from nflib import degraders, units
from nflib.metrics import GaussianKernel, akld, local_variance, median_distance, mmd
from tests.helpers.vectors import ATOL, RTOL, case


def sets(name) -> tuple:
    inputs, expected = case(name)
    return *(torch.tensor(inputs[k], dtype=torch.float64) for k in "XY"), inputs, expected


def close(actual, expected) -> None:
    np.testing.assert_allclose(actual, expected, rtol=RTOL, atol=ATOL)


def test_mmd_of_the_vectors() -> None:
    x, y, inputs, expected = sets("mmd_rbf")
    kernel = GaussianKernel((inputs["bandwidth"],))
    close(mmd(x, y, kernel, "biased"), expected["mmd2_biased"])
    close(mmd(x, y, kernel, "biased").sqrt(), expected["mmd_biased"])
    close(mmd(x, y, kernel), expected["mmd2_unbiased"])
    close(median_distance(x, y), expected["median_heuristic"])
    close(mmd(x, y), mmd(x, y, GaussianKernel((expected["median_heuristic"],))))


def test_mmd_of_the_vectors_with_other_kernels() -> None:
    x, y, inputs, expected = sets("mmd_multi_kernel")
    for kernel, name in (
        (GaussianKernel(tuple(inputs["bandwidths"])), "sum_rbf"),
        (lambda squared: inputs["imq_scale"] / (inputs["imq_scale"] + squared), "imq"),
    ):
        close(mmd(x, y, kernel, "biased"), expected[f"{name}_biased"])
        close(mmd(x, y, kernel), expected[f"{name}_unbiased"])


def test_mmd_of_gaussians_is_the_closed_form() -> None:
    """For N(0, 1) and N(m, 1), k of bandwidth b: E k = b / sqrt(b^2 + 2) exp(-d^2 / (2 (b^2 + 2)))."""
    g, b, m = units.generator(0), 0.7, 1.5
    factor = b / np.sqrt(b**2 + 2)
    truth = 2 * factor * (1 - np.exp(-(m**2) / (2 * (b**2 + 2))))
    found = torch.stack(
        [
            mmd(torch.randn(40, 1, generator=g), m + torch.randn(50, 1, generator=g), GaussianKernel((b,)))
            for _ in range(300)
        ]
    )
    assert abs(found.mean() - truth) < 4 * found.std() / np.sqrt(300)
    null = torch.stack(
        [
            mmd(
                torch.randn(10, 300, generator=g),
                torch.randn(10, 300, generator=g),
                GaussianKernel((1.0,)),
                "biased",
            )
            for _ in range(5)
        ]
    )
    close(null, np.full(5, 0.2))  # distant points: only the diagonals count


def test_images_are_flattened_and_bad_input_is_named() -> None:
    x, y = torch.rand(4, 3, 5, 5), torch.rand(6, 3, 5, 5)
    close(mmd(x, y), mmd(x.flatten(1), y.flatten(1)))
    with pytest.raises(ValueError, match="the same size, got 75 and 72"):
        mmd(x, torch.rand(6, 72))
    with pytest.raises(ValueError, match='"unbiased" or "biased", got \'u\''):
        mmd(x, y, estimator="u")
    with pytest.raises(ValueError, match="two samples in each set, got 1 and 6"):
        mmd(x[:1], y)
    with pytest.raises(ValueError, match="x must be finite"):
        mmd(x / 0, y)
    with pytest.raises(ValueError, match="bandwidths must be positive"):
        GaussianKernel((1.0, 0.0))


def test_akld_of_the_vector() -> None:
    inputs, expected = case("akld_map")
    clean, real = (torch.tensor(inputs[k], dtype=torch.float64)[None, None] for k in ("clean", "real"))
    fakes = torch.tensor(inputs["fakes"], dtype=torch.float64)[:, None, None]
    close(local_variance(real - clean)[0, 0, 0, 0], expected["var_real_corner"])
    close(local_variance(fakes[0] - clean)[0, 0, 4, 4], expected["var_fake0_centre"])
    close([akld(fake, real, clean).item() for fake in fakes], expected["per_fake"])
    close(akld(fakes, real, clean), [expected["akld"]])
    close(akld(clean, real, clean), [expected["identity_value"]])


def test_akld_is_clamped_and_blind_to_correlation() -> None:
    """ "Did nothing" scores 0.7013, far too strong noise 3.3487; noise of the right variance and the wrong
    spectrum well.
    """
    expected = case("akld_map")[1]
    g = units.generator(3)
    clean = torch.full((2, 3, 64, 64), 0.5)
    real = degraders.NTIRE()(clean, generator=g)
    np.testing.assert_allclose(akld(clean, real, clean), [expected["identity_value"]] * 2, rtol=RTOL)
    far = (clean + 1000 * (real - clean)).clamp(0, 1)
    assert (akld(far, real, clean) - expected["clamp_ceiling"]).abs().max() < 0.01
    white = akld(degraders.White(12 / 255)(clean, generator=g), real, clean)
    same = akld(degraders.NTIRE()(clean, generator=g), real, clean)
    assert white.max() < 0.1
    assert same.max() < 0.1


def test_akld_names_what_is_wrong() -> None:
    x = torch.rand(1, 3, 8, 8)
    with pytest.raises(ValueError, match=r"fakes must be \(L, 1, 3, 8, 8\), got \(1, 1, 3, 8, 7\)"):
        akld(x[..., 1:], x, x)
    with pytest.raises(ValueError, match="at least 4x4, got 3x8"):
        akld(x[..., :3], x[..., :3], x[..., :3])
