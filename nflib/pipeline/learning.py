"""A job that leads from two folders to a restorer: law of the noise, denoiser taught with it, examples."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from .. import checkpoints, units
from ..data.contents import summary
from ..files import digest, read_json, write_json
from ..images import list_images, read, write
from ..training import Running, train_denoiser, train_law
from ..training.folders import BUNDLED
from ..training.stopping import Stopped
from .restoration import restored

# So many photos are shown before and after, their central windows of at most so many pixels.
EXAMPLES, SIDE = 4, 384


@dataclass(frozen=True)
class LearnedRestorer:
    """What :func:`learn_restorer` made.

    >>> made = LearnedRestorer(Path("run/law"), Path("run/restorer"), (5.8, 3.7, 6.3), ())
    >>> made.noise[1]
    3.7

    Attributes:
        law: file of the :class:`~nflib.models.NoiseLaw`.
        restorer: file of the denoiser, that of its last step.
        noise: deviation of the noise at middle grey, for red, green and blue, in grey levels.
        examples: pictures, each a degraded photo and beside it the restored one.
    """

    law: Path
    restorer: Path
    noise: tuple[float, float, float]
    examples: tuple[Path, ...]


def learn_restorer(
    clean: str | os.PathLike,
    degraded: str | os.PathLike,
    out: str | os.PathLike,
    *,
    steps: int | None = None,
    seed: int = 0,
    device: torch.device | str | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> LearnedRestorer:
    """Learn the law of the noise of degraded photos, teach a denoiser with it, and try it on some of them.

    Files are ``out/law/model.safetensors``, ``out/restorer/model.safetensors``, ``out/examples/`` and
    ``out/report.json``. Called again, an interrupted job goes on where it stopped.

    Args:
        clean, degraded: folders of photos of any sizes and formats, of different scenes, without pairs. The
            denoiser is taught on the clean ones and on the bundled photos that are not for validation.
        out: folder of the job.
        steps: of the denoiser; by default what its small size suggests.
        seed: of weights, crops and noise.
        device: of the denoiser, ``nflib.device()`` by default.
        say: is called with a line at the start of each part.

    Raises:
        ValueError: a folder has no usable photo, or ``out`` holds a job on other photos or with other
            settings.
        Stopped: by Ctrl-C or SIGTERM while the denoiser was taught, when its state was written.
    """
    out = Path(out)
    sides = {"clean": list_images(clean), "degraded": list_images(degraded)}
    job = {
        **{side: summary({file.name: digest(file) for file in files}) for side, files in sides.items()},
        "steps": steps,
        "seed": seed,
    }
    _claim(out / "job.json", job)
    law, restorer = (out / name / "model.safetensors" for name in ("law", "restorer"))
    say(f"1 of 3: the law of the noise, from {len(sides['clean'])} clean and {len(sides['degraded'])} photos")
    if not law.is_file():
        train_law(clean, degraded, law.parent)
    found: Any = checkpoints.load(law)
    middle = units.grey_levels(found.deviation(torch.full((3, 1, 1), 0.5))).flatten().tolist()
    where = units.device(device)
    say(f"2 of 3: a denoiser for noise of {' / '.join(f'{n:.1f}' for n in middle)} grey levels, on {where}")
    if not restorer.is_file():
        running = Running(device=where, resume=True)
        try:
            train_denoiser(
                [clean, BUNDLED], str(law), restorer.parent, steps=steps, seed=seed, running=running
            )
        except Stopped as stopped:
            stopped.args = (f"{out}: stopped at step {stopped.step}; the same command goes on",)
            raise
    say("3 of 3: examples")
    model: Any = checkpoints.load(restorer, device=where)
    examples = []
    for file in units.progress(sides["degraded"][:EXAMPLES], "examples"):
        image = _centre(read(file))
        after = restored(model, image.to(where), tile=512).cpu()
        examples.append(out / "examples" / f"{file.stem}.png")
        examples[-1].parent.mkdir(exist_ok=True)
        write(examples[-1], torch.cat((image, after), 2))
    made = LearnedRestorer(law, restorer, tuple(middle), tuple(examples))
    write_json(
        out / "report.json",
        {
            "noise at middle grey, grey levels": [round(level, 2) for level in made.noise],
            "last stage": found.config.last_stage,
            "law": {"file": str(law), **found.notes},
            "restorer": {"file": str(restorer), **model.notes},
            "examples": [str(file) for file in examples],
        },
    )
    return made


def _claim(record: Path, job: dict) -> None:
    """Note what a job is about, or make sure that it is the same as before."""
    if record.is_file():
        before = read_json(record)
        for name, value in job.items():
            if before.get(name) != value:
                raise ValueError(f"{record.parent}: was begun with other {name}; choose another folder")
    elif record.parent.is_dir() and any(record.parent.iterdir()):
        raise ValueError(f"{record.parent}: is not empty and holds no such job; choose another folder")
    record.parent.mkdir(parents=True, exist_ok=True)
    write_json(record, job)


def _centre(image: torch.Tensor) -> torch.Tensor:
    sides = [min(side, SIDE) for side in image.shape[1:]]
    top, left = ((length - side) // 2 for length, side in zip(image.shape[1:], sides))
    return image[:, top : top + sides[0], left : left + sides[1]]
