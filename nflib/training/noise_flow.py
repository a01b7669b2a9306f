"""Training of a flow of the noise itself, on flat windows of two folders without pairs.

Where photos are flat there is little but noise, so that the likelihood of what is seen there is that of the
noise. What it takes beyond the law of the noise, at which it starts:

- photos hold grey levels and are clipped. The likelihood of a value is the probability of its level, that of
  black all that lies below; an atom, such as the pixels that impulses leave alone, then has no density to run
  away with;
- a little content is left. What clean flat windows show of it, value by value, is added to the noise: the
  probability of a level is the mean over the content's quantiles;
- the colour of a window is the one for which it is most likely, since impulses move the mean.

So the strength and the curves are learned by the exact likelihood of every value, and the filter by the exact
likelihood of the noise fields given these (inference for margins: Joe, Dependence Modeling with Copulas,
2014, section 5.5). The field of a window is drawn from what its levels leave open: randomised quantile
residuals (Dunn and Smyth, 1996).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import Dataset

from ..models import NoiseFlow, NoiseFlowConfig
from ..models.noise_flow import FLOOR
from ..noise import FlatWindows, flat_windows
from ..noise.windows import usual_side
from ..transforms.filter import circular_filter
from ..units import numbered_generator, rand
from .fit import fit
from .folders import Folder, known_size
from .last_stage import known_stage
from .law_found import find_law
from .photo_stream import PhotoStream
from .recipe import Recipe, Usual
from .rehearsal import Rehearsal
from .resuming import resumed
from .running import Running
from .tasks import Task

LEVELS = 256
BLACK, WHITE = 0.5 / 255, 254.5 / 255
# The content of windows comes in so many kinds, by how much it varies, and in half grey levels up to half as
# many levels to either side.
KINDS, HALVES = 4, 96
# The colour of a window is looked for so many half levels around its mean.
SHIFTS = 24
# The filter learns from so many windows of a batch.
FIELDS = 4
# What holds the curves in the middle, in nats: since colours are found by the noise, nothing else does. The
# mean of the noise is taken out when it is used.
PIN = 0.01
# What is seen may always be something else, with so much probability: no value is infinitely unlikely.
OUTLIERS = 1e-6
# The filter starts near its end, and moves less.
FILTER_RATE = 0.05
# Further out than this, in deviations, nothing is distinguished.
FARTHEST = 38.0
# Curves start at quantiles up to so many deviations of the normal law; what is clipped, at this share of the
# bound.
SCORES, FAR = 3.5, 0.9
SMALL = Recipe(
    steps=300, batch=16, lr=0.05, betas=(0.9, 0.99), milestones=(0.5, 0.75, 0.9), average=0.9, every=100
)
USUAL = {"small": Usual(SMALL, 32), "full": Usual(replace(SMALL, steps=2000, batch=32), 32)}


class NoiseFlowTask(Task):
    """Minus the log-likelihood of flat degraded windows, nats per 8-bit value. Batches are (image, domain).

    Args:
        model: a :class:`~nflib.models.NoiseFlow`.
        content: how likely each value of the content is, of ``content_of``; by default there is none.
        filtered: whether the filter is trained, which cannot be where all channels have the same noise.
    """

    model: NoiseFlow
    content: Tensor
    recipe = SMALL
    unit = "nats per value"

    def __init__(
        self,
        model: NoiseFlow,
        *,
        content: Tensor | None = None,
        filtered: bool = True,
    ):
        super().__init__(model)
        nothing = F.pad(torch.ones(1, 3, 1, dtype=torch.float64), (HALVES, HALVES))
        self.register_buffer("content", nothing if content is None else content)
        self.filtered = filtered
        model.mixing.requires_grad_(filtered)

    def parameter_groups(self) -> list[tuple[list[nn.Parameter], float]]:
        taps = list(self.model.mixing.parameters())
        others = [self.model.bend, *self.model.spline.parameters()]
        return [(others, 1.0), (taps, FILTER_RATE)]

    def example(self, image: Tensor) -> tuple[Tensor, Tensor]:
        return image, torch.ones(len(image), dtype=torch.long)

    def loss(self, model, batch, generator) -> Tensor:
        image, domain = batch
        windows = image[domain == 1].double()
        if isinstance(generator, Sequence):
            generator = [generator[i] for i in (domain == 1).nonzero()[:, 0].tolist()]
        levels = (windows * (LEVELS - 1)).round().long().flatten(2)
        counts = torch.zeros(*levels.shape[:2], LEVELS, dtype=windows.dtype, device=windows.device)
        counts.scatter_add_(2, levels, torch.ones_like(levels).to(counts))
        edges = self._edges(model, self._colours(model, counts))
        given = given_content(edges)
        likely = (1 - OUTLIERS) * torch.einsum("bcjn,kcn->bkcj", given, self.content) + OUTLIERS / LEVELS
        kinds = (likely.log() * counts[:, None]).sum((2, 3))
        loss = (math.log(len(self.content)) - kinds.logsumexp(1)).mean() / levels[0].numel()
        loss = loss + PIN * model.spline(torch.zeros_like(windows[:1, :, :1, :1]))[0].square().mean()
        if not self.filtered:
            return loss
        few = slice(FIELDS)
        content = self.content[kinds[few].argmax(1)]
        field = drawn(given[few].detach() * content[:, :, None], edges[few].detach(), levels[few], generator)
        field = field.view_as(windows[few])
        white, log_det = circular_filter(field, model.filter().double(), inverse=True)
        gained = (field.square() - white.square()).sum((1, 2, 3)) / 2 + log_det
        return loss - gained.mean() / levels[0].numel()

    @torch.no_grad()
    def _colours(self, model: NoiseFlow, counts: Tensor) -> Tensor:
        """The most likely colours (B, 3, 1, 1), to half a level, of windows with so many values of each level
        (B, 3, LEVELS): near the mean, which clipped impulses move.
        """
        seen = counts @ torch.arange(LEVELS).to(counts) / counts.sum(2)
        colours = (2 * seen).round()[..., None, None] / (2 * (LEVELS - 1))
        edges = self._edges(model, colours, SHIFTS)
        content = self.content.mean(0)[:, None]
        likely = F.conv1d(between(edges[..., :-2], edges[..., 2:]), content, groups=3)
        inner = counts.clone()
        inner[..., [0, -1]] = 0
        moved = (likely + OUTLIERS / LEVELS).log().unfold(2, 2 * LEVELS - 1, 1)[..., ::2]
        shift = SHIFTS - torch.einsum("bcsj,bcj->bcs", moved, inner).argmax(2)
        return (colours + shift[..., None, None] / (2 * (LEVELS - 1))).clamp(0, 1)

    def _edges(self, model: NoiseFlow, colours: Tensor, more: int = 0) -> Tensor:
        """Where every half of a grey level begins, from HALVES and some more below black to as many above
        white, on the scale on which the noise around colours (B, 3, 1, 1) is normal: (B, 3,
        2 LEVELS + 2 HALVES + 1 and twice as many more).
        """
        outside = HALVES + more
        halves = torch.arange(-outside, 2 * LEVELS + outside + 1, device=colours.device)
        noise = (halves.to(colours) - 1) / (2 * (LEVELS - 1)) - colours
        return model.spline(noise / model.unit(colours))[0].clamp(-FARTHEST, FARTHEST)[:, :, 0]


def content_of(clean: FlatWindows, kinds: int = KINDS) -> Tensor:
    """How likely each value of the content of flat windows is about their mean, in half grey levels:
    (kinds, 3, 2 HALVES + 1), of equally many windows each, those that vary least first. As it is used, from
    the largest value to the smallest.
    """
    values = 2 * (LEVELS - 1) * (clean.pixels - clean.pixels.mean((2, 3), keepdim=True))
    places = (HALVES - values.round()).clamp(0, 2 * HALVES).long().flatten(2)
    found = []
    for part in values.square().mean((1, 2, 3)).argsort(stable=True).tensor_split(kinds):
        chosen = places[part].transpose(0, 1).flatten(1)
        counts = torch.stack([channel.bincount(minlength=2 * HALVES + 1) for channel in chosen]).double()
        found.append(counts / counts.sum(1, keepdim=True))
    return torch.stack(found)


@torch.no_grad()
def start_curves(model: NoiseFlow, degraded: FlatWindows) -> None:
    """Let the curves go through quantiles of the noise of flat windows, content included; what is black or
    white may be far beyond.
    """
    inside = (degraded.pixels > BLACK) & (degraded.pixels < WHITE)
    middle = (degraded.pixels * inside).sum((2, 3), keepdim=True) / inside.sum((2, 3), keepdim=True).clamp(
        min=1
    )
    noise = (degraded.pixels - middle) / model.unit(middle)
    far = FAR * model.config.bound
    noise = noise.masked_fill(degraded.pixels <= BLACK, -far)
    noise = noise.masked_fill(degraded.pixels >= WHITE, far).transpose(0, 1).flatten(1)
    scores = torch.linspace(-SCORES, SCORES, model.config.bins - 1).to(noise)
    # closer where there is more
    scores = scores * (1 + (scores / SCORES).square()) / 2
    order = (torch.special.ndtr(scores) * noise.shape[1]).long().clamp(0, noise.shape[1] - 1)
    knots = noise.sort(1).values[:, order].clamp(-far, far)
    model.spline.set_knots(knots, scores.expand_as(knots))


def given_content(edges: Tensor) -> Tensor:
    """The probability of every level for every value of the content, (B, 3, LEVELS, 2 HALVES + 1): a level is
    two halves, from black on down and from white on up it is all that there is.

    Args:
        edges: of halves, standard normal, (B, 3, 2 LEVELS + 2 HALVES + 1).
    """
    wide = 2 * HALVES + 1
    levels = between(edges[..., :-2], edges[..., 2:]).unfold(-1, wide, 2)
    black = torch.special.ndtr(edges[..., 2 : 2 + wide])[..., None, :]
    white = torch.special.ndtr(-edges[..., -2 - wide : -2])[..., None, :]
    return torch.cat((black, levels[..., 1:-1, :], white), -2)


def between(low: Tensor, high: Tensor) -> Tensor:
    """The probability of a standard normal number between two others, float64, precise in both tails."""
    right = low > 0
    low, high = torch.where(right, -high, low), torch.where(right, -low, high)
    return torch.special.ndtr(high) - torch.special.ndtr(low)


def drawn(
    likely: Tensor,
    edges: Tensor,
    levels: Tensor,
    generator: torch.Generator | Sequence[torch.Generator] | None,
) -> Tensor:
    """Standard normal numbers (B, C, N) that levels may have come from: one of the content's values by its
    probability, then a number between the edges of the level.

    Args:
        likely: (B, C, LEVELS, 2 HALVES + 1), of every level and value of the content together.
        edges: of halves of levels, (B, C, 2 LEVELS + 2 HALVES + 1).
        levels: that are seen, (B, C, N).
    """
    until = likely.cumsum(3)
    until = until.gather(2, levels[..., None].expand(-1, -1, -1, until.shape[3]))
    if isinstance(generator, Sequence):
        generator = generator[: len(levels)]
    choice, place = rand((len(levels), 2, *levels.shape[1:]), likely, generator).unbind(1)
    content = torch.searchsorted(until, (choice * until[..., -1])[..., None])[..., 0]
    start = 2 * levels + content.clamp(max=until.shape[3] - 1)
    low = edges.gather(2, start).masked_fill(levels == 0, -FARTHEST)
    high = edges.gather(2, start + 2).masked_fill(levels == LEVELS - 1, FARTHEST)
    right = low > 0
    low, high = torch.where(right, -high, low), torch.where(right, -low, high)
    first, last = torch.special.ndtr(low), torch.special.ndtr(high)
    found = torch.special.ndtri((first + place * (last - first)).clamp(1e-300, 1 - 1e-16))
    return torch.where(right, -found, found)


class FlatCrops(Dataset):
    """Flat windows again and again, each as (image, domain): every number stands for one of them, by chance.

    >>> windows = FlatWindows(torch.zeros(5, 3, 8, 8), torch.zeros(5), 1.0)
    >>> image, domain = FlatCrops(windows, seed=0)[7]
    >>> tuple(image.shape), domain.item()
    ((3, 8, 8), 1)
    """

    def __init__(self, windows: FlatWindows, seed: int):
        self.pixels, self.seed = windows.pixels.float(), seed
        self.crop = windows.pixels.shape[-1]

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        turn, place = divmod(index, len(self))
        order = torch.randperm(len(self), generator=numbered_generator(self.seed, 2, turn))
        return self.pixels[order[place]], torch.tensor(1)


def noise_flow_config(size: str) -> NoiseFlowConfig:
    """The configuration, which is the same for both sizes: "full" is trained longer."""
    known_size(size)
    return NoiseFlowConfig()


def train_noise_flow(
    clean: Folder,
    degraded: Folder,
    out: Folder,
    *,
    size: str = "small",
    last_stage: str = "auto",
    steps: int | None = None,
    batch: int | None = None,
    crop: int | None = None,
    lr: float | None = None,
    seed: int = 0,
    running: Running = Running(),
) -> Path | Rehearsal:
    """Learn the distribution of a noise without pairs: strength by colour, form of its values, correlation.

    It starts at the law of the noise (:func:`nflib.training.find_law`) and goes on by likelihood on the
    flattest windows of the degraded photos. Grey photos get grey noise, whose filter is the law's.

    Args:
        clean: folder of photos of any sizes and formats.
        degraded: folder of degraded photos of other scenes.
        out: folder of the run, see :func:`nflib.training.fit`.
        size: "small" (seconds to a minute) or "full" (longer).
        last_stage: what came after the noise: "auto" looks for JPEG in the photos. There must be none, which
            "none" says without looking.
        steps, batch, lr: what the size suggests, by default.
        crop: side of the windows in pixels; by default 32, or 16 where photos are few.
        seed: of the order of the windows and of what rounding left open.
        running: see :class:`nflib.training.Running`.

    Returns:
        The path of ``model.safetensors``, a :class:`~nflib.models.NoiseFlow`.

    Raises:
        ValueError: a folder has no usable photo, or the degraded photos went through JPEG, after which their
            values do not tell the form of the noise before it.
    """
    usual = USUAL[known_size(size)].but(steps=steps, batch=batch, lr=lr)
    stage = known_stage(last_stage, clean, degraded)
    if stage is not None:
        raise ValueError(
            f"{degraded}: went through {stage} last, after which values do not tell how the noise before it "
            f"is distributed; expected no last stage. The training law finds its strength and correlation"
        )
    sides = PhotoStream(clean), PhotoStream(degraded)
    side = crop or usual_side(*(photos.sizes for photos in sides))
    noisy = flat_windows(sides[1].read, len(sides[1]), side=side, constant=True)
    windows = [flat_windows(sides[0].read, len(sides[0]), side=side, constant=noisy.bordered), noisy]
    grey = bool((windows[1].pixels == windows[1].pixels[:, :1]).all())
    model = NoiseFlow(noise_flow_config(size))
    if resumed(out, running) is None and not running.dry_run:
        model.start(find_law(clean, degraded, last_stage="none").law, floor=0.0 if grey else FLOOR)
        start_curves(model, windows[1])
    task = NoiseFlowTask(model, content=content_of(windows[0]), filtered=not grey)
    task.seen = sides[1].seen
    return fit(task, FlatCrops(windows[1], seed), out, recipe=usual.recipe, seed=seed, running=running)
