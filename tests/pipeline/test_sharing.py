"""A folder shared by several processes: the same files as by one, whoever is killed."""

from __future__ import annotations

import functools
import operator
import os
import re
import signal
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from nflib import processes, units
from nflib.cli import app
from nflib.pipeline import degrade, restore, samples, super_resolve
from nflib.pipeline.degradation import _degrade
from nflib.pipeline.results import Results
from nflib.pipeline.sharing import shared
from nflib.processes import Share
from tests.helpers.folders import contents, named_folder

STEP = "SLURM_STEP_ID"
VARIABLES = ("LOCAL_RANK", STEP, "SLURM_STEPID", *(name for names in processes.LAUNCHERS for name in names))
SETTINGS = {"tau": 1.0, "samples": 1, "tile": 512, "seed": 0, "results": Results()}


@pytest.fixture(autouse=True)
def alone(monkeypatch) -> None:
    """Whoever started the tests."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def folder(tmp_path) -> Path:
    return named_folder(tmp_path / "in", **{name: (32, 32) for name in "abcdefg"})


@pytest.fixture
def whole(folder, tmp_path) -> dict[str, bytes]:
    """What one process makes of the folder."""
    degrade(folder, "ntire", tmp_path / "whole")
    return contents(tmp_path / "whole")


def dies(source: Path, out: Path, *, device, share: Share) -> Any:
    """As ``degrade``, but one of the processes is killed in the middle of its second file, after the others
    are done.
    """
    if share.index == 1:
        write, before = samples.write, []

        def killed(path, image, *bits, **how: Any) -> None:
            if before:
                while sum('"done": true' in file.read_text() for file in out.glob("*.json")) < 5:
                    pass
                path.with_name(f".{path.name}.{os.getpid()}.part").write_bytes(b"half")
                os.kill(os.getpid(), signal.SIGKILL)
            before.append(path)
            write(path, image, *bits, **how)

        samples.write = killed
    return _degrade(source, "ntire", out, **SETTINGS, device=device, share=share)


def test_two_processes_make_the_same_files_as_one(folder, whole, tmp_path) -> None:
    (folder / "d2.png").write_text("not an image")  # d2 and e change sides: the share is of all files
    out = tmp_path / "out"
    result = CliRunner().invoke(
        app,
        ["degrade", str(folder), "--model", "ntire", "--out", str(out), "--device", "cpu", "--devices", "2"],
    )
    assert result.exit_code == 1
    assert result.stdout == f"7 images written to {out}\n"
    said = re.sub(r"degrade: .* left\n", "", result.stderr)  # progress, where it takes long
    assert re.fullmatch(r"skipped \S+d2.png: not an image.*\nfiles skipped: 1\n", said)
    assert contents(out) == whole


def test_after_one_was_killed_any_number_of_processes_goes_on(folder, whole, tmp_path) -> None:
    out = tmp_path / "out"
    with pytest.raises(
        ValueError, match="one of 2 processes died .*SIGKILL.*start the job again, and it goes on"
    ):
        shared(folder, functools.partial(dies, folder, out), "cpu", 2, description="degrade")
    done = degrade(folder, "ntire", out, device="cpu")
    assert (done.kept, done.written) == (5, (out / "d.png", out / "f.png"))
    assert contents(out) == whole


def test_progress_of_several_is_one(folder, tmp_path) -> None:
    """On a pipe lines, of all processes together; and one line at the start."""
    out = tmp_path / "out"
    job = functools.partial(slow, folder, out)
    lines = []
    with units.progress_lines(0.05), pytest.MonkeyPatch.context() as patched:
        patched.setattr(units, "_print", lambda line: lines.append(str(line)))
        shared(folder, job, "cpu", 2, description="degrade")
    told = [re.match(r"degrade: ([0-9.]+) of 7, ", line) for line in lines]
    done = [float(found[1]) for found in told if found]
    assert len(done) == len(lines) > 2
    assert done == sorted(done)
    assert max(done) > 4  # more than one of them has


def slow(source: Path, out: Path, *, device, share: Share) -> Any:
    """As ``degrade``, but every image takes a while."""
    write = samples.write

    def slowly(*arguments: Any, **options: Any) -> None:
        time.sleep(0.3)
        write(*arguments, **options)

    samples.write = slowly
    return _degrade(source, "ntire", out, **SETTINGS, device=device, share=share)


def test_an_error_of_several_is_one(folder, tmp_path, monkeypatch) -> None:
    # one after the other: starting them takes seconds
    monkeypatch.setattr(
        torch.multiprocessing,
        "spawn",
        lambda function, arguments, n, join: SimpleNamespace(
            join=lambda timeout: [function(i, *arguments) for i in range(n)], processes=[]
        ),
    )
    degrade(folder / "a.png", "white:3", tmp_path / "out")
    with pytest.raises(ValueError, match=r"a.json: was made with .*choose another folder$"):
        degrade(folder, "white:12", tmp_path / "out", device="cpu", devices=2)
    assert sorted(contents(tmp_path / "out")) == ["a.json", "a.png"]  # not even the one that has not a wrote
    for name in "abcdefg":
        (folder / f"{name}.png").write_text("not an image")
    with pytest.raises(
        ValueError, match=r"in: none of 7 images could be used; the first: .*a.png: not an image"
    ):
        degrade(folder, "white:12", tmp_path / "none", device="cpu", devices=2)


@pytest.mark.parametrize(("rank", "world"), processes.LAUNCHERS)
def test_processes_of_torchrun_and_slurm_share(folder, whole, tmp_path, monkeypatch, rank, world) -> None:
    out, seen = tmp_path / "out", []
    monkeypatch.setenv(world, "3")
    monkeypatch.setenv(STEP, "0")
    for number in "201":
        monkeypatch.setenv(rank, number)
        result = CliRunner().invoke(app, ["degrade", str(folder), "--model", "ntire", "--out", str(out)])
        new = {name for name in contents(out) if name.endswith(".png")} - set(seen)
        seen += new
        assert (
            result.stdout
            == f"share {int(number) + 1} of 3: {len(new)} images written to {out}, 0 were done already; "
            f"the rest is left to the 2 other processes that {rank} and {world} promise\n"
        )
    assert len(seen) == 7
    assert contents(out) == whole


def test_a_share_with_bad_images_only_or_none_is_no_error(folder, tmp_path, monkeypatch) -> None:
    (folder / "b.png").write_text("not an image")
    monkeypatch.setenv("WORLD_SIZE", "9")
    for rank, skipped in (("1", 1), ("8", 0)):
        monkeypatch.setenv("RANK", rank)
        done = degrade(folder, "ntire", tmp_path / "out")
        assert (done.written, done.kept, len(done.skipped)) == ((), 0, skipped)
    assert contents(tmp_path / "out") == {}


def test_what_another_writes_is_left_alone(folder, tmp_path, monkeypatch) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for name in "ab":
        (out / f".{name}.png.1.part").write_bytes(b"half")
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    degrade(folder, "ntire", out)
    assert sorted(file.name for file in out.glob(".*")) == [".a.png.1.part"]


def test_no_image_twice() -> None:
    items = list(range(11))
    for count in (1, 2, 3, 20):
        for inner in (1, 4):
            parts = [Share(i, count).part(j, inner).of(items) for i in range(count) for j in range(inner)]
            assert sorted(functools.reduce(operator.iadd, parts, [])) == items
            assert max(map(len, parts)) - min(map(len, parts)) <= 1


BATCH = {"SLURM_JOB_ID": "81", "SLURM_NTASKS": "4", "SLURM_PROCID": "0", "SLURM_LOCALID": "0"}
TASK = {**BATCH, STEP: "0", "SLURM_STEPID": "0", "SLURM_PROCID": "2"}
OPEN_MPI = {"OMPI_COMM_WORLD_RANK": "5", "OMPI_COMM_WORLD_SIZE": "8"}


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        pytest.param({}, Share(), id="nobody"),
        pytest.param({"RANK": "1", "WORLD_SIZE": "4"}, Share(1, 4), id="torchrun"),
        pytest.param({"RANK": "0", "WORLD_SIZE": "1"}, Share(), id="torchrun of one"),
        pytest.param({"LOCAL_RANK": "1", "WORLD_SIZE": "4"}, Share(), id="Lightning"),
        pytest.param(OPEN_MPI, Share(5, 8), id="mpirun of Open MPI"),
        pytest.param({"PMI_RANK": "1", "PMI_SIZE": "3"}, Share(1, 3), id="mpirun of MPICH"),
        pytest.param(TASK, Share(2, 4), id="srun"),
        pytest.param({**TASK, "SLURM_NTASKS": "1", "SLURM_PROCID": "0"}, Share(), id="srun of one"),
        pytest.param({**TASK, "PMI_RANK": "2", "PMI_SIZE": "4"}, Share(2, 4), id="srun --mpi=pmi2"),
        pytest.param(BATCH, Share(), id="sbatch alone"),
        pytest.param({**BATCH, STEP: "4294967291"}, Share(), id="sbatch alone, its step numbered"),
        pytest.param({**BATCH, STEP: "4294967290"}, Share(), id="a shell of salloc"),
        pytest.param({**BATCH, STEP: "batch"}, Share(), id="sbatch alone, its step named"),
        pytest.param({**BATCH, "RANK": "1", "WORLD_SIZE": "2"}, Share(1, 2), id="torchrun in sbatch"),
        pytest.param({**TASK, "RANK": "7", "WORLD_SIZE": "16"}, Share(7, 16), id="torchrun by srun"),
        pytest.param({**BATCH, **OPEN_MPI}, Share(5, 8), id="mpirun in sbatch"),
        pytest.param({**TASK, **OPEN_MPI}, Share(5, 8), id="mpirun, whose daemons srun started"),
    ],
)
@pytest.mark.parametrize("devices", [1, 3])
def test_the_share_of_a_process(monkeypatch, variables, expected, devices) -> None:
    """Each of ``devices`` has an equal part of it."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert processes.own_share() == expected
    parts = [processes.own_share().part(i, devices) for i in range(devices)]
    assert parts == [Share(expected.index * devices + i, expected.count * devices) for i in range(devices)]


@pytest.mark.parametrize("rank", ["2", "-1", "one"])
def test_impossible_numbers(monkeypatch, rank) -> None:
    monkeypatch.setenv("RANK", rank)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ValueError, match=f"RANK and WORLD_SIZE are {rank} and 2, expected"):
        processes.own_share()


def test_devices(monkeypatch) -> None:
    cuda, cpu = torch.device("cuda"), torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    assert processes.devices(cpu, 2) == [cpu, cpu]
    assert processes.devices(cuda) == [cuda]
    assert processes.devices(cuda, 2) == [torch.device("cuda:0"), torch.device("cuda:1")]
    assert processes.devices(torch.device("cuda:3")) == [torch.device("cuda:3")]
    for kind, n, message in (
        (cpu, 0, "devices must be at least 1, got 0"),
        (cuda, 5, "devices must be at most 4, .* got 5"),
        (torch.device("mps"), 2, "cuda or cpu, got mps"),
        (torch.device("cuda:1"), 2, "none can be chosen, got cuda:1"),
    ):
        with pytest.raises(ValueError, match=message):
            processes.devices(kind, n)
    for name, value in (("RANK", "13"), ("WORLD_SIZE", "16"), ("LOCAL_RANK", "5")):
        monkeypatch.setenv(name, value)
    assert processes.devices(cuda) == [torch.device("cuda:1")]  # the fifth of four: they are taken in turn
    assert processes.devices(cuda, 2) == [torch.device("cuda:2"), torch.device("cuda:3")]


def test_all_that_make_images_share(folder, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("RANK", "6")
    monkeypatch.setenv("WORLD_SIZE", "7")
    assert restore(folder, "denoiser_ntire_small", tmp_path / "restored", device="cpu").written == (
        tmp_path / "restored" / "g.png",
    )
    assert super_resolve(folder, "srflow_x4_small", tmp_path / "larger", device="cpu").written == (
        tmp_path / "larger" / "g_1.png",
    )
    for run, model in (
        (restore, "denoiser_ntire_small"),
        (super_resolve, "srflow_x4_small"),
        (degrade, "ntire"),
    ):
        with pytest.raises(ValueError, match="devices must be at least 1, got 0"):
            run(folder, model, tmp_path / "none", device="cpu", devices=0)
