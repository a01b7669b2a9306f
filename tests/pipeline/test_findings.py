"""What facts mean: the leak of h beside its control, JPEG on both sides, the verdict."""

import pytest

from nflib.domain import Leak
from nflib.noise import FolderTraces, JPEGTrace
from nflib.pipeline import Finding
from nflib.pipeline.findings import of_jpeg, of_leaks, verdict


def leak(auc, low, high) -> Leak:
    return Leak(auc, (low, high), 0.0, 0.5)


@pytest.mark.parametrize(
    ("h", "control", "level"),
    [
        (leak(0.55, 0.4, 0.7), leak(0.5, 0.4, 0.6), "good"),  # not told
        (leak(0.65, 0.55, 0.75), leak(0.6, 0.5, 0.7), "good"),  # as clean photos from clean ones
        (leak(0.65, 0.55, 0.75), leak(0.5, 0.4, 0.6), "warning"),
        (leak(0.93, 0.88, 0.98), leak(0.52, 0.05, 1.0), "warning"),  # the control cannot say
        (leak(0.93, 0.88, 0.98), leak(0.75, 0.55, 1.0), "warning"),  # nor if it is as high itself
        (leak(0.93, 0.88, 0.98), None, "warning"),
        (leak(0.77, 0.0, 1.0), leak(0.5, 0.0, 1.0), "note"),  # too few photos
        (leak(0.75, 0.5, 1.0), leak(0.5, 0.4, 0.6), "warning"),
    ],
)
def test_the_control_can_fail(h, control, level) -> None:
    found = of_leaks({"photos": h, "h": h} | ({} if control is None else {"control": control}))
    assert found.level == level
    if level == "warning":
        assert "--scale" in found.text
        assert "--h" in found.text


def test_no_auc_of_93_is_good() -> None:
    for low in (0.0, 0.3, 0.5, 0.7):
        for width in (0.1, 0.5, 0.9):
            control = leak(0.9, 1 - width, 1.0)
            assert of_leaks({"h": leak(0.93, low, 1.0), "control": control}).level != "good"


def traces(*qualities, blocks=99) -> FolderTraces:
    return FolderTraces(tuple(JPEGTrace(quality, "4:2:0", blocks=blocks) for quality in qualities))


@pytest.mark.parametrize(
    ("clean", "degraded", "levels", "said"),
    [
        (traces(None, None), traces(None), [], ""),
        (traces(None), traces(62, 62), ["note"], "the clean one did not"),
        (traces(62), traces(63), ["note"], "both folders went through"),
        (traces(95), traces(62), ["note", "warning"], "the clean one through JPEG 4:2:0, quality 95"),
        (
            traces(95, blocks=0),
            traces(62),
            ["note"],
            "the clean one through",
        ),  # files, which are named already
        (traces(95), traces(None), ["warning"], "passes for clean"),
        (traces(None), traces(20, 50, None), ["warning"], "there is no one --last-stage"),
    ],
)
def test_jpeg_on_both_sides(clean, degraded, levels, said) -> None:
    found = list(of_jpeg(clean, degraded))
    assert [finding.level for finding in found] == levels
    assert said in " ".join(finding.text for finding in found)


def test_the_verdict() -> None:
    good, note = Finding("good", "fine"), Finding("note", "not to be told")
    few, grey = (
        Finding("warning", "2 photos are few", "few photos"),
        Finding("warning", "all grey", "grey photos"),
    )
    assert verdict([good, note]) == "train"
    assert verdict([few, good, grey, few]) == "train, but mind: few photos; grey photos"
    assert verdict([few, Finding("error", "no photos")]) == "do not train: no photos"
