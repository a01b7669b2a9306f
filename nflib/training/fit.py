"""fit: train a task on numbered crops, killable at any moment."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import random
import signal
import warnings
from collections.abc import Iterator, Sized
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, default_collate

from .. import checkpoints, provenance, units
from .._compat import import_lightning
from ..data.contents import changes, check_unpaired, contents, summary
from ..data.kept import sharing
from ..files import damaged, json_text, made_folder
from ..noise import SeenContent
from ..processes import is_first, launched_by, wait
from .recipe import Recipe
from .recorder import Recorder
from .rehearsal import Rehearsal, rehearse
from .resuming import check_same, check_unwritten, say_schedule
from .running import Running, check_running, enough_memory
from .state import random_states, read_state, restore_random_states
from .stopping import Asked, Stopped, stop_request
from .tasks import Task

if TYPE_CHECKING:
    import pytorch_lightning as lightning
else:
    lightning = import_lightning()
# So many photos that changed are named.
NAMED = 3
# Crops by which is noted what was seen in training.
SEEN_CROPS = 256


def fit(
    task: Task,
    data: Dataset,
    out: str | os.PathLike,
    *,
    recipe: Recipe | None = None,
    validation: Dataset | None = None,
    seed: int = 0,
    running: Running = Running(),
) -> Path | Rehearsal:
    """Train, and write the model with averaged weights.

    In ``out``: ``model.safetensors`` (at the end, with notes), ``best.safetensors`` (smallest loss on the
    validation data so far), ``last.state`` (to resume from), ``metrics.csv`` and ``tensorboard/``. Each file
    is whole or not there. A run that was killed and is resumed on the same kind of device ends with the
    weights, bit for bit, that it would have had.

    Several devices, each with a process of its own, share every batch: with as many crops a step in all, the
    losses are those of one device, up to rounding. Of several machines all must see ``out`` and the photos.
    When one process dies, the others end too, and the run can be resumed, also on another number of devices.

    Args:
        task: what to train.
        data: numbered crops, such as :class:`~nflib.data.UnpairedImages` or
            :class:`~nflib.data.SuperResolutionImages`: ``data[i]`` for any i >= 0, always the same for the
            same i.
        out: folder of the run; made if it is not there.
        recipe: how to train, ``task.recipe`` by default.
        validation: as ``data``; its items 0 to ``len(validation) - 1`` are the validation set.
        seed: of all noise in training.
        running: on which devices, how precisely; whether to resume.

    Returns:
        The path of ``model.safetensors``; of a dry run, what it found.

    A run that is resumed may have more steps than before, also one that is finished. From there on all that
    depends on the number of steps, such as the learning rate, is that of the longer run; where it was so
    before, the weights are those that the longer run would have had from the start, else a logged line says
    that they are not.

    Raises:
        ValueError: ``out`` holds another run or a model, or another job is writing there, the photos are not
            those of the run that is resumed, the batch cannot be shared, a process died, or the loss is not
            finite again and again.
        Stopped: by Ctrl-C or SIGTERM, after the step and when the state is written; on several devices the
            state is the last regular one.
    """
    recipe = recipe or task.recipe
    units.check_seed(seed)
    device = units.device(running.device)
    check_running(running, device)
    if recipe.batch % (running.together * task.together):
        crops = "pairs of crops" if task.together == 2 else "crops"
        raise ValueError(
            f"batch must share equally many {crops} among {running.together} devices, got {recipe.batch}"
        )
    if running.dry_run:
        return rehearse(task, data, recipe=recipe, seed=seed, running=replace(running, device=device))
    out = Path(out)
    state_file, model_file = out / "last.state", out / "model.safetensors"
    photos = len(cast("Sized", data))
    settings: dict[str, Any] = {
        "task": type(task).__name__,
        "model": json_text(checkpoints.files.plain(task.model.config)),
        "seed": seed,
        "recipe": json_text(dataclasses.asdict(recipe)),
        "crops": f"{type(data).__name__}, {photos} photos, {getattr(data, 'crop', '')}",
        "precision": running.precision,
        **task.notes,
    }
    if state_file.exists() and not running.resume:
        raise ValueError(f"{out}: holds a run already; resume it or choose another folder")
    if not state_file.exists():
        check_unwritten(out)
    saved: Any = read_state(state_file) if state_file.exists() else None
    read = contents(data) | {f"validation/{name}": value for name, value in contents(validation).items()}
    check_unpaired(read)
    if saved and (changed := changes(saved.get("photos", read), read)):
        more = f" and {len(changed) - NAMED} more" if len(changed) > NAMED else ""
        raise ValueError(
            f"{out}: the photos are not those of the run: {'; '.join(changed[:NAMED])}{more}; choose another "
            "folder"
        )
    if saved:
        check_same(out, saved, settings, task.notes)
        say_schedule(out, saved, recipe)
    settings |= {"photos": summary(read)} if read else {}
    if saved and "seen" in saved["settings"]:
        settings["seen"] = saved["settings"]["seen"]
    elif (seen := _seen(task, data)) is not None:
        settings["seen"] = dataclasses.asdict(seen)
    if is_first():
        begun = f"step {saved['step']} to {recipe.steps}" if saved else f"{recipe.steps} steps"
        where = f"{running.together} devices" if running.together > 1 else provenance.device_name(device)
        units.say(
            f"{settings['task'].removesuffix('Task')}: {len(read) or photos} photos, {begun} of "
            f"{recipe.batch} crops, on {where}, written to {out}"
        )

    before = random_states()
    with contextlib.ExitStack() as held:
        held.enter_context(made_folder(out))
        held.callback(restore_random_states, before)
        held.enter_context(sharing(running.photo_processes))
        stop = held.enter_context(stop_request(at_once=running.together > 1))
        torch.manual_seed(seed)
        np.random.seed(seed % 2**32)
        random.seed(seed)
        with _quiet():
            recorder = Recorder(out, state_file, settings, validation, saved)
            recorder.photos, recorder.stop, recorder.held = read, stop, held
            trainer = _trainer(device, running, task.unused, recorder)
            task.to(trainer.strategy.root_device)
            first = default_collate([data[i] for i in range(recipe.batch)])
            with enough_memory(recipe.batch):
                task.begin(recipe, seed, task.transfer_batch_to_device(first, task.device, 0), running)
            if saved:
                with damaged(state_file, "not a state of this training"):
                    task.restore(saved)
                    restore_random_states(saved["random"])
            recorder.random_states = (saved or task.keep())["random"]
            if task.step < recipe.steps:
                loader = DataLoader(
                    data,
                    batch_sampler=_Steps(task.step, recipe, trainer),
                    num_workers=running.workers,
                    pin_memory=device.type == "cuda",
                    # its own: making workers must not use up random numbers of the training
                    generator=torch.Generator(),
                )
                try:
                    _run(trainer, task, loader)
                except Asked:
                    if not trainer.is_global_zero:  # the first process says it
                        raise SystemExit(1) from None
                    raise Stopped(stop.signal or signal.SIGTERM, task.step, out) from None
            elif trainer.is_global_zero:
                recorder.finish(task, trainer)
    return model_file


def _seen(task: Task, data: Any) -> SeenContent | None:
    """What photos show on which the noise is seen, by the first crops of some."""
    if task.seen is not None:
        return task.seen
    found = [image for i in range(SEEN_CROPS) if (image := task.noisy(data[i])) is not None]
    return SeenContent.of(found) if found else None


def _trainer(device: torch.device, running: Running, unused: bool, recorder: Recorder) -> lightning.Trainer:
    from pytorch_lightning.plugins.environments import LightningEnvironment

    together = running.together > 1
    if together:
        start: Any = {"ddp": "popen", "ddp_fork": "fork"}[running.strategy]
        how = lightning.strategies.DDPStrategy(
            find_unused_parameters=unused, broadcast_buffers=False, start_method=start
        )
    # alone, it starts further processes itself, whatever a batch system says of the whole job
    plugins: Any = [LightningEnvironment()] if launched_by() is None else None
    one = [device.index or 0] if device.type == "cuda" else 1
    return lightning.Trainer(
        accelerator={"cuda": "gpu"}.get(device.type, device.type),
        devices=running.devices if together else one,
        num_nodes=running.nodes,
        strategy=how if together else "auto",
        plugins=plugins,
        max_epochs=1,
        logger=False,
        callbacks=[recorder],
        deterministic="warn",
        benchmark=False,
        use_distributed_sampler=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def _run(trainer: lightning.Trainer, task: Task, loader: DataLoader) -> None:
    try:
        with enough_memory(task.recipe.batch // trainer.world_size):
            trainer.fit(task, loader)
    except (
        torch.multiprocessing.ProcessRaisedException
    ) as error:  # a forked process; its own message ends the report
        raise ValueError(str(error).strip().splitlines()[-1]) from error
    except torch.multiprocessing.ProcessExitedException as error:
        raise ValueError(
            f"the training was stopped since one of its processes died ({error}); it can be resumed"
        ) from None
    except SystemExit:  # Lightning's answer to SIGTERM, where several devices share the batch
        raise Asked from None
    except RuntimeError as error:  # the others notice when they exchange gradients
        if isinstance(error, torch.distributed.DistError) or "gloo" in str(error):
            raise ValueError(
                f"the training was stopped since one of its processes died ({error}); it can be resumed"
            ) from error
        raise
    wait()  # until the model is written


class _Steps(torch.utils.data.Sampler):
    """This process's share of the crops of each step: step k has numbers k*batch to (k+1)*batch - 1."""

    def __init__(self, start: int, recipe: Recipe, trainer: lightning.Trainer):
        self.start, self.recipe, self.trainer = start, recipe, trainer

    def __len__(self):
        return self.recipe.steps - self.start

    def __iter__(self):
        share = self.recipe.batch // self.trainer.world_size
        for step in range(self.start, self.recipe.steps):
            first = step * self.recipe.batch + self.trainer.global_rank * share
            yield list(range(first, first + share))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Lightning without its hints on how else things could be done, and without its traces in torch's global
    settings.
    """
    loggers = [logging.getLogger(name) for name in ("pytorch_lightning", "lightning_fabric")]
    levels = [logger.level for logger in loggers]
    deterministic, warn_only = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    benchmark = torch.backends.cudnn.benchmark
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="pytorch_lightning")
            # of 1x1 convolutions, for which it makes no difference
            warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides")
            yield
    finally:
        for logger, level in zip(loggers, levels):
            logger.setLevel(level)
        torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)
        torch.backends.cudnn.benchmark = benchmark
