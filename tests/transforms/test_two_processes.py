"""Two processes with different parts of a batch do what one process does with the whole of it."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.helpers import two_processes

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> tuple[Any, list]:
    """What one process alone found, and what each of two did."""
    folder = tmp_path_factory.mktemp("processes")
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", two_processes.__name__, str(rank), "2", str(folder)],
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    alone = two_processes.work(0, 1)
    errors = [process.communicate(timeout=120)[1] for process in processes]
    assert all(process.returncode == 0 for process in processes), "\n".join(errors)
    return alone, [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)]


@pytest.mark.parametrize("name", ["actnorm", "constant"])
def test_actnorm_initialises_from_the_batch_of_all(results, name) -> None:
    """Also if every channel is constant in each process, and varies over both."""
    alone, together = results
    assert all(torch.equal(together[0][name][k], together[1][name][k]) for k in alone[name])
    torch.testing.assert_close(together[0][name], alone[name], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", ["glow", "srflow"])
def test_reversible_models_under_distributed_data_parallel(results, name) -> None:
    alone, together = results
    for part in (name, name + " gradients"):
        assert together[0][part].keys() == alone[part].keys()
        assert all(torch.equal(together[0][part][k], together[1][part][k]) for k in alone[part])
        torch.testing.assert_close(together[0][part], alone[part], rtol=1e-8, atol=1e-8)
