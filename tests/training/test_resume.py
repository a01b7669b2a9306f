"""Killed at any moment and resumed, a training ends with the weights it would have had."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from nflib import checkpoints, images
from nflib.processes import claimed
from nflib.training import TRAININGS, Running, affine_deflow, deflow, ludvae, noise_flow, train_ludvae
from nflib.training.state import random_states
from tests.helpers import tiny

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def uninterrupted(one_thread, tmp_path_factory) -> Any:
    return tiny.train(tmp_path_factory.mktemp("whole") / "run")


def rows(folder) -> list[str]:
    path = folder / "metrics.csv"
    return path.read_text().splitlines()[1:] if path.exists() else []


def train_until_killed(folder, is_time) -> None:
    """In a process of its own, ended by SIGKILL when is_time() first holds."""
    child = tiny.program(folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        while not is_time():
            assert child.poll() is None, f"ended before it was killed: {child.stderr.read().decode()[-2000:]}"
            time.sleep(0.002)
    finally:
        child.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
        child.communicate()
    assert not (folder / "model.safetensors").exists()


def equal_files(one: Path, other: Path) -> bool:
    a, b = load_file(one), load_file(other)
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("moment", ["before the first state", "between two states"])
def test_killed_and_resumed_ends_with_the_same_weights(uninterrupted, tmp_path, moment) -> None:
    folder = tmp_path / "run"
    if moment == "before the first state":
        train_until_killed(folder, lambda: (folder / "metrics.csv").exists())
        assert not (folder / "last.state").exists()
    else:
        train_until_killed(folder, lambda: (folder / "last.state").exists())
        assert torch.load(folder / "last.state", weights_only=True)["step"] < tiny.RECIPE.steps
    file = tiny.train(folder, resume=True)
    assert equal_files(file, uninterrupted)
    assert equal_files(folder / "best.safetensors", uninterrupted.parent / "best.safetensors")
    steps = [int(row.split(",")[0]) for row in rows(folder)]
    assert steps == [int(row.split(",")[0]) for row in rows(uninterrupted.parent)] == sorted(set(steps))
    assert not list(folder.glob(".*"))


def test_killed_while_it_writes(uninterrupted, tmp_path, monkeypatch) -> None:
    """The state file is whole at any moment: dying just before the rename leaves the older one."""
    folder = tmp_path / "run"
    replace, writes = os.replace, []

    def dying(source, target) -> None:
        writes.append(Path(target).name)
        if writes.count("last.state") == 2:
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(os, "replace", dying)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        tiny.train(folder)
    monkeypatch.undo()
    assert torch.load(folder / "last.state", weights_only=True)["step"] == tiny.RECIPE.every
    assert equal_files(tiny.train(folder, resume=True), uninterrupted)


def test_workers_do_not_matter(uninterrupted, tmp_path) -> None:
    assert equal_files(tiny.train(tmp_path / "run", workers=2), uninterrupted)


def test_another_seed_of_the_crops_does_matter(uninterrupted, tmp_path, monkeypatch) -> None:
    other = tiny.crops(seed=9)
    monkeypatch.setattr(tiny, "crops", lambda seed=0: other)
    assert not equal_files(tiny.train(tmp_path / "run"), uninterrupted)


def test_a_finished_run_is_not_trained_again(uninterrupted, monkeypatch) -> None:
    before, metrics = load_file(uninterrupted), rows(uninterrupted.parent)
    monkeypatch.setattr(tiny.NoisyTask, "training_step", None)
    tiny.train(uninterrupted.parent, resume=True)
    after = load_file(uninterrupted)
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert rows(uninterrupted.parent) == metrics


def test_global_generators_are_as_before(tmp_path) -> None:
    torch.manual_seed(11)
    before = random_states()
    model = tiny.SRFlowTask(tiny.SRFlow(tiny.CONFIG))
    between = random_states()
    tiny.fit(model, tiny.crops(), tmp_path / "run", recipe=tiny.RECIPE, running=Running(device="cpu"))
    after = random_states()
    assert torch.equal(after["torch"], between["torch"])
    assert not torch.equal(before["torch"], after["torch"])
    assert after["numpy"] == between["numpy"]
    assert after["python"] == between["python"]


def test_a_folder_with_a_run_is_not_overwritten(uninterrupted) -> None:
    with pytest.raises(ValueError, match="holds a run already"):
        tiny.train(uninterrupted.parent)


def test_resuming_with_other_settings_is_refused(uninterrupted) -> None:
    with pytest.raises(ValueError, match="recipe was .*now"):
        tiny.train(uninterrupted.parent, resume=True, lr=1e-4)


def test_a_broken_state_file(tmp_path) -> None:
    (tmp_path / "last.state").write_bytes(b"nonsense")
    with pytest.raises(ValueError, match="last.state: not a state of a training"):
        tiny.train(tmp_path, resume=True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_stop_it_writes_its_state_first(uninterrupted, tmp_path, number) -> None:
    folder = tmp_path / "run"
    child = tiny.program(folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    while not (folder / "metrics.csv").exists():
        assert child.poll() is None
        time.sleep(0.002)
    child.send_signal(number)
    said = child.communicate()[1].decode()
    step = torch.load(folder / "last.state", weights_only=True)["step"]
    assert f"stopped at step {step}; the same command with --resume goes on" in said
    assert not (folder / "model.safetensors").exists()
    assert equal_files(tiny.train(folder, resume=True), uninterrupted)


def photo_run(tmp_path, *, clean="clean", degraded="degraded", resume=False) -> Path:
    running = Running(device="cpu", resume=resume)
    return train_ludvae(
        tmp_path / clean,
        tmp_path / degraded,
        tmp_path / "run",
        steps=2,
        batch=2,
        crop=16,
        validation_clean=tmp_path / "clean",
        validation_degraded=tmp_path / "degraded",
        running=running,
    )


@pytest.fixture
def folders(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(ludvae, "NOISE_CROPS", 16)
    for name, noise in (("clean", 0.0), ("degraded", 0.1)):
        (tmp_path / name).mkdir()
        for number in range(3):
            generator = torch.Generator().manual_seed(number + 7 * bool(noise))
            photo = 0.3 + 0.4 * torch.rand(3, 1, 80, generator=generator).expand(3, 80, 80)
            noisy = photo + noise * torch.randn(3, 80, 80, generator=generator)
            images.write(tmp_path / name / f"{number}.png", noisy.clamp(0, 1))
    return tmp_path


def test_a_run_goes_on_with_its_own_photos_only(folders) -> None:
    notes = checkpoints.load(photo_run(folders)).notes["photos"]
    assert notes["number"] == 12
    assert {"clean/0.png", "degraded/2.png", "validation/clean/1.png"} <= set(notes["names"])
    shutil.copytree(folders / "clean", folders / "moved")
    assert photo_run(folders, clean="moved", resume=True).is_file()  # equal content elsewhere
    (folders / "clean" / "0.png").unlink()
    (folders / "clean" / "1.png").write_bytes((folders / "clean" / "2.png").read_bytes())
    with pytest.raises(ValueError, match=r"clean/0.png is missing; clean/1.png has changed"):
        photo_run(folders, resume=True)


def test_one_folder_named_twice(folders) -> None:
    with pytest.raises(ValueError, match="clean and degraded hold the same photos"):
        photo_run(folders, degraded="clean")


def test_two_jobs_cannot_write_into_one_folder(folders) -> None:
    (folders / "run").mkdir()
    with claimed(folders / "run"), pytest.raises(ValueError, match="another job is writing there"):
        photo_run(folders)


def test_a_finished_run_goes_on_with_more_steps(tmp_path, caplog) -> None:
    whole = tiny.train(tmp_path / "whole", milestones=())
    tiny.train(tmp_path / "run", steps=8, milestones=())
    assert equal_files(tiny.train(tmp_path / "run", resume=True, milestones=()), whole)
    assert rows(tmp_path / "run")[-1].split(",")[0] == "24"
    assert not caplog.messages
    with pytest.raises(ValueError, match="has done 24 steps, now asked for 8; choose another folder"):
        tiny.train(tmp_path / "run", steps=8, resume=True, milestones=())


def test_another_schedule_of_the_steps_before_is_said(uninterrupted, tmp_path, caplog) -> None:
    tiny.train(tmp_path / "run", steps=8, milestones=(0.5,))
    tiny.train(tmp_path / "run", resume=True, milestones=(0.5,))
    said = "the first 8 steps had the learning rates of a run of 8; from here on they are those of one of 24"
    assert f"{said}, the next 0.001" in caplog.text


def test_equal_trainings_write_equal_files(uninterrupted, tmp_path) -> None:
    """The seconds that they took are another number, and stand beside them."""
    again = tiny.train(tmp_path / "run")
    assert again.read_bytes() == uninterrupted.read_bytes()
    assert (again.parent / "best.safetensors").read_bytes() == (
        uninterrupted.parent / "best.safetensors"
    ).read_bytes()
    assert isinstance(checkpoints.describe(again).notes["seconds"], int)
    moved = tmp_path / "moved.safetensors"
    shutil.copy(again, moved)
    assert "seconds" not in checkpoints.load(moved).notes
    shutil.copy(again.with_name("model.json"), moved.with_suffix(".json"))
    moved.write_bytes((again.parent / "best.safetensors").read_bytes())
    assert "seconds" not in checkpoints.load(moved).notes  # those of another file


STARTS = {
    "deflow": (deflow, ("fit_h", "start_linear", "limit_noise", "say_how_likely")),
    "ludvae": (ludvae, ("started", "noise_filter", "limit_noise")),
    "affine-deflow": (affine_deflow, ("find_law", "fit_h", "start_white")),
    "noise-flow": (noise_flow, ("find_law", "start_curves")),
}


@pytest.mark.parametrize("name", STARTS)
def test_what_a_training_starts_from_is_found_once(folders, monkeypatch, name) -> None:
    module, functions = STARTS[name]
    for place in (deflow, affine_deflow):
        monkeypatch.setattr(place, "START_CROPS", 128)
    how = {"steps": 2, "batch": 2, "crop": 16, "last_stage": "none"}
    train = TRAININGS[name].train

    def run(**running) -> Path:
        running = Running(device="cpu", **running)
        return train(folders / "clean", folders / "degraded", folders / "run", running=running, **how)

    run()
    file = folders / "run" / "model.safetensors"
    before = file.read_bytes()
    for function in functions:
        monkeypatch.setattr(module, function, None)
    file.unlink()
    run(resume=True)
    assert file.read_bytes() == before
    shutil.rmtree(folders / "run")
    assert run(dry_run=True).measured == 2
