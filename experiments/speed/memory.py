"""Memory of a training step against the number of flow steps K: plain, reversible, in other libraries.

    python -m experiments.speed.memory [--steps 4 8 16 32 64] [--size 32] [--batch 4] [--hidden 64]
                                       [--device cuda] [--json FILE] [--plot FILE]

Glow with L = 3, in plain and in reversible training, with its pairs of ActNorm and 1x1 convolution alone
recomputed, and as normflows and nflows build it (skipped with a word where they are not installed); the
conditional flow of DeFlow, with splits as published, behind an encoder of one block. "kept" is what autograd
holds between the passes, storages counted once, parameters not. "peak" is the largest memory of a forward and
a backward pass above what there was before: resident memory of a fresh process, on CUDA allocated memory. The
gradients of the parameters ("gradients"), which any training needs and which grow with K, are part of it.
Times are processor seconds of one thread, forward and backward pass and Adam, both ways in turn; the ratio is
the median over neighbouring runs.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from rich.table import Table
from torch import Tensor, nn

import nflib
from experiments.recording import ROOT
from experiments.speed import measure, released
from nflib.cli.printing import print_table
from nflib.files import write_bytes
from nflib.models import DeFlow, DeFlowConfig, Glow, GlowConfig, RRDBConfig
from nflib.provenance import commit, resident
from nflib.transforms import Sequential

LEVELS = 3
PLAIN = {"Glow reversible": "Glow", "Glow pairs": "Glow", "DeFlow reversible": "DeFlow"}
WAYS = ("Glow", "Glow reversible", "Glow pairs", "normflows", "nflows", "DeFlow", "DeFlow reversible")


def build(way: str, steps: int, arguments) -> tuple[nn.Module, tuple]:
    """A model in training mode, initialised, with all its networks at work, and what its ``nll`` is given."""
    torch.manual_seed(0)
    reversible = way.endswith("reversible")
    images = torch.rand(arguments.batch, 3, arguments.size, arguments.size)
    given = (images,)
    if way.startswith("DeFlow"):
        model = DeFlow(
            DeFlowConfig(
                RRDBConfig(scale=4, blocks=1),
                taps=(),
                levels=LEVELS,
                steps=steps,
                transitions=0,
                hidden=arguments.hidden,
                splits=True,
                reversible=reversible,
            )
        )
        given = images, model.condition(images), (["clean", "degraded"] * arguments.batch)[: arguments.batch]
    elif way.startswith("Glow"):
        model = Glow(GlowConfig(LEVELS, steps, arguments.hidden, reversible=reversible))
    else:
        model = getattr(released, f"{way}_glow")(LEVELS, steps, arguments.hidden, arguments.size)
    model.to(arguments.device).train()
    given = tuple(part.to(arguments.device) if isinstance(part, Tensor) else part for part in given)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 4 and not parameter.any():  # the last layers, which start at zero
                parameter.normal_(std=0.05 / parameter[0].numel() ** 0.5)
        model.nll(*given)
    if way == "Glow pairs":
        for level in model.flow.transform.levels:
            squeeze, *layers = level.transforms
            pairs = (Sequential(*layers[i : i + 2], reversible=True) for i in range(0, 3 * steps, 3))
            regrouped = [
                layer
                for pair, coupling in zip(pairs, layers[2::3], strict=False)
                for layer in (pair, coupling)
            ]
            level.transforms = nn.ModuleList([squeeze, *regrouped, *layers[3 * steps :]])
    return model, given


def kept(model: nn.Module, given: tuple) -> int:
    """Bytes that autograd holds when the forward pass is over."""
    own = {tensor.untyped_storage().data_ptr() for tensor in (*model.parameters(), *model.buffers())}
    model.nll(*given)  # a reversible model first tries its inverses
    storages = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        graph = model.nll(*given)
    del graph  # held till here: else a storage that is gone could lend its address to another one
    return sum(storages.values())


def peak(way: str, steps: int, arguments) -> int | None:
    """Bytes that one step needs beyond model and data. None where the system does not say."""
    cuda = arguments.device == "cuda"
    if not cuda and not Path("/proc/self/clear_refs").exists():
        return None
    for count in (1, steps):  # what a first step loads and prepares is no part of it
        model, given = build(way, count, arguments)
        before = _start(cuda)
        model.nll(*given).mean().backward()
        most = torch.cuda.max_memory_allocated() if cuda else resident("VmHWM")
    return most - before


def _start(cuda: bool) -> int:
    if cuda:
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        return torch.cuda.memory_allocated()
    Path("/proc/self/clear_refs").write_text("5")  # the largest resident memory from here on
    return resident()


def peak_of_a_fresh_process(way: str, steps: int, arguments) -> int | None:
    command = [sys.executable, "-m", "experiments.speed.memory", "--one", way, *_flags(arguments, steps)]
    # freed memory goes back to the system at once
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "16384", "MALLOC_TRIM_THRESHOLD_": "16384"}
    run = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(run.stdout)


def _flags(arguments, steps: int) -> list[str]:
    shared = {
        "size": arguments.size,
        "batch": arguments.batch,
        "hidden": arguments.hidden,
        "device": arguments.device,
        "steps": steps,
    }
    return [part for name, value in shared.items() for part in (f"--{name}", str(value))]


def compared(way: str, steps: int, arguments) -> dict[str, object]:
    """Against plain training of the same weights: times, and by how much the gradient differs.

    In shares of its length; beside it by how much the plain one differs from that of float64.
    """
    (plain, given), (other, _) = build(PLAIN[way], steps, arguments), build(way, steps, arguments)
    found = measure.compare(_step(other, given), _step(plain, given), arguments.repeat)
    gradients = [_gradient(plain, given), _gradient(other, given)]
    gradients.append(
        _gradient(plain.double(), [part.double() if isinstance(part, Tensor) else part for part in given])
    )
    return {
        "seconds": found["plain"],
        "plain seconds": found["shared"],
        "ratio": found["ratio"],
        "lowest": found["lowest"],
        "highest": found["highest"],
        "gradient": float((gradients[1] - gradients[0]).norm() / gradients[0].norm()),
        "rounding": float((gradients[0] - gradients[2]).norm() / gradients[2].norm()),
    }


def _gradient(model: nn.Module, given: Sequence) -> Tensor:
    model.zero_grad()
    model.nll(*given).mean().backward()
    return torch.cat([p.grad.double().flatten() for p in model.parameters() if p.grad is not None])


def _step(model: nn.Module, given: tuple) -> Callable[[], None]:
    step = measure.training_step(model, lambda: model.nll(*given))

    def finished() -> None:
        step()
        if given[0].is_cuda:
            torch.cuda.synchronize()

    return finished


def measured(way: str, steps: int, arguments) -> dict[str, object]:
    model, given = build(way, steps, arguments)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    found = {
        "way": way,
        "steps": steps,
        "parameters": sum(p.numel() for p in trained),
        "gradients": sum(p.nbytes for p in trained),
        "kept": kept(model, given),
    }
    del model
    found["peak"] = (
        peak(way, steps, arguments)
        if arguments.device == "cuda"
        else peak_of_a_fresh_process(way, steps, arguments)
    )
    return found | (compared(way, steps, arguments) if way in PLAIN else {})


def table(rows: list[dict], title: str) -> Table:
    shown = Table(
        "net",
        "K",
        "parameters",
        "kept, MB",
        "gradients, MB",
        "peak, MB",
        "time, plain = 1",
        "lowest to highest",
        "gradient differs by",
        "and from float64",
        title=title,
    )
    for row in rows:
        memory = [_megabytes(row[name]) for name in ("kept", "gradients", "peak")]
        against_plain = (
            (
                f"{row['ratio']:.2f}",
                f"{row['lowest']:.2f} to {row['highest']:.2f}",
                f"{row['gradient']:.0e}",
                f"{row['rounding']:.0e}",
            )
            if "ratio" in row
            else ()
        )
        shown.add_row(row["way"], str(row["steps"]), f"{row['parameters']:,}", *memory, *against_plain)
    return shown


def _megabytes(count: int | None) -> str:
    return "not known" if count is None else f"{count / 1e6:.1f}"


def plot(rows: list[dict], file: str) -> None:
    """Megabytes against K, both axes logarithmic: Glow by all libraries, and DeFlow."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, 2, figsize=(10, 6), sharey=True, layout="constrained")
    for panel, ways in zip(panels, (WAYS[:5], WAYS[5:]), strict=True):
        for i, way in enumerate(ways):
            mine = [row for row in rows if row["way"] == way]
            if not mine:  # a library that is not installed
                continue
            steps = [row["steps"] for row in mine]
            panel.loglog(steps, [row["kept"] / 1e6 for row in mine], f"C{i}o-", label=f"{way}, kept")
            if all(row["peak"] is not None for row in mine):
                panel.loglog(steps, [row["peak"] / 1e6 for row in mine], f"C{i}.--", label=f"{way}, peak")
        panel.loglog(
            steps,
            [row["gradients"] / 1e6 for row in rows if row["way"] == ways[0]],
            "k:",
            label="gradients of the parameters",
        )
        panel.set(xlabel="flow steps per level, K", title=ways[0])
        panel.set_xticks(steps, steps)
        panel.minorticks_off()
        panel.legend(fontsize="small", loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=2)
    panels[0].set_ylabel("memory of a training step, MB")
    figure.savefig(file, dpi=150)


def main() -> None:
    options = measure.parser(__doc__, size=32, multiple=8)
    options.add_argument("--steps", type=int, nargs="+", default=[4, 8, 16, 32, 64], help="values of K")
    options.add_argument("--hidden", type=int, default=64, help="width of the networks")
    options.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    options.add_argument("--plot", help="draw memory against K into this file")
    options.add_argument("--one", choices=WAYS, help=argparse.SUPPRESS)
    arguments = options.parse_args()
    torch.set_num_threads(1)
    if arguments.one:
        print(json.dumps(peak(arguments.one, arguments.steps[0], arguments)))
        return
    started = time.perf_counter()
    absent = [name for name in ("normflows", "nflows") if name not in released.versions()]
    for name in absent:
        print(f"{name} is left out: pip install {name}")
    ways = [way for way in WAYS if way not in absent]
    rows = []
    for way in ways:
        for steps in arguments.steps:
            rows.append(measured(way, steps, arguments))
            print(f"{way}, K = {steps}: {rows[-1]}", file=sys.stderr)
    device = (
        torch.cuda.get_device_name()
        if arguments.device == "cuda"
        else f"one thread of {platform.processor() or platform.machine()}"
    )
    print_table(table(rows, f"One training step, {arguments.batch} images of {arguments.size} px, {device}"))
    if arguments.json:
        settings = {name: getattr(arguments, name) for name in ("size", "batch", "hidden", "repeat")} | {
            "levels": LEVELS
        }
        provenance = {
            "device": device,
            "seed": 0,
            "date": datetime.date.today().isoformat(),
            "seconds": round(time.perf_counter() - started),
            "commit": commit(),
            "versions": {"nflib": nflib.__version__, "torch": torch.__version__, **released.versions()},
        }
        write_bytes(
            arguments.json, (json.dumps({**settings, **provenance, "rows": rows}, indent=1) + "\n").encode()
        )
    if arguments.plot:
        plot(rows, arguments.plot)


if __name__ == "__main__":
    main()
