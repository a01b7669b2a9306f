"""What the browser computes is what Python computes."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

import numpy as np
import pytest

from nflib import widgets
from nflib.closed_form.couplings import GaussianCoupling
from nflib.widgets import prng
from tests.helpers.node import run
from tests.helpers.scene import degradation_scene, scene, study, study_choices

stats = pytest.importorskip("scipy.stats")
pytest.importorskip("anywidget", reason="the widget classes need anywidget")
RNG = np.random.default_rng(3)


def covariance() -> list[list[float]]:
    factor = RNG.normal(size=(2, 2))
    a = factor @ factor.T + 0.1 * np.eye(2)
    return [[a[0, 0], a[0, 1]], [a[0, 1], a[1, 1]]]


def gaussian_states() -> Iterator[dict]:
    for k in range(60):
        yield {
            "n": int(RNG.integers(2, 300)),
            "m": int(RNG.integers(2, 300)),
            "signal_sd": RNG.uniform(0.2, 40),
            "sigma": RNG.uniform(0, 1),
            "mean_u": RNG.normal(),
            "tau": RNG.uniform(0, 2),
            "weighting": ["average", "count"][k % 2],
            "seed": k,
        }
    for k in range(8):
        x, y = RNG.normal(120, 30, size=50), RNG.normal(125, 20 + 5 * k, size=31)
        yield {"x": x, "y": y, "weighting": ["average", "count"][k % 2], "unit": "grey levels"}
    yield {"x": [0.5, 1.5, 3.0], "y": [-1.0], "weighting": "count"}
    yield {"x": [0.0, 1.0], "y": [2.0, 3.0]}  # B = A


CASES = {
    "gaussian_explorer": [(widgets.GaussianExplorer, s) for s in gaussian_states()],
    "sigma_line": [
        (widgets.SigmaExplorer, {"sigma": s, "n": n})
        for s in (0.01, 0.1, 0.3, 1.0, 2.0, 10.0)
        for n in (2, 10, 133, 10**6)
    ],
    "sigma_plane": [
        (widgets.SigmaExplorer, {"dimension": 2, "sigma": s, "angle": a, "cov_x": c})
        for c in ([[2.0, 0.6], [0.6, 1.0]], covariance(), covariance())
        for s, a in [(0, 0), (0, 30), (0.01, 5), (0.5, 50), (0.5, -80), (1.3, 90), (5, -45)]
    ],
    "tau_line": [
        (widgets.TauExplorer, {"tau": t, "sigma": s, "mean_u": m})
        for t in (0, 0.3, 1, 2.2)
        for s in (0, 0.7, 3)
        for m in (0, -1.5)
    ],
    "tau_plane": [
        (
            widgets.TauExplorer,
            {
                "dimension": 2,
                "tau": t,
                "sigma": s,
                "mean_u": RNG.normal(size=2),
                "cov_u": covariance(),
                "cov_x": covariance(),
            },
        )
        for t in (0, 0.3, 1, 2.2)
        for s in (0, 0.7, 3)
    ],
    "coupling_explorer": [
        (widgets.CouplingExplorer, {"c": c, "sigma": s, "mean_u": m})
        for c in (-1, -0.4, 0, 0.9, 1)
        for s in (0.01, 1, 7)
        for m in (0, 2)
    ],
    "noise_law_explorer": [
        (
            widgets.NoiseLawExplorer,
            {"sigma": s, "length": r, "colours": c, "black": g, "white": g, "dark": 0.5, "seed": k},
        )
        for s, g, k in ((0, 0, 0), (12, 0.4, 2**30), (20, 2, 3), (200, 1, 4))
        for r, c in ((0, 0), (0.05, 1), (0.8, 0.3), (3, 1))
    ],
    "prenoise_explorer": [
        (widgets.PrenoiseExplorer, {"sigma_x": x, "sigma_y": y, "sigma": s, "content": c})
        for x, y in ((15, 10), (60, 1), (0.5, 40))
        for s in (0, 11.2, 40)
        for c in (1, 80)
    ],
    "roofline_explorer": [
        (
            widgets.RooflineExplorer,
            {
                "tflops": f,
                "bandwidth": b,
                "crop": s,
                "batch": n,
                "steps": k,
                "hidden": h,
                "precision": p,
                "training": t,
            },
        )
        for f, b in ((0.07, 12.5), (989.4, 3350.0))
        for s, n, k, h in ((160, 8, 16, 128), (32, 2, 1, 16), (512, 64, 40, 500))
        for p in ("float32", "bfloat16")
        for t in ("plain", "reversible")
    ],
    "super_resolution_explorer": [
        (widgets.SuperResolutionExplorer, {"scene": scene(dequantised), "tau": t, "seed": s})
        for dequantised in (True, False)
        for t in (0, 0.8, 1.4)
        for s in (0, 2**29)
    ],
    "degradation_explorer": [
        (widgets.DegradationExplorer, {"scene": degradation_scene(local), "tau": t, "seed": s})
        for local in (True, False)
        for t in (0, 0.33, 1, 2)
        for s in (0, 2**30)
    ],
    "user_study": [
        (
            widgets.UserStudy,
            {"scene": study().scene, "choices": study_choices(made), "seed": s, "enough": enough},
        )
        for made in (0, 1, 7, 12)
        for s in (1, 2**30)
        for enough in (1, 10)
    ],
}


@pytest.mark.parametrize("module", CASES)
def test_readouts_are_those_of_python(module) -> None:
    made = [cls(**state) for cls, state in CASES[module]]
    script = """
        const { default: widget } = await load(args[0]);
        const shown = (result) => Object.fromEntries(widget.readouts.map(({ key }) => [key, result[key]]));
        return args[1].map((state) => shown(widget.solve(state)));
    """
    for widget, browser in zip(made, run(script, module, [w.state for w in made]), strict=True):
        assert list(browser) == list(widget.readouts())
        # A multiplier or a loss difference may be exactly 0 on one side and rounding on the other.
        assert browser == pytest.approx(
            widget.readouts(), rel=1e-9, abs=1e-12 * max(1.0, getattr(widget, "signal_sd", 1.0) ** 2)
        ), widget.state


@pytest.mark.parametrize("module", CASES)
def test_state_keys_and_slider_ranges_exist_in_python(module) -> None:
    cls, state = CASES[module][0]
    widget = cls(**state)
    keys, ranges = run(
        """const { default: w } = await load(args[0]);
        const controls = w.controls(args[1]).filter((c) => !c.kind);
        return [w.keys, controls.map((c) => [c.key, c.min, c.max, !!c.log])];""",
        module,
        widget.state,
    )
    assert set(keys) <= set(widget.state)
    for key, low, high, whole in ranges:
        for end in (low, high):
            setattr(
                widget, key, int(end) if whole else end
            )  # a position of the slider that Python would refuse raises here


@pytest.mark.parametrize("module", CASES)
def test_drawing_is_finite_at_every_width(module) -> None:
    states = [cls(**state).state for cls, state in CASES[module]]
    bodies = run(
        """const { default: w } = await load(args[0]);
        return args[1].flatMap((state) => [300, 820].map((width) => {
            const { height, body } = w.draw(state, w.solve(state), width);
            return height + body + w.summary(state, w.solve(state));
        }));""",
        module,
        states,
    )
    bodies = [re.sub(r'href="data:[^"]*"', "", b) for b in bodies]  # any letters may follow one another there
    assert not [b for b in bodies if "NaN" in b or "Infinity" in b or "undefined" in b]


def test_distribution_function_is_scipys() -> None:
    z = np.linspace(-30, 9, 500)
    assert run("const { cdf } = await load('maths'); return args[0].map(cdf);", z.tolist()) == pytest.approx(
        stats.norm.cdf(z).tolist(), rel=1e-11, abs=0
    )


def test_density_is_scipys() -> None:
    browser = run(
        "const { density } = await load('maths'); return args.map((a) => density(...a));",
        [1.0, 0.5, 2.0],
        [-7.0, 3.0, 0.1],
    )
    assert browser == pytest.approx(
        [stats.norm.pdf(1, 0.5, math.sqrt(2)), stats.norm.pdf(-7, 3, math.sqrt(0.1))], rel=1e-12
    )


def test_numbers_are_written_for_people() -> None:
    values = [0, 1e-13, 0.0000213, -0.25, 3, 123.456, 4040200.2, -54028]
    assert run("const { format } = await load('plot'); return args.map(format);", *values) == [
        "0",
        "0",
        "2.1·10⁻⁵",
        "−0.250",
        "3.000",
        "123.5",
        "4\u202f040\u202f200",
        "−54\u202f028",
    ]


@pytest.mark.parametrize("seed", [0, 1, 15, 2**31, 2**32 - 1, 3 * 2**30 + 2])
def test_random_numbers_are_the_same_in_both(seed) -> None:
    uniforms, normals = run(
        """const { uniforms, normals } = await load("prng"); const next = uniforms(args[0]);
        return [Array.from({ length: 500 }, next), normals(501, args[0])];""",
        seed,
    )
    assert prng.uniforms(500, seed).tolist() == uniforms
    assert prng.normals(501, seed) == pytest.approx(np.array(normals), rel=1e-13, abs=1e-15)


def mulberry32(seed: int) -> Iterator[float]:
    """The published generator in plain integers (T. Ettinger, 2017)."""
    while True:
        seed = (seed + 0x6D2B79F5) % 2**32
        z = (seed ^ seed >> 15) * (seed | 1) % 2**32
        z ^= (z + (z ^ z >> 7) * (z | 61)) % 2**32
        yield (z ^ z >> 14) / 2**32


def test_uniforms_are_mulberry32() -> None:
    reference = mulberry32(12345)
    assert prng.uniforms(200, 12345).tolist() == [next(reference) for _ in range(200)]


def test_normals_are_normal_and_extend() -> None:
    values = prng.normals(20_001, 7)
    assert stats.kstest(values, "norm").pvalue > 0.01
    assert (prng.normals(99, 7) == values[:99]).all()
    # The three streams of one data set are unrelated.
    streams = np.corrcoef([prng.normals(20_000, k) for k in (21, 22, 23)])
    assert np.abs(streams - np.eye(3)).max() < 4 / math.sqrt(20_000)


def test_price_of_the_wrong_coupling_by_simulation() -> None:
    """Train on pairs of one coupling, test on the additive truth: the widget's ratio of mean
    squared errors."""
    n, sigma, c = 400_000, 0.8, 1.0
    x, y = GaussianCoupling(0, 1, 0, 1 + sigma**2, c).sample(n)
    slope = (x * y).mean() / (y * y).mean()
    x, u = RNG.normal(size=(2, n))
    errors = (x - slope * (x + sigma * u)) ** 2
    best = sigma**2 / (1 + sigma**2)
    shown = widgets.CouplingExplorer(c=c, sigma=sigma).readouts()
    assert errors.mean() / best == pytest.approx(shown["excess"], abs=5 * errors.std() / best / math.sqrt(n))
    assert shown["excess"] == pytest.approx(2 / (1 + 1 / math.sqrt(1 + sigma**2)))


def test_clipped_law_by_simulation() -> None:
    """The share of zero estimates and the mean of the estimate, over many simulated data sets."""
    sigma, n, repeats = 0.3, 200, 40_000
    a = RNG.chisquare(n - 1, repeats) / n
    b = RNG.chisquare(n - 1, repeats) / n * (1 + sigma**2)
    estimates = np.maximum(b - a, 0)
    shown = widgets.SigmaExplorer(sigma=sigma, n=n).readouts()
    assert (estimates == 0).mean() == pytest.approx(shown["prob_zero"], abs=0.01)
    assert estimates.mean() == pytest.approx(shown["mean_var_u"], rel=0.02)
    assert (b - a).std() == pytest.approx(shown["deviation"], rel=0.02)
