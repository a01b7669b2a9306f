"""What a training writes while it runs: the log, the best model, the state to resume from, and the model."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import time
from collections.abc import Sized
from pathlib import Path
from typing import TYPE_CHECKING, cast

import torch
from torch.utils.data import Dataset, default_collate

from .. import __version__, checkpoints, provenance, scores, units
from .._compat import import_lightning
from ..files import is_temporary_of
from ..processes import claimed
from .logs import Log
from .state import random_states, restore_random_states, write_state
from .stopping import Asked, StopRequest

if TYPE_CHECKING:
    import pytorch_lightning as lightning
else:
    lightning = import_lightning()
LOG_EVERY = 10
# What a run writes as a whole, or not at all.
FILES = {
    *(f"{name}{end}" for name in ("model", "best") for end in (".safetensors", ".json")),
    "last.state",
    "metrics.csv",
}


class Recorder(lightning.Callback):
    """Logs, shows progress, validates and keeps the state; of several processes only the first does."""

    random_states: dict
    photos: dict[str, str]
    stop: StopRequest
    held: contextlib.ExitStack

    def __init__(
        self, out: Path, state_file: Path, settings: dict, validation: Dataset | None, saved: dict | None
    ):
        self.out, self.state_file, self.settings, self.validation = out, state_file, settings, validation
        self.seconds: float = saved["seconds"] if saved else 0.0
        self.score: float | None = saved["score"] if saved else None
        self.losses: list[float] = []
        self.images = 0
        self.logs: Log | None = None

    def on_train_start(self, trainer, task) -> None:
        restore_random_states(self.random_states)  # the same in every process, whatever it took to start them
        if trainer.is_global_zero:
            self.held.enter_context(claimed(self.out))  # only now it is known which process is the first
            for rest in self.out.glob(".*.part"):  # of a run that was killed while it wrote
                if is_temporary_of(rest, FILES):
                    rest.unlink()
            self.batches = _batches(self.validation, task.recipe.batch)
            logs = self.logs = Log(self.out, task.step, task.figures())
            self.bar = units.progress(None, type(task).__name__.removesuffix("Task"), total=task.recipe.steps)
            self.bar.update(task.step)
            if self.batches and task.step == 0:
                # a good start may be the best there is
                score = self._validate(task)
                logs.write(0, validation=score, **task.figures())
                self._best(task)
        self.clock = time.perf_counter()

    def on_train_batch_end(self, trainer, task, outputs, batch, batch_idx) -> None:
        due = task.step % task.recipe.every == 0 or task.step == task.recipe.steps
        if trainer.is_global_zero:
            self.losses.append(task.last["loss"])
            self.images += task.recipe.batch
            self.bar.update()
            if task.step % LOG_EVERY == 0 or due:
                self._report(task)
            if due:
                self._keep(task)
            if self.stop.signal is not None:
                if not due:
                    self._keep(task)
                raise Asked
        elif due:
            task.keep()  # to roll back to what the others roll back to

    def on_train_end(self, trainer, task) -> None:
        if trainer.is_global_zero:
            self._close()
            self.finish(task, trainer)

    def on_exception(self, trainer, task, exception) -> None:
        with contextlib.suppress(OSError):  # of a full disk the first error tells
            self._close()

    def finish(self, task, trainer) -> None:
        """Write the model."""
        device, settings = trainer.strategy.root_device, self.settings
        processes = {"processes": trainer.world_size} if trainer.world_size > 1 else {}
        notes = {
            **settings,
            "model": checkpoints.files.plain(task.model.config),
            "recipe": dataclasses.asdict(task.recipe),
            "steps": task.step,
            "device": provenance.device_name(device),
            **processes,
            "unit": task.unit,
            "validation": self.score,
            "validation_unit": task.validation_unit or task.unit,
            "nflib": __version__,
            "torch": torch.__version__,
            "lightning": lightning.__version__,
            "commit": provenance.commit(),
        }
        file = self.out / "model.safetensors"
        checkpoints.save(task.averaged.cpu(), file, notes, seconds=round(self.seconds))

    def _close(self) -> None:
        if self.logs is not None:
            self.bar.close()
            self.logs.close()
            self.logs = None

    def _report(self, task) -> None:
        passed, loss = time.perf_counter() - self.clock, scores.mean(self.losses)
        values = {
            "loss": loss,
            "gradient_norm": task.last["gradient_norm"],
            "lr": task.recipe.lr_at(task.step - 1),
            "images_per_second": self.images / passed,
            "rollbacks": task.rollbacks,
            **task.figures(),
        }
        if self.batches and (task.step % task.recipe.every == 0 or task.step == task.recipe.steps):
            values["validation"] = self._validate(task)
        assert self.logs is not None
        self.logs.write(task.step, **values)
        shown = "not finite" if loss is None else f"{loss:.4g} {task.unit}"
        self.bar.set_postfix_str(f"{shown}, {values['images_per_second']:.1f} images/s")
        self.seconds += time.perf_counter() - self.clock
        self.losses, self.clock, self.images = [], time.perf_counter(), 0

    def _validate(self, task) -> float | None:
        """The score; None, and it is said, where it is not finite."""
        states = random_states()
        found = task.score(self.batches)
        restore_random_states(states)  # the other processes did not validate
        self.score = scores.or_none(found)
        if self.score is None:
            logging.getLogger(__name__).warning(
                "step %d: the validation is not finite (%s); it counts for nothing", task.step, found
            )
        return self.score

    def _keep(self, task) -> None:
        self._best(task)
        # The state last: whoever dies before it has the same best model made again.
        write_state(
            self.state_file,
            {
                **task.keep(),
                "settings": self.settings,
                "photos": self.photos,
                "seconds": self.seconds,
                "score": self.score,
            },
        )

    def _best(self, task) -> None:
        if task.chooses(task.step) and scores.is_better(self.score, task.best):
            task.best = self.score
            notes = {
                **self.settings,
                "steps": task.step,
                "unit": task.validation_unit or task.unit,
                "validation": self.score,
            }
            checkpoints.save(task.averaged, self.out / "best.safetensors", notes)


def _batches(validation: Dataset | None, size: int) -> list:
    if validation is None:
        return []
    count = len(cast("Sized", validation))
    return [
        default_collate([validation[i] for i in range(k, min(k + size, count))])
        for k in range(0, count, size)
    ]
