"""Record throughput, peak memory and profile of the full models on a GPU.

    python -m experiments.gpu.throughput

DeFlow for AIM 2019, SRFlow 4x for DF2K and LUD-VAE, as published; training steps as nflib.training.fit takes
them, on random crops of the published side, and one result (an image of 256 pixels degraded or
super-resolved). Each variant, and each batch size until memory is out, has a process of its own. Killed and
started again it goes on. About half an hour on one fast card.

Writes experiments/results/gpu_throughput.json: where and by what (experiments/recording.py), "card"
(nflib.costs.Card as measured: TFLOP/s, GB/s), "tf32" (whether float32 convolutions may use it, torch's
default) and "parts", flat, by name:

- "deflow training float32 b8" and the like: "kind" "timing", the fields of nflib.costs.timing.Job ("job",
  "model", "batch", "side", "precision", "channels_last", "compile", "reversible", ...), "seconds" of one step
  or result (median), "images_per_second", "memory" (bytes at the peak) or null, and "failed": null, "out of
  memory" or what else went wrong.
- "deflow profile float32": "kind" "profile", "model", "precision", "seconds" of one step's operations on the
  device, and "operations", the ten that took longest: "name", "seconds", "share" (of all operations),
  "calls".
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict

import torch
from torch.profiler import ProfilerActivity, profile

from experiments.recording import SEED, Record, parser, show
from nflib import units
from nflib.costs import measure, timing
from nflib.costs.bench import MODELS
from nflib.costs.timing import Job, Timing, measured
from nflib.training import training

IMAGE, REPEAT, PROFILED, TOP = 256, 10, 1, 10
GROWTH = (2, 4, 8, 16, 32, 64, 128, 256, 512)
PLAIN = {"precision": "float32", "channels_last": False, "compile": False, "reversible": False}
VARIANTS = (
    {},
    {"channels_last": True},
    {"precision": "bfloat16"},
    {"precision": "bfloat16", "channels_last": True},
    {"compile": True},
    {"precision": "bfloat16", "channels_last": True, "compile": True},
    {"reversible": True},
    {"precision": "bfloat16", "channels_last": True, "reversible": True},
    {"precision": "bfloat16", "channels_last": True, "compile": True, "reversible": True},
)
# Those of which the batch size grows.
GROWING = (
    {},
    {"precision": "bfloat16", "channels_last": True},
    {"precision": "bfloat16", "channels_last": True, "reversible": True},
)
RESULTS = ({}, {"precision": "bfloat16"}, {"precision": "bfloat16", "channels_last": True}, {"compile": True})


def name_of(job: Job) -> str:
    """Of a part."""
    extras = [word for word in ("channels_last", "compile", "reversible") if getattr(job, word)]
    return " ".join((job.model, job.job, job.precision, *extras, f"b{job.batch}"))


def jobs_of(model: str, device: torch.device, tiny: bool) -> tuple[list[Job], list[list[Job]]]:
    """Single jobs, and series with growing batches, of which the rest is pointless once memory is out."""
    row = training(model)
    usual = row.usual["full"]
    batch, side = (2, 16) if tiny else (usual.recipe.batch, usual.crop)
    common = {
        "size": "small" if tiny else "full",
        "device": str(device),
        "repeat": 1 if tiny else REPEAT,
        "threads": torch.get_num_threads(),
    }

    def job(kind: str, variant: dict, count: int, pixels: int) -> Job:
        return Job(job=kind, model=model, batch=count, side=pixels, **common, **{**PLAIN, **variant})

    def able(variants) -> list[dict]:
        reversible = hasattr(row.config("small"), "reversible")
        return [variant for variant in variants if reversible or not variant.get("reversible")]

    single = [job("training", variant, batch, side) for variant in able(VARIANTS[:3:2] if tiny else VARIANTS)]
    single += [
        job("result", variant, 1, 16 if tiny else IMAGE) for variant in able(RESULTS[:1] if tiny else RESULTS)
    ]
    counts, variants = ((2, 4), GROWING[:1]) if tiny else (GROWTH, GROWING)
    growing = [[job("training", variant, count, side) for count in counts] for variant in able(variants)]
    return single, growing


def time_job(record: Record, job: Job, run: Callable[[Job], Timing]) -> dict:
    """The part of a job, measured unless it is there already."""
    name = name_of(job)
    if name not in record.parts:
        try:
            found = run(job)
        except torch.cuda.OutOfMemoryError:
            found = Timing(None, None, "out of memory")
        except ValueError as error:  # one variant that does not work here must not cost the others
            found = Timing(None, None, str(error))
        speed = None if found.seconds is None else job.batch / found.seconds
        record.add(name, {"kind": "timing", **asdict(job), **asdict(found), "images_per_second": speed})
        print(f"{name}: {found.failed or f'{speed:.4g} images/s'}", flush=True)
    return record.parts[name]


def profile_job(record: Record, job: Job) -> None:
    """Where the time of training steps goes, in this process."""
    name = f"{job.model} profile {job.precision}"
    if name in record.parts:
        return
    device = torch.device(job.device)
    try:
        operations, seconds = profiled(job, device)
        record.add(
            name,
            {
                "kind": "profile",
                "model": job.model,
                "precision": job.precision,
                "batch": job.batch,
                "side": job.side,
                "steps": PROFILED,
                "seconds": seconds,
                "operations": operations,
                "failed": None,
            },
        )
    except torch.cuda.OutOfMemoryError:
        record.add(
            name,
            {
                "kind": "profile",
                "model": job.model,
                "precision": job.precision,
                "operations": [],
                "failed": "out of memory",
            },
        )
    if device.type == "cuda":
        torch.cuda.empty_cache()


def profiled(job: Job, device: torch.device) -> tuple[list[dict], float]:
    """The operations that took longest in PROFILED steps, and the seconds that all took."""
    torch.manual_seed(SEED)
    act = timing.training_step(job, device)
    for _ in range(1 if device.type == "cpu" else 3):
        act()
    timing.seconds(lambda: None, device)  # waits
    cuda = device.type == "cuda"
    with profile(activities=[ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if cuda else [])]) as found:
        timing.seconds(lambda: [act() for _ in range(PROFILED)], device)
    # kernels by the operation that started them
    rows = [
        (event.key, (event.self_device_time_total if cuda else event.self_cpu_time_total) / 1e6, event.count)
        for event in found.key_averages()
        if not cuda or event.device_type == torch.autograd.DeviceType.CPU
    ]
    total = sum(seconds for _, seconds, _ in rows)
    rows.sort(key=lambda row: -row[1])
    return [
        {"name": key, "seconds": round(s, 6), "share": round(s / total, 4), "calls": n}
        for key, s, n in rows[:TOP]
    ], round(total, 6)


def main(words: list[str] | None = None) -> None:
    options = parser(__doc__, "gpu_throughput.json")
    options.add_argument(
        "--models", nargs="+", choices=MODELS, default=list(MODELS), help="which; all by default"
    )
    arguments = options.parse_args(words)
    device = units.device(arguments.device)
    record = Record(
        arguments,
        "gpu_throughput.json",
        device,
        tf32=device.type == "cuda" and torch.backends.cudnn.allow_tf32,
    )
    # the card's peak, once: measured anew it is a little different
    if "card" not in record.parts:
        record.add("card", {"kind": "card", **asdict(measure(device))})
        if device.type == "cuda":
            torch.cuda.empty_cache()  # other processes want it
    run = timing.run if arguments.tiny else measured
    for model in arguments.models:
        single, growing = jobs_of(model, device, arguments.tiny)
        for job in single:
            time_job(record, job, run)
        for series in growing:
            for job in series:
                if time_job(record, job, run)["failed"] is not None:
                    break
    for model in arguments.models:  # last: from now on this process has memory of the device too
        for job in {
            one.precision: one
            for one in jobs_of(model, device, arguments.tiny)[0]
            if one.job == "training" and not (one.channels_last or one.compile or one.reversible)
        }.values():
            profile_job(record, job)
    rows = [
        (name, part["images_per_second"], part["memory"] and part["memory"] / 2**30, part["failed"] or "")
        for name, part in record.parts.items()
        if part["kind"] == "timing"
    ]
    show(f"On {record.content['device']}", ("what", "images/s", "peak, GiB", ""), rows)


if __name__ == "__main__":
    main(sys.argv[1:])
