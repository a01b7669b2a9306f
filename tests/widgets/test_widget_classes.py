"""The Python side: arguments, what a page gets, what is missing when anywidget is."""

from __future__ import annotations

import base64
import html
import json
import re
import subprocess
import sys

import numpy as np
import pytest
import torch

from nflib import widgets
from nflib.models import DeFlow, DeFlowConfig
from nflib.widgets import bundle
from tests.helpers.scene import degradation, degradation_explorer, explorer, parts, study

pytest.importorskip("anywidget", reason="the widget classes need anywidget")
MAKERS = {
    "GaussianExplorer": widgets.GaussianExplorer,
    "SigmaExplorer 1-D": widgets.SigmaExplorer,
    "SigmaExplorer 2-D": lambda **state: widgets.SigmaExplorer(dimension=2, **state),
    "TauExplorer 1-D": widgets.TauExplorer,
    "TauExplorer 2-D": lambda **state: widgets.TauExplorer(dimension=2, **state),
    "CouplingExplorer": widgets.CouplingExplorer,
    "NoiseLawExplorer": widgets.NoiseLawExplorer,
    "PrenoiseExplorer": widgets.PrenoiseExplorer,
    "RooflineExplorer": widgets.RooflineExplorer,
    "SuperResolutionExplorer": explorer,
    "DegradationExplorer": degradation_explorer,
    "UserStudy": study,
}


def parse(text: str) -> tuple[str, dict, str]:
    """Widget name, state and the picture's alt text."""
    match = re.fullmatch(
        r'<div class="nf-widget" data-widget="(\w+)" data-state="([^"]*)">'
        r'<img alt="([^"]*)" src="data:image/png;base64,[^"]*"[^>]*></div>',
        text,
    )
    assert match, text[:300]
    return match[1], json.loads(html.unescape(match[2])), html.unescape(match[3])


# Widgets that nflib exports, derived so that none is forgotten.
EXPORTED = [name for name in widgets.__all__ if name.endswith(("Explorer", "Study"))]


def test_every_exported_widget_is_made_here() -> None:
    assert {name.partition(" ")[0] for name in MAKERS} == set(EXPORTED)


@pytest.mark.parametrize("name", MAKERS)
def test_bundle_for_pages(name) -> None:
    widget = MAKERS[name]()
    data, _ = widget._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    public, state, alt = parse(data["text/html"])
    assert public == name.split()[0]
    assert state == widget.state
    assert getattr(widgets, public)(**state).readouts() == widget.readouts()
    assert len(alt) > 60
    assert any(c.isdigit() for c in alt)
    picture = base64.b64decode(data["image/png"])
    assert picture.startswith(b"\x89PNG")
    assert data["image/png"] in data["text/html"]
    assert int.from_bytes(picture[16:20], "big") <= 6.5 * 150


@pytest.mark.parametrize("name", MAKERS)
def test_live_module_is_of_its_own_widget(name) -> None:
    widget = MAKERS[name]()
    assert widget.front_end in widget._esm
    assert widget._esm.rstrip().splitlines()[-1].startswith("export default { render:")
    assert not re.search(r"^import ", widget._esm, re.MULTILINE)


def test_dimension_chooses_the_form() -> None:
    assert isinstance(widgets.SigmaExplorer(dimension=2, angle=10), widgets.SigmaExplorer)
    assert "angle" in widgets.SigmaExplorer(dimension=2).state
    assert "angle" not in widgets.SigmaExplorer().state
    assert widgets.TauExplorer(dimension=2, mean_u=torch.tensor([1.0, -2.0])).state["mean_u"] == [1.0, -2.0]


def test_a_model_makes_the_tau_explorer_one_of_its_degradation() -> None:
    model, image = degradation()
    made = widgets.TauExplorer(model=model, image=image, condition=model.condition(image), tau=0.5)
    assert isinstance(made, widgets.DegradationExplorer)
    assert made.tau == 0.5


def test_state_cannot_break_out_of_the_page() -> None:
    text = widgets.GaussianExplorer(unit='</script><script>alert("x")</script>\'&<!--')._repr_mimebundle_()[
        0
    ]["text/html"]
    assert "</script" not in text
    assert "<!--" not in text
    assert parse(text)[1]["unit"] == '</script><script>alert("x")</script>\'&<!--'


def test_static_bundle_is_one_classic_script() -> None:
    script = widgets.static_bundle()
    assert not re.search(r"^\s*(import|export)\b", script, re.MULTILINE)
    assert not re.search(r"</script|<!--|\bfetch\(|XMLHttpRequest|import\(", script)
    assert set(re.findall(r"https?://[^\"'` ]+", script)) <= {"http://www.w3.org/2000/svg"}
    assert all(name in script for name in EXPORTED)
    assert len(script) < 100_000


def test_spaces_go_only_where_nothing_is_said() -> None:
    kept = 'say("a ( b )");\nconst text = `one , two\nthree ( four )\n`;\nconst half = 1 / 2;\nx = 1 - -y;\n'
    assert bundle._tight(kept) == kept.replace("x = 1", "x=1")
    assert bundle._tight("if (a < b) { f(a, b); }\n") == "if(a<b){f(a,b);}\n"


def test_comments_and_indentation_stay_out_of_the_bundle() -> None:
    written = bundle._scope(
        "new",
        '// why\nexport const a = 1; // kept\n  /** what */\n  // "x"\nconst b = "// no comment";\n    '
        "f(a);\n",
    )
    assert (
        written
        == 'const in_new = (() => {\nconst a = 1; // kept\nconst b = "// no comment";\nf(a);\nreturn { '
        "a };\n})();\n"
    )


def test_bundler_refuses_what_it_cannot_translate() -> None:
    with pytest.raises(ValueError, match="found 'import x from"):
        bundle._scope("new", 'import x from "https://elsewhere/x.mjs";\n')


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: widgets.GaussianExplorer(sigma=-1), "sigma"),
        (lambda: widgets.GaussianExplorer(tau=float("nan")), "tau must be a finite number, got nan"),
        (lambda: widgets.GaussianExplorer(n=1), "'n'"),
        (lambda: widgets.GaussianExplorer(weighting="both"), "weighting"),
        (lambda: widgets.GaussianExplorer(x=[1.0, 2.0]), "both samples or neither"),
        (
            lambda: widgets.GaussianExplorer(x=[1.0, float("inf")], y=[1.0]),
            "x must be a list of finite numbers",
        ),
        (lambda: widgets.GaussianExplorer(x=np.zeros((3, 2)), y=[1.0]), "x must be a list"),
        (lambda: widgets.GaussianExplorer(x=[1.0, 1.0], y=[1.0, 2.0]), "no variance"),
        (lambda: widgets.GaussianExplorer(x=np.arange(5001.0), y=[1.0]), "at most 5000"),
        (lambda: widgets.SigmaExplorer(dimension=3), "dimension"),
        (lambda: widgets.SigmaExplorer(sigma=0), "sigma"),
        (lambda: widgets.SigmaExplorer(dimension=2, cov_x=[[1, 2], [2, 1]]), "positive definite"),
        (lambda: widgets.SigmaExplorer(dimension=2, cov_x=[1, 2]), "2 x 2"),
        (lambda: widgets.TauExplorer(dimension=2, mean_u=[1.0]), "2 numbers, got 1"),
        (lambda: widgets.CouplingExplorer(c=1.1), "'c'"),
        (lambda: widgets.NoiseLawExplorer(length=3.1), "'length'"),
        (lambda: widgets.NoiseLawExplorer(white=-0.1), "'white'"),
        (
            lambda: widgets.NoiseLawExplorer(picture={"shape": [3, 2, 2]}),
            "picture must hold data, half, shape",
        ),
        (lambda: widgets.NoiseLawExplorer.of(torch.zeros(3, 15, 40)), "sides of 16 to 160 pixels"),
        (lambda: widgets.NoiseLawExplorer.of(torch.zeros(1, 40, 40)), "must be \\(3, H, W\\)"),
        (lambda: widgets.RooflineExplorer(tflops=0), "tflops"),
        (lambda: widgets.RooflineExplorer(crop=100), "crop must be a multiple of 8, got 100"),
        (lambda: widgets.RooflineExplorer(batch=1), "batch"),
        (lambda: widgets.RooflineExplorer(precision="float16"), "precision"),
        (lambda: explorer(tau=-0.1), "tau"),
        (
            lambda: explorer(scene={"photo": 1}),
            "scene must hold dequantised, flow, low, photo, shrink, got photo",
        ),
        (lambda: widgets.SuperResolutionExplorer.of(*parts()[:2], parts()[1]), "low must have shape"),
        (
            lambda: widgets.SuperResolutionExplorer.of(parts()[0], parts()[1][..., :8], parts()[2][..., :2]),
            "one square image",
        ),
        (lambda: degradation_explorer(tau=-0.1), "tau"),
        (lambda: degradation_explorer(scene={"image": 1}), "scene must hold flow, image, shift, got image"),
        (
            lambda: widgets.DegradationExplorer.of(degradation()[0], degradation()[1][..., :8]),
            "one square image",
        ),
        (
            lambda: widgets.DegradationExplorer.of(
                DeFlow(DeFlowConfig.small(matched=True)), degradation()[1]
            ),
            "must not match colours",
        ),
    ],
)
def test_bad_arguments_say_what_is_wrong(make, words) -> None:
    with pytest.raises(ValueError, match=words):
        make()


def test_unknown_argument() -> None:
    with pytest.raises(TypeError, match="SigmaLine has no argument 'angle'; it takes dimension, n, sigma"):
        widgets.SigmaExplorer(angle=3)


def python(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    ).stdout


def test_nothing_heavy_is_imported_before_a_class_is_asked_for() -> None:
    out = python(
        "import sys, nflib.widgets as w; w.static_bundle(); dir(w)\n"
        "print([m for m in ('anywidget', 'ipywidgets', 'matplotlib', 'torch', 'numpy') if m in "
        "sys.modules])\n"
        "w.TauExplorer(); print('matplotlib' in sys.modules)"
    )
    assert out.split() == ["[]", "False"]


def test_without_anywidget_the_bundle_works_and_a_class_says_what_to_install() -> None:
    out = python(
        "import sys; sys.modules['anywidget'] = None\n"
        "import nflib.widgets as w; print(len(w.static_bundle()) > 1000)\n"
        "try: w.GaussianExplorer\n"
        "except ImportError as error: print(error)"
    )
    assert out.splitlines() == [
        "True",
        'nflib.widgets.GaussianExplorer needs anywidget: pip install "nflib[widgets]"',
    ]


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        assert widgets.Nothing


def test_scalars_of_numpy_and_torch_are_numbers() -> None:
    made = widgets.SigmaExplorer(sigma=np.float32(0.5), n=np.int64(50))
    assert (made.state["sigma"], made.state["n"]) == (0.5, 50)
    assert widgets.SigmaExplorer(sigma=torch.tensor(0.25)).state["sigma"] == 0.25
    for bad in (torch.tensor([0.5]), np.float32("nan"), np.array([0.5])):
        with pytest.raises(ValueError, match="sigma"):
            widgets.SigmaExplorer(sigma=bad)


def test_a_covariance_of_sums_is_symmetric_but_for_rounding() -> None:
    a = np.array([[0.6, 0.8], [-0.8, 0.6]]) @ np.diag([2.0, 0.3]) @ np.array([[0.6, -0.8], [0.8, 0.6]])
    a[0, 1] += 1e-17
    (_, b), (c, _) = widgets.SigmaExplorer(dimension=2, cov_x=a).state["cov_x"]
    assert b == c
    with pytest.raises(ValueError, match="symmetric"):
        widgets.SigmaExplorer(dimension=2, cov_x=[[1, 0.1], [0.2, 1]])
