"""The suite must notice a wrong likelihood: mutate one log_det at a time and see the contract tests fail.

A suite that only checks round trips passes with every log-determinant doubled. This file runs
tests/transforms/test_contract.py in the same process with one method of one transform changed, and expects a
failure each time.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import nflib.transforms as transforms
from tests.helpers.transforms import exported_transforms

CONTRACT = str(Path(__file__).with_name("test_contract.py"))

MUTATIONS = {
    "double": lambda log_det: 2 * log_det,
    "negate": lambda log_det: -log_det,
    "drop": lambda log_det: torch.zeros_like(log_det),
    "shift": lambda log_det: log_det + 1,
    "average": lambda log_det: log_det.mean().expand(len(log_det)),
}
TRANSFORMS = exported_transforms()
# What changes nothing is no mutant: zero doubled, negated or dropped; a log_det that is the same for all
# samples, averaged.
NO_CHANGE = {("Squeeze", m) for m in ("double", "negate", "drop", "average")} | {
    (t, "average") for t in ("Affine", "ActNorm", "CircularConvolution", "InvertibleConv1x1", "FullConv1x1")
}


def mutated(method, mutate) -> Callable[..., Any]:
    def call(self, x, context=None) -> tuple[torch.Tensor, torch.Tensor]:
        z, log_det = method(self, x, context)
        return z, mutate(log_det)

    return call


class Outcome:
    """A pytest plugin that remembers how many tests ran and failed, beside the printed report."""

    def __init__(self):
        self.passed = self.failed = 0

    def pytest_runtest_logreport(self, report) -> None:
        if report.when == "call":
            self.passed += report.passed
            self.failed += report.failed


def run_contract(name: str) -> Outcome:
    outcome = Outcome()
    # unraisableexception collects garbage several times at the end of each run, seconds in a process that has
    # run other tests
    without = [
        part
        for plugin in ("cacheprovider", "faulthandler", "unraisableexception")
        for part in ("-p", f"no:{plugin}")
    ]
    arguments = [CONTRACT, "-q", "-x", "-k", f"test_contract and {name}", *without, "--tb=no"]
    pytest.main(arguments, plugins=[outcome])
    return outcome


@pytest.mark.parametrize("name", TRANSFORMS)
def test_the_contract_runs_and_passes_unchanged(name) -> None:
    outcome = run_contract(name)
    assert outcome.passed > 0
    assert outcome.failed == 0


@pytest.mark.parametrize("directions", [("forward",), ("inverse",), ("forward", "inverse")], ids="+".join)
@pytest.mark.parametrize(
    ("name", "mutation"), [(t, m) for t in TRANSFORMS for m in MUTATIONS if (t, m) not in NO_CHANGE]
)
def test_a_wrong_log_det_is_noticed(monkeypatch, name, mutation, directions) -> None:
    cls = getattr(transforms, name)
    for direction in directions:
        monkeypatch.setattr(cls, direction, mutated(getattr(cls, direction), MUTATIONS[mutation]))
    assert run_contract(name).failed == 1, (
        f"{name} with its log_det changed ({mutation}, {'+'.join(directions)}) passes the suite"
    )
