import importlib.util
import subprocess
import sys

import pytest
import torch

from nflib import _compat


def test_lpips_works_in_this_environment() -> None:
    """Whatever builds of torch and torchvision are here. The backbone is random: the trained one is a
    download.
    """
    if importlib.util.find_spec("lpips") is None:
        pytest.skip("lpips is not installed")
    program = """
import warnings, torch
from nflib._compat import import_lpips, import_torchvision
assert import_torchvision() is import_torchvision()
lpips = import_lpips()
torch.manual_seed(0)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # lpips 0.1.4 uses arguments that torchvision has deprecated
    distance = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False)
x = torch.rand(2, 3, 64, 64) * 2 - 1
with torch.no_grad():
    assert distance(x, x).abs().max() == 0
    assert distance(x, x.flip(-1)).min() > 0
"""
    subprocess.run([sys.executable, "-c", program], check=True)


class Importer:
    """Stands in for importlib in nflib._compat and fails a given number of times."""

    def __init__(self, *errors):
        self.errors = list(errors)
        self.calls = 0

    def import_module(self, name) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return f"module {name}"


def test_a_working_torchvision_is_left_alone(monkeypatch) -> None:
    importer = Importer()
    monkeypatch.setattr(_compat, "importlib", importer)
    monkeypatch.setattr(torch.library, "Library", None)  # using it would be an error
    assert _compat.import_torchvision() == "module torchvision"
    assert importer.calls == 1


def test_only_the_missing_operator_is_helped(monkeypatch) -> None:
    declared = []

    class Library:
        def __init__(self, name, kind):
            declared.append((name, kind))

        def define(self, schema) -> None:
            declared.append(schema)

    monkeypatch.setattr(_compat, "_declarations", None)
    monkeypatch.setattr(torch.library, "Library", Library)
    monkeypatch.setitem(sys.modules, "torchvision.half", "half imported")
    monkeypatch.setattr(
        _compat, "importlib", Importer(RuntimeError("operator torchvision::nms does not exist"))
    )
    assert _compat.import_torchvision() == "module torchvision"
    assert declared[0] == ("torchvision", "DEF")
    assert [d.partition("(")[0] for d in declared[1:]] == [
        "nms",
        "qnms",
    ]
    assert "torchvision.half" not in sys.modules
    assert isinstance(_compat._declarations, Library)

    for error in (
        RuntimeError("operator torchvision::roi_align does not exist"),
        RuntimeError("CUDA"),
        ImportError("libjpeg"),
    ):
        importer = Importer(error)
        monkeypatch.setattr(_compat, "importlib", importer)
        with pytest.raises(type(error), match=str(error)):
            _compat.import_torchvision()
        assert importer.calls == 1


def test_lpips_that_is_not_installed(monkeypatch) -> None:
    missing = ModuleNotFoundError("No module named 'torchvision'", name="torchvision")
    monkeypatch.setattr(_compat, "importlib", Importer(missing))
    with pytest.raises(ValueError, match=r'needs the package torchvision: pip install "nflib\[metrics\]"'):
        _compat.import_lpips()
