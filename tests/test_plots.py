import io
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from nflib import plots, units

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")


def rendered(figure, **options) -> np.ndarray:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=figure.dpi, **options)
    return np.asarray(Image.open(file))


def picture(height=12, width=16, seed=0, channels=3) -> torch.Tensor:
    return torch.randint(0, 256, (channels, height, width), generator=units.generator(seed)) / 255


@pytest.mark.parametrize("cut", [None, "tight"], ids=["whole", "as a notebook cuts it"])
@pytest.mark.parametrize(
    ("scale", "count", "columns"), [(1, 2, None), (3, 3, None), (3, 4, 2), (5, 1, None), (8, 7, 7)]
)
def test_every_pixel_is_a_block_of_its_own_colour(scale, count, columns, cut) -> None:
    """The drawn figure holds the images exactly, enlarged by whole numbers, also where it had to be fitted to
    the page.
    """
    images = [picture(seed=i) for i in range(count)]
    titles = [f"a long title {i}" for i in range(count)]
    figure = plots.show_images(images, titles, scale=scale, columns=columns)
    drawn = rendered(figure, bbox_inches=cut)
    margin = 0 if cut is None else round(0.1 * figure.dpi)
    assert drawn[..., 3].min() == 255
    assert figure.get_figwidth() <= 6.5
    for axes, image in zip(figure.axes, images):
        box = axes.get_window_extent()
        top, left = round(figure.bbox.height - box.y1) + margin, round(box.x0) + margin
        block = drawn[top : top + 12 * scale, left : left + 16 * scale, :3]
        expected = (image * 255).round().byte().permute(1, 2, 0).numpy().repeat(scale, 0).repeat(scale, 1)
        np.testing.assert_array_equal(block, expected)


def test_titles_range_and_note_are_on_the_figure() -> None:
    figure = plots.show_images(
        {"clean": picture(), "grey": picture(channels=1)}, value_range=(0, 0.5), scale=2
    )
    assert [text.get_text() for text in figure.texts] == ["clean", "grey", "black 0, white 0.5, 2x"]
    assert plots.show_images(picture()[None], note="a note").texts[0].get_text() == "a note"


def test_value_range_is_stretched_and_cut() -> None:
    image = torch.tensor([-1.0, 0, 1, 2, 3]).view(1, 1, 5)
    figure = plots.show_images([image], scale=1, value_range=(0, 2))
    assert figure.axes[0].images[0].get_array().tolist() == [[0, 0, 128, 255, 255]]


def test_residual_has_one_scale_and_zero_is_grey() -> None:
    clean = torch.full((3, 10, 12), 0.5)
    weak, strong = clean + 0.02, clean - 0.1
    figure = plots.show_residual(clean, {"weak": weak, "strong": strong}, crop=(2, 3, 4), scale=2, span=0.2)
    *titles, note = [text.get_text() for text in figure.texts]
    assert titles == ["clean", "weak", "weak - clean", "clean", "strong", "strong - clean"]
    arrays = [axes.images[0].get_array() for axes in figure.axes]
    assert all(array.shape == (8, 8, 3) for array in arrays)
    assert (arrays[2] == round(255 * (0.5 + 0.02 / 0.4))).all()
    assert (arrays[5] == round(255 * (0.5 - 0.1 / 0.4))).all()
    assert "black -51, white +51 grey levels" in note
    automatic = plots.show_residual(clean, strong)
    assert "white +26 grey levels" in automatic.texts[-1].get_text()


def test_figures_are_values_that_pyplot_does_not_keep() -> None:
    before = plt.get_fignums()
    settings = dict(matplotlib.rcParams)
    for figure in (
        plots.show_images([picture()]),
        plots.show_residual(picture(), picture(seed=1)),
    ):
        assert isinstance(figure, matplotlib.figure.Figure)
        assert figure.get_facecolor() == (1, 1, 1, 1)
        assert figure.get_figwidth() <= 6.5 + 1e-6
    assert plt.get_fignums() == before
    assert dict(matplotlib.rcParams) == settings


def test_style() -> None:
    with matplotlib.rc_context():
        plots.style()
        assert matplotlib.rcParams["figure.figsize"][0] == 6.5
        assert matplotlib.rcParams["savefig.facecolor"] == "white"
        assert matplotlib.rcParams["axes.prop_cycle"].by_key()["color"] == list(plots.PALETTE.values())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plots.show_images([]), "at least one"),
        (lambda: plots.show_images([picture(), picture(5, 5)]), "of one size"),
        (lambda: plots.show_images([picture()], titles=["a", "b"]), "2 titles for 1 images"),
        (lambda: plots.show_images([torch.rand(4, 4)]), r"got shape \(4, 4\)"),
        (lambda: plots.show_images([picture()], scale=1.5), "whole number"),
        (lambda: plots.show_images([picture()], value_range=(1, 0)), "two rising numbers"),
        (lambda: plots.show_residual(picture(), picture(5, 5)), "must have the shape of clean"),
        (lambda: plots.show_residual(picture(), picture(), crop=(8, 0, 8)), "must lie inside"),
    ],
)
def test_bad_arguments(call, message) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_importing_plots_does_not_import_matplotlib() -> None:
    program = "import sys, nflib.plots; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_law_of_a_noise_is_drawn_with_its_bands() -> None:
    """Two curves apart are two curves in the picture; the band is around its curve."""
    deviation = torch.stack([torch.full((17,), level) for level in (0.02, 0.04, 0.06)])
    figure = plots.show_law(deviation, torch.eye(9), torch.stack((0.9 * deviation, 1.1 * deviation)))
    curves, around, *_ = figure.axes
    assert [line.get_ydata()[0] for line in curves.lines] == pytest.approx([5.1, 10.2, 15.3])
    bands = [collection.get_datalim(curves.transData) for collection in curves.collections]
    assert [band.y0 for band in bands] == pytest.approx([4.59, 9.18, 13.77])
    assert [band.y1 for band in bands] == pytest.approx([5.61, 11.22, 16.83])
    assert around.images[0].get_extent() == [-4.5, 4.5, 4.5, -4.5]
    assert rendered(figure).shape[1] <= 650
    assert not plots.show_law(deviation, torch.eye(9)).axes[0].collections
