"""fit: train a task on numbered crops, killable at any moment."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import os
import random
import subprocess
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, default_collate

from .. import __version__, checkpoints, units
from .._compat import import_lightning
from ..images.files import write_bytes
from .logs import Log
from .state import random_states, read_state, restore_random_states, write_state
from .tasks import Recipe, Task

lightning = import_lightning()
LOG_EVERY = 10
# What a resumed training may not change without becoming another one.
FIXED = ("task", "model", "recipe", "seed", "crops")


def fit(
    task: Task,
    data: Dataset,
    out: str | os.PathLike,
    recipe: Recipe | None = None,
    validation: Dataset | None = None,
    seed: int = 0,
    device: torch.device | str | None = None,
    workers: int = 0,
    resume: bool = False,
) -> Path:
    """Train, and write the model with averaged weights.

    In ``out``: ``model.safetensors`` (at the end, with notes), ``best.safetensors`` (smallest loss on the validation data so
    far), ``last.state`` (to resume from), ``metrics.csv`` and ``tensorboard/``. Each file is whole or not there. A run that was
    killed and is resumed on the same kind of device ends with the weights, bit for bit, that it would have had.

    Args:
        task: what to train.
        data: numbered crops, such as :class:`~nflib.data.UnpairedImages` or :class:`~nflib.data.SuperResolutionImages`: ``data[i]`` for
            any i >= 0, always the same for the same i.
        out: folder of the run; made if it is not there.
        recipe: how to train, ``task.recipe`` by default.
        validation: as ``data``; its items 0 to ``len(validation) - 1`` are the validation set.
        seed: of all noise in training.
        device: ``nflib.device()`` by default.
        workers: processes that prepare crops; the result does not depend on it.
        resume: go on from ``last.state`` if it is there.

    Returns:
        The path of ``model.safetensors``.

    Raises:
        ValueError: ``out`` holds another run, or the loss is not finite again and again.
    """
    recipe = recipe or task.recipe
    device = units.device(device)
    out = Path(out)
    state_file, model_file = out / "last.state", out / "model.safetensors"
    settings = {
        "task": type(task).__name__, "model": json.dumps(dataclasses.asdict(task.model.config)), "seed": seed,
        "recipe": json.dumps(dataclasses.asdict(recipe)), "crops": f"{type(data).__name__}, {len(data)} photos, {getattr(data, 'crop', '')}",
        **task.notes,
    }
    if state_file.exists() and not resume:
        raise ValueError(f"{out}: holds a run already; resume it or choose another folder")
    saved = read_state(state_file) if state_file.exists() else None
    for name in (*FIXED, *task.notes) if saved else ():
        if saved["settings"].get(name) != settings[name]:
            raise ValueError(f"{out}: {name} was {saved['settings'].get(name)}, now {settings[name]}; choose another folder")
    out.mkdir(parents=True, exist_ok=True)
    for rest in out.glob(".*.part"):  # of a run that was killed while it wrote
        rest.unlink()

    before = random_states()
    try:
        torch.manual_seed(seed)
        np.random.seed(seed)
        random.seed(seed)
        task.begin(recipe, seed, default_collate([data[i] for i in range(recipe.batch)]))
        if saved:
            task.restore(saved)
        else:
            task.keep()
        recorder = _Recorder(out, state_file, settings, _batches(validation, recipe.batch), saved)
        if task.step < recipe.steps:
            _train(task, data, recipe, device, workers, recorder)
    finally:
        restore_random_states(before)
    notes = {
        **settings, "model": json.loads(settings["model"]), "recipe": dataclasses.asdict(recipe), "steps": task.step,
        "seconds": round(recorder.seconds), "device": _device_name(device), "unit": task.unit, "validation": recorder.score, "validation_unit": task.validation_unit or task.unit,
        "nflib": __version__, "torch": torch.__version__, "lightning": lightning.__version__, "commit": _commit(),
    }
    checkpoints.save(task.averaged.cpu(), model_file, notes)
    write_bytes(out / "model.json", (json.dumps(notes, indent=1) + "\n").encode())
    return model_file


def _train(task, data, recipe, device, workers, recorder) -> None:
    loader = DataLoader(
        data, batch_sampler=_Steps(task.step, recipe), num_workers=workers, pin_memory=device.type == "cuda",
        generator=torch.Generator(),  # its own: making workers must not use up random numbers of the training
    )
    with _quiet():
        trainer = lightning.Trainer(
            accelerator={"cuda": "gpu"}.get(device.type, device.type),
            devices=[device.index or 0] if device.type == "cuda" else 1,
            max_epochs=1, logger=False, callbacks=[recorder], deterministic="warn", benchmark=False, use_distributed_sampler=False,
            enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
        )
        recorder.open(task)
        try:
            trainer.fit(task, loader)
        finally:
            recorder.close()


class _Steps(torch.utils.data.Sampler):
    """The crops of each step: step k has numbers k*batch to (k+1)*batch - 1."""

    def __init__(self, start: int, recipe: Recipe):
        self.start, self.recipe = start, recipe

    def __len__(self):
        return self.recipe.steps - self.start

    def __iter__(self):
        for step in range(self.start, self.recipe.steps):
            yield list(range(step * self.recipe.batch, (step + 1) * self.recipe.batch))


class _Recorder(lightning.Callback):
    """Logs, shows progress, validates and keeps the state."""

    def __init__(self, out: Path, state_file: Path, settings: dict, validation: list, saved: dict | None):
        self.out, self.state_file, self.settings, self.validation = out, state_file, settings, validation
        self.random_states = saved and saved["random"]
        self.seconds, self.score = (saved["seconds"], saved["score"]) if saved else (0.0, None)
        self.losses, self.images = [], 0

    def open(self, task) -> None:
        self.logs = Log(self.out, task.step, task.figures())
        self.bar = units.progress(None, type(task).__name__.removesuffix("Task"), total=task.recipe.steps)
        self.bar.update(task.step)

    def on_train_start(self, trainer, task):
        if self.validation and task.step == 0:
            # a good start may be the best there is
            self.score = task.score(self.validation)
            self.logs.write(0, validation=self.score, **task.figures())
            self._best(task)
        self.clock = time.perf_counter()
        if self.random_states:
            restore_random_states(self.random_states)

    def on_train_batch_end(self, trainer, task, outputs, batch, batch_idx):
        self.losses.append(task.last["loss"])
        self.images += task.recipe.batch
        self.bar.update()
        due = task.step % task.recipe.every == 0 or task.step == task.recipe.steps
        if task.step % LOG_EVERY == 0 or due:
            self._report(task)
        if due:
            self._keep(task)

    def close(self) -> None:
        self.bar.close()
        self.logs.close()

    def _report(self, task) -> None:
        passed = time.perf_counter() - self.clock
        values = {
            "loss": sum(self.losses) / len(self.losses), "gradient_norm": task.last["gradient_norm"],
            "lr": task.recipe.lr_at(task.step - 1), "images_per_second": self.images / passed, "rollbacks": task.rollbacks,
            **task.figures(),
        }
        if self.validation and (task.step % task.recipe.every == 0 or task.step == task.recipe.steps):
            self.score = values["validation"] = task.score(self.validation)
        self.logs.write(task.step, **values)
        self.bar.set_postfix_str(f"{values['loss']:.4g} {task.unit}, {values['images_per_second']:.1f} images/s")
        self.seconds += time.perf_counter() - self.clock
        self.losses, self.clock, self.images = [], time.perf_counter(), 0

    def _keep(self, task) -> None:
        self._best(task)
        # The state last: whoever dies before it has the same best model made again.
        write_state(self.state_file, {**task.keep(), "settings": self.settings, "seconds": self.seconds, "score": self.score})

    def _best(self, task) -> None:
        if self.score is not None and (task.best is None or self.score < task.best):
            task.best = self.score
            notes = {**self.settings, "steps": task.step, "unit": task.validation_unit or task.unit, "validation": self.score}
            checkpoints.save(task.averaged, self.out / "best.safetensors", notes)


def _batches(validation: Dataset | None, size: int) -> list:
    if validation is None:
        return []
    count = len(validation)
    return [default_collate([validation[i] for i in range(k, min(k + size, count))]) for k in range(0, count, size)]


@contextlib.contextmanager
def _quiet():
    """Lightning without its hints on how else things could be done, and without its traces in torch's global settings."""
    logger = logging.getLogger("pytorch_lightning")
    level = logger.level
    deterministic, warn_only = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    benchmark = torch.backends.cudnn.benchmark
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="pytorch_lightning")
            yield
    finally:
        logger.setLevel(level)
        torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)
        torch.backends.cudnn.benchmark = benchmark


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"{device.type}, {torch.get_num_threads()} threads"


def _commit() -> str | None:
    """The git commit of the source, if this is a checkout."""
    folder = Path(__file__).resolve().parents[2]
    if not (folder / ".git").exists():
        return None
    try:
        run = subprocess.run(["git", "rev-parse", "HEAD"], cwd=folder, capture_output=True, text=True)
    except OSError:
        return None
    return run.stdout.strip() or None
