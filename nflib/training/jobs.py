"""Training on folders, as the command line offers it: folders in, a folder of the run out."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Unpack

import torch
from torch.utils.data import Dataset, Subset

from .. import checkpoints, degraders
from ..data import ColourMatch, ImageCrops, SuperResolutionImages, UnpairedImages, channel_statistics
from ..data.folders import numbered_generator
from ..metrics import MissingWeights
from ..models import DeFlow, DnCNN, ESRGANDiscriminator, Glow, LowLightFlow, RefinementConfig, RefinementNet, RRDBNet, SRFlow, linear_start
from ..models.esrgan import vgg19_features
from .deflow import DeFlowTask, dequantised
from .esrgan import ESRGANTask
from .fit import fit
from .rehearsal import Rehearsal
from .restorer import LowLightTask, RestorerTask, held_out_pairs, restoration_pairs
from .running import Running
from .sizes import DEFAULTS, deflow_config, discriminator_config, dncnn_config, glow_config, known_size, low_light_config, rrdb_config, srflow_config
from .tasks import GlowTask, RRDBTask, SRFlowTask, Task
from .unpaired import Folder, first_crops, unpaired_folders

DEFLOW_DEFAULTS = {"small": {"steps": 300, "batch": 8, "crop": 64}, "full": {"steps": 100_000, "batch": 8, "crop": 160}}
RESTORATIONS = ("denoise", "sr", "lowlight")
# Steps, batch, crop and learning rate of a restorer, by task and size.
RESTORER_DEFAULTS = {
    ("denoise", "small"): (1500, 8, 40, 1e-3), ("denoise", "full"): (200_000, 16, 64, 1e-3),
    ("sr", "small"): (600, 8, 64, 1e-3), ("sr", "full"): (200_000, 16, 128, 2e-4),
    ("lowlight", "small"): (800, 8, 64, 2e-3), ("lowlight", "full"): (45_000, 16, 160, 5e-4),
}
LOSSES = ("pixel", "gan")
# The same of a super-resolver against a discriminator, by size.
GAN_DEFAULTS = {"small": (1000, 8, 64, 1e-3), "full": (60_000, 16, 128, 1e-4)}
# Crops are at least this many pixels at the low resolution, unless a crop is asked for.
SMALLEST_LOW_RESOLUTION = 24
HELD_OUT_CROPS = 64
# Crops of each domain for the linear start.
START_CROPS = 1024


def train_srflow(
    hr: Folder, out: Folder, scale: int = 4, size: str = "small", encoder: Folder | None = None, validation: Folder | None = None,
    steps: int | None = None, batch: int | None = None, crop: int | None = None, lr: float | None = None, seed: int = 0,
    reversible: bool = False, **running: Unpack[Running],
) -> Path | Rehearsal:
    """Train an SRFlow on a folder of high-resolution photos; the low-resolution ones are made from them.

    Args:
        hr: photos of any size and format.
        out: folder of the run, see :func:`nflib.training.fit`.
        scale: 2, 4, 8 or 16.
        size: "small" (a laptop) or "full" (as published).
        encoder: a trained RRDBNet of the same size to start from, a file or the name of a bundled model.
        validation: other photos, by which the best model is chosen.
        steps, batch, crop, lr: what the size suggests, by default.
        seed: of weights, crops and noise.
        reversible: see :class:`~nflib.models.SRFlowConfig`.
        running: see :class:`nflib.training.Running`.

    Returns:
        The path of the model.
    """
    config = replace(srflow_config(size, scale), reversible=reversible)
    _check_crop(crop, 2**config.levels)
    torch.manual_seed(seed)
    model = SRFlow(config)
    if encoder is not None:
        start = checkpoints.load(encoder)
        if getattr(start, "config", None) != config.encoder:
            raise ValueError(f"{encoder}: expected an RRDBNet with {config.encoder}, found {type(start).__name__} with {start.config}")
        model.encoder.load_state_dict(start.state_dict())
    crop = crop or DEFAULTS[size]["crop"]
    data, held_out = _folders(SuperResolutionImages, hr, validation, seed, scale=scale, crop=crop)
    return _train(SRFlowTask(model), data, held_out, out, size, steps, batch, lr, seed, **running)


def train_deflow(
    clean: Folder, degraded: Folder, out: Folder, scale: int = 4, size: str = "small", validation_clean: Folder | None = None,
    validation_degraded: Folder | None = None, match_colours: bool = False, steps: int | None = None, batch: int | None = None,
    crop: int | None = None, lr: float | None = None, seed: int = 0,
    reversible: bool = False, **running: Unpack[Running],
) -> Path | Rehearsal:
    """Learn a degradation from two folders without pairs. It starts at the linear solution (:func:`nflib.models.linear_start`),
    which is good already, and goes on from there.

    Args:
        clean, degraded: photos of any sizes and formats, of different scenes.
        scale: the condition is so much smaller than the image: 4 for fine noise, 8 for coarse.
        size: "small" (minutes on a laptop) or "full" (as large as published).
        validation_clean, validation_degraded: other photos of both kinds, by whose noise spectra the best model is chosen; by
            default the training photos themselves.
        match_colours: bring the degraded photos to the colours of the clean ones first (and what is degraded later, back): for
            folders whose colours differ for reasons other than the degradation.
        others: as for :func:`train_srflow`.

    Returns:
        The path of ``best.safetensors``: the best by noise spectrum, which is not the last and not the most likely.
    """
    config = replace(deflow_config(size, scale), matched=match_colours, reversible=reversible)
    _check_crop(crop, 2**config.levels)
    default = DEFLOW_DEFAULTS[size]
    crop = crop or default["crop"]
    batch = batch or default["batch"]
    align = 2**config.levels  # where blocks of JPEG files and of the flow begin
    match = ColourMatch(channel_statistics(degraded), channel_statistics(clean)) if match_colours else None
    data, held_out = unpaired_folders(
        clean, degraded, validation_clean, validation_degraded, crop, crop, batch, seed, align, match
    )
    torch.manual_seed(seed)
    model = DeFlow(config)
    if match is not None:
        model.set_colours(match)
    start_linear(model, data, seed)
    chosen = {"steps": steps or default["steps"], "batch": batch, **({} if lr is None else {"lr": lr})}
    recipe = replace(DeFlowTask.recipe, **chosen)
    return _best(fit(DeFlowTask(model), data, out, recipe, held_out, seed, **running))


def start_linear(model: DeFlow, data: UnpairedImages, seed: int, closed_form: bool = True) -> None:
    """Set a new model to the linear solution of START_CROPS crops of each domain, which are not those of the first steps."""
    generator = numbered_generator(seed, 2)
    crops = (dequantised(images, generator) for images in first_crops(data, START_CROPS))
    linear_start(model, *crops, closed_form, generator=generator)


def train_rrdb(
    hr: Folder, out: Folder, scale: int = 4, size: str = "small", validation: Folder | None = None, steps: int | None = None,
    batch: int | None = None, crop: int | None = None, lr: float | None = None, seed: int = 0, **running: Unpack[Running],
) -> Path | Rehearsal:
    """Train an RRDBNet by mean absolute error: a super-resolver by itself, or the start of an SRFlow's encoder.

    Arguments as for :func:`train_srflow`.
    """
    torch.manual_seed(seed)
    model = RRDBNet(rrdb_config(size, scale))
    data, held_out = _folders(SuperResolutionImages, hr, validation, seed, scale=scale, crop=crop or DEFAULTS[size]["crop"])
    return _train(RRDBTask(model), data, held_out, out, size, steps, batch, lr, seed, **running)


def train_restorer(
    clean: Folder, degrader: str, out: Folder, task: str = "denoise", scale: int = 2, size: str = "small", loss: str = "pixel",
    start: Folder | None = None, vgg: Folder | None = None, validation_clean: Folder | None = None,
    validation_degraded: Folder | None = None, steps: int | None = None, batch: int | None = None, crop: int | None = None,
    lr: float | None = None, seed: int = 0, **running: Unpack[Running],
) -> Path | Rehearsal:
    """Train a restorer on synthetic pairs: crops of clean photos, and what a degrader makes of them, anew every time.

    Args:
        clean: photos of any sizes and formats.
        degrader: what :func:`nflib.degraders.load` takes. It is computed on the CPU, where crops are prepared.
        task: "denoise", a DnCNN; "sr", a RefinementNet ("small") or an RRDBNet ("full"), from photos that are made smaller and then
            degraded; or "lowlight", a LowLightFlow, for degraders that darken, such as "dark+MODEL".
        scale: of super-resolution, 2, 4, 8 or 16.
        loss: "pixel", mean squared error of denoising, mean absolute error of super-resolution, which end in the mean of all that is
            possible, and the likelihood of low light; "gan", for super-resolution: ESRGAN's, which make natural texture
            (:class:`nflib.training.ESRGANTask`).
        start: a trained restorer to go on with, a file or the name of a bundled model; it may be of another size. Without it a training
            by loss "gan" begins with one by loss "pixel", in the folder ``out/start``, with the same steps, batch and crop if they are
            given.
        vgg: weights of torchvision's ``vgg19`` for the perceptual part of loss "gan"; by default where torch keeps them. Where they are
            missing this part is left out, with a warning.
        validation_clean, validation_degraded: true pairs of other photos, with equal names, by whose loss the best model is chosen;
            for super-resolution the degraded ones are smaller by the scale.
        others: as for :func:`train_srflow`.

    Returns:
        The path of the model: ``model.safetensors``, or ``best.safetensors`` with validation and loss "pixel". By loss "gan" the last
        model is the one, as no loss on pairs tells which looks most natural.
    """
    if task not in RESTORATIONS:
        raise ValueError(f"task must be one of {', '.join(RESTORATIONS)}, got {task!r}")
    if loss not in LOSSES:
        raise ValueError(f"loss must be one of {', '.join(LOSSES)}, got {loss!r}")
    if loss == "gan" and task != "sr":
        raise ValueError(f"loss gan needs the task sr, got {task}")
    if loss != "gan" and vgg is not None:
        raise ValueError(f"vgg is for the loss gan, got {loss}")
    if (validation_clean is None) != (validation_degraded is None):
        raise ValueError("validation needs both folders, clean and degraded, or none")
    known_size(size)
    torch.manual_seed(seed)
    model = _restorer(task, scale, size, start)
    if task == "lowlight":
        _check_crop(crop, 2**model.config.levels)
    asked = {"steps": steps, "batch": batch, "crop": crop}
    default = GAN_DEFAULTS[size] if loss == "gan" else RESTORER_DEFAULTS[task, size]
    if task == "sr" and crop is None:
        crop = max(default[2], SMALLEST_LOW_RESOLUTION * scale)
    steps, batch, crop, lr = (usual if given is None else given for given, usual in zip((steps, batch, crop, lr), default))
    data = restoration_pairs(task, clean, degraders.load(degrader), scale, crop, seed)
    held_out = None if validation_clean is None else held_out_pairs(task, validation_clean, validation_degraded, scale, crop, seed + 1)
    _report_skipped(data, held_out)
    training = _restorer_task(model, task, loss, size, crop, vgg)
    training.notes |= {"degrader": str(degrader)} | ({} if start is None else {"start": str(start)})
    if loss == "gan" and start is None and not running.get("dry_run"):
        first = train_restorer(
            clean, degrader, Path(out) / "start", task, scale, size, validation_clean=validation_clean,
            validation_degraded=validation_degraded, **asked, seed=seed, **running,
        )
        model.load_state_dict(checkpoints.load(first).state_dict())
    recipe = replace((ESRGANTask if loss == "gan" else RestorerTask).recipe, steps=steps, batch=batch, lr=lr)
    subset = None if held_out is None else Subset(held_out, range(HELD_OUT_CROPS))
    done = fit(training, data, out, recipe, subset, seed, **running)
    return done if held_out is None or loss == "gan" else _best(done)


def _best(done: Path | Rehearsal) -> Path | Rehearsal:
    """The best model beside the last one that a training returned."""
    return done if isinstance(done, Rehearsal) else done.with_name("best.safetensors")


def _restorer(task: str, scale: int, size: str, start: Folder | None) -> DnCNN | RRDBNet | RefinementNet | LowLightFlow:
    """A new restorer, or a trained one to go on with."""
    if start is not None:
        model = checkpoints.load(start)
        kinds, wanted = {"denoise": ((DnCNN,), 1), "lowlight": ((LowLightFlow,), 1)}.get(task, ((RRDBNet, RefinementNet), scale))
        if not isinstance(model, kinds) or getattr(model.config, "scale", 1) != wanted:
            names = " or ".join(kind.__name__ for kind in kinds)
            raise ValueError(f"{start}: expected {names} of scale {wanted}, found {type(model).__name__} with {model.config}")
        return model
    if task == "denoise":
        return DnCNN(dncnn_config(size))
    if task == "lowlight":
        return LowLightFlow(low_light_config(size))
    return RefinementNet(RefinementConfig(scale)) if size == "small" else RRDBNet(rrdb_config(size, scale))


def _restorer_task(model: torch.nn.Module, task: str, loss: str, size: str, crop: int, vgg: Folder | None) -> Task:
    if task == "denoise":
        return RestorerTask(model)
    if task == "lowlight":
        return LowLightTask(model)
    if loss == "pixel":
        return RRDBTask(model)
    return ESRGANTask(model, ESRGANDiscriminator(discriminator_config(size, crop)), _perceptual_features(vgg))


def _perceptual_features(file: Folder | None) -> torch.nn.Module | None:
    try:
        return vgg19_features(file)
    except MissingWeights as error:
        logging.getLogger(__name__).warning("training goes without the perceptual loss: %s", error)
        return None


def train_glow(
    images: Folder, out: Folder, size: str = "small", validation: Folder | None = None, steps: int | None = None,
    batch: int | None = None, crop: int | None = None, lr: float | None = None, seed: int = 0,
    reversible: bool = False, **running: Unpack[Running],
) -> Path | Rehearsal:
    """Train a Glow on crops of a folder of photos. Arguments as for :func:`train_srflow`."""
    config = replace(glow_config(size), reversible=reversible)
    _check_crop(crop, 2**config.levels)
    torch.manual_seed(seed)
    data, held_out = _folders(ImageCrops, images, validation, seed, crop=crop or 32)
    return _train(GlowTask(Glow(config)), data, held_out, out, size, steps, batch, lr, seed, **running)


def _train(task: Task, data, held_out, out, size, steps, batch, lr, seed, **running) -> Path | Rehearsal:
    default = DEFAULTS[size]
    chosen = {"steps": default["steps"] if steps is None else steps, "batch": default["batch"] if batch is None else batch}
    if lr is not None:
        chosen["lr"] = lr
    return fit(task, data, out, replace(task.recipe, **chosen), held_out, seed, **running)


def _folders(kind: type[Dataset], images: Folder, validation: Folder | None, seed: int, **how) -> tuple[Dataset, Dataset | None]:
    data = kind(images, seed=seed, **how)
    held_out = None if validation is None else kind(validation, seed=seed + 1, **how)
    _report_skipped(data, held_out)
    return data, held_out


def _report_skipped(*datasets: Dataset | None) -> None:
    for line in (line for data in datasets if data is not None for line in data.skipped):
        logging.getLogger(__name__).warning("skipped %s", line)


def _check_crop(crop: int | None, multiple: int) -> None:
    if crop is not None and crop % multiple:
        raise ValueError(f"crop must be a multiple of {multiple}, got {crop}")
