"""The comparison on four noises goes through, keeps what it has, and its measure can fail."""

from __future__ import annotations

import json
import sys

import pytest
import torch

from experiments import photos as photo_module
from experiments.quality import four_noises
from nflib.training import training


@pytest.fixture
def pairs(monkeypatch) -> list:
    monkeypatch.setattr(photo_module, "LARGEST", 64)
    return photo_module.photos(photo_module.PLANS["ntire"], None)[2]


def test_it_records_what_it_says(tmp_path, monkeypatch, capsys, pairs) -> None:
    usual = training("noise-flow").usual
    monkeypatch.setitem(usual, "small", usual["small"].but(steps=2, batch=2))
    words = ["four_noises", "--seeds", "1", "--json", str(tmp_path / "found.json"), "--noises", "poisson"]
    monkeypatch.setattr(sys, "argv", [*words, "--only", "law", "noise-flow"])
    threads = torch.get_num_threads()
    try:
        four_noises.main()
        before = (tmp_path / "found.json").read_bytes()
        four_noises.main()  # what is there is kept
    finally:
        torch.set_num_threads(threads)
    assert (tmp_path / "found.json").read_bytes() == before
    runs = json.loads(before)["runs"]
    assert {learner: list(found["poisson"]) for learner, found in runs.items() if found["poisson"]} == {
        "law": ["1"],
        "noise-flow": ["1"],
    }
    assert {"kl", "kl_by_value", "seconds", "commit", "device"} <= runs["law"]["poisson"]["1"].keys()
    assert "kl_by_value, nats" in capsys.readouterr().out


def test_the_truth_is_nearest_and_what_ignores_the_value_is_further_by_value(pairs) -> None:
    degrade = four_noises.NOISES["poisson"]

    class Truth:
        def degrade(self, clean, generator) -> torch.Tensor:
            return degrade(clean, generator=generator)

    class Shuffled:
        """The same noise, at other places."""

        def degrade(self, clean, generator) -> torch.Tensor:
            noise = (degrade(clean, generator=generator) - clean).flatten()
            order = torch.randperm(len(noise), generator=generator)
            return clean + noise[order].view_as(clean)

    truth, shuffled = (four_noises.kl(model(), degrade, pairs, 0) for model in (Truth, Shuffled))
    assert truth["kl"] < 0.02
    assert truth["kl_by_value"] < 0.1
    assert shuffled["kl_by_value"] > 2 * truth["kl_by_value"]


def test_poisson_noise_has_the_variance_of_its_mean() -> None:
    grey = torch.full((1, 3, 200, 200), 0.4)
    noise = four_noises.Poisson(60.0).noise(grey, torch.Generator().manual_seed(0))
    n = noise.numel()
    assert abs(noise.mean()) < 4 * (0.4 / 60 / n) ** 0.5
    assert abs(noise.var() / (0.4 / 60) - 1) < 4 * (2 / n) ** 0.5 * 1.1
