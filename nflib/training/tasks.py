"""What is trained and by which loss: one small LightningModule per kind of model."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .._compat import import_lightning
from ..data.folders import numbered_generator
from ..flow import Dequantize
from ..units import bits_per_dim
from .averaging import Average
from .guard import blame, tensors
from .ranks import mean_over_processes
from .running import autocast, channels_last, compile_blocks
from .state import frozen, random_states, restore_random_states

LightningModule = import_lightning().LightningModule
# A state that leads to trouble this often is not good after all.
MOST_ROLLBACKS = 5


@dataclass(frozen=True)
class Recipe:
    """How to train.

    Attributes:
        steps: optimiser steps.
        batch: crops per step, of all devices together.
        lr: learning rate of Adam at the start.
        betas: of Adam.
        milestones: shares of the steps after which the learning rate is halved.
        clip: largest norm of the gradient; a longer one is shortened.
        average: decay of the moving average of the weights.
        every: steps between validations; then the state is kept, in memory and on disk.
    """

    steps: int = 200_000
    batch: int = 12
    lr: float = 2.5e-4
    betas: tuple[float, float] = (0.9, 0.99)
    milestones: tuple[float, ...] = (0.5, 0.75, 0.9, 0.95)
    clip: float = 5.0
    average: float = 0.999
    every: int = 500

    def __post_init__(self):
        if min(self.steps, self.batch, self.every) < 1:
            raise ValueError(f"steps, batch and every must be at least 1, got {self.steps}, {self.batch}, {self.every}")
        if not self.lr > 0 or not self.clip > 0 or not 0 <= self.average < 1:
            raise ValueError(f"lr and clip must be positive and average in [0, 1), got {self.lr}, {self.clip}, {self.average}")

    def lr_at(self, step: int) -> float:
        """The learning rate of a step, the first being 0 (the step at a milestone already has the halved one)."""
        return self.lr * 0.5 ** sum(step >= share * self.steps for share in self.milestones)


class Task(LightningModule):
    """A model and its loss. A subclass says what ``loss`` is, in which unit, and the recipe it starts from.

    Args:
        model: of :mod:`nflib.models`.

    Attributes:
        notes: what else its runs are known by, name -> text: noted with the model, and not to be changed when a run is resumed.
        together: crops with following numbers that belong together: a device gets all of them or none.
        unused: a step may leave parameters without a gradient, such as the last layers of an encoder of which only features are used.
    """

    together = 1
    unused = True
    recipe = Recipe()
    unit = ""
    validation_unit: str | None = None  # if the validation is not the loss

    def __init__(self, model: nn.Module):
        super().__init__()
        self.automatic_optimization = False  # the guard stands between the gradient and the step
        self.model = model
        self.notes: dict[str, str] = {}

    def loss(self, model: nn.Module, batch, generator: torch.Generator | Sequence[torch.Generator]) -> Tensor:
        """Mean loss of a batch, a scalar. Whatever is random comes from the generator, or from the one that an image has for itself."""
        raise NotImplementedError

    @property
    def trained(self) -> nn.Module:
        """All that is trained: the model, and what is trained with it and not kept."""
        return self.model

    def parameter_groups(self) -> list[tuple[list[nn.Parameter], float]]:
        """Parameters, and the factor of their learning rate. Each group's gradient is clipped by itself."""
        return [(list(self.model.parameters()), 1.0)]

    def figures(self) -> dict[str, float]:
        """What else is worth logging."""
        return {}

    # What follows is called by fit and by Lightning.

    def begin(self, recipe: Recipe, seed: int, batch, precision: str = "float32", channels_last: bool = False, compile: bool = False) -> None:
        """Get ready to train: lets layers set themselves from the first batch (ActNorm), and starts the average.

        Args:
            recipe: how to train.
            seed: of all noise. What a crop gets depends on the seed and the number of the crop, not on its batch.
            batch: the first of the training, whole.
            precision, channels_last, compile: see :class:`~nflib.training.Running`.
        """
        self.recipe, self.seed, self.precision, self.channels_last = recipe, seed, precision, channels_last
        self.step, self.best, self.rollbacks, self.failed, self.last = 0, None, 0, False, {}
        if channels_last:
            self.to(memory_format=torch.channels_last)
        self.model.train()
        with torch.no_grad():
            self._loss(self._laid_out(batch), self._noise(len(next(tensors(batch)))))
        self._average = Average(self.model, recipe.average)
        groups = [{"params": parameters, "factor": factor} for parameters, factor in self.parameter_groups()]
        self._optimiser = torch.optim.Adam(groups, recipe.lr, recipe.betas)
        if compile:
            compile_blocks(self.trained)

    def configure_optimizers(self):
        return self._optimiser

    def training_step(self, batch, _):
        self.advance(batch, self.trainer.global_rank, self.manual_backward)

    def advance(self, batch, rank: int = 0, backward: Callable[[Tensor], None] = Tensor.backward) -> None:
        """One step of the training.

        Args:
            batch: this process's share of the step's crops.
            rank: which share it is.
            backward: computes the gradients, and their mean over all processes if there are several.
        """
        self.model.train()
        for group in self._optimiser.param_groups:
            group["lr"] = group["factor"] * self.recipe.lr_at(self.step)
        self._optimiser.zero_grad()
        batch = self._laid_out(batch)
        noise = self._noise(len(next(tensors(batch))), rank)
        loss = self._loss(batch, noise)
        backward(loss)
        loss = mean_over_processes(loss.detach())  # all see the same loss and gradients, and decide the same
        norm = torch.stack([p.grad.norm() for p in self.trained.parameters() if p.grad is not None]).norm()
        self.last = {"loss": loss.item(), "gradient_norm": norm.item()}
        if torch.isfinite(loss) and torch.isfinite(norm):
            # only now: clipping by a norm that is not finite would spoil all gradients and hide where it came from
            for group in self._optimiser.param_groups:
                nn.utils.clip_grad_norm_(group["params"], self.recipe.clip)
            self._optimiser.step()
            self._average.update(self.model)
            self.failed = False
        else:
            self.failed = True
            self._roll_back(batch, rank)
        self.step += 1

    def _loss(self, batch, noise: list[torch.Generator]) -> Tensor:
        with autocast(self.device, self.precision):
            return self.loss(self.model, batch, noise)

    def _noise(self, crops: int, rank: int = 0) -> list[torch.Generator]:
        """A generator for each crop of a share of this step's batch."""
        first = self.step * self.recipe.batch + rank * crops
        return [numbered_generator(self.seed, 1, first + i) for i in range(crops)]

    def _laid_out(self, batch):
        return channels_last(batch) if self.channels_last else batch

    def score(self, batches) -> float:
        """Mean loss of the averaged weights over batches, always with the same noise."""
        with torch.no_grad():
            losses = [
                self.loss(self._average.model, self.transfer_batch_to_device(batch, self.device, 0), numbered_generator(self.seed, 0, i))
                for i, batch in enumerate(batches)
            ]
        return torch.stack(losses).mean().item()

    @property
    def averaged(self) -> nn.Module:
        """The model with averaged weights, in evaluation mode."""
        return self._average.model

    def keep(self) -> dict:
        """The state as it is now, to which a later rollback returns. Rollbacks are forgiven, unless the last step needed one."""
        if not self.failed:
            self.rollbacks = 0
        self._good = frozen({
            "step": self.step, "best": self.best, "rollbacks": self.rollbacks, "model": self.model.state_dict(), "average": self._average.state_dict(),
            "optimiser": self._optimiser.state_dict(), "random": random_states(),
        })
        return self._good

    def restore(self, state: dict) -> None:
        """Become what :meth:`keep` returned, random states excepted."""
        self.step, self.best, self.rollbacks = state["step"], state["best"], state["rollbacks"]
        self._good = state
        self._return_to_good()

    def _return_to_good(self) -> None:
        self.model.load_state_dict(self._good["model"])
        self._average.load_state_dict(self._good["average"])
        # a copy: the optimiser would go on in the tensors it is given
        self._optimiser.load_state_dict(frozen(self._good["optimiser"]))

    def _roll_back(self, batch, rank: int) -> None:
        states = random_states()
        noise = self._noise(len(next(tensors(batch))), rank)
        reason = blame(self.trained, batch, lambda: self._loss(batch, noise))
        restore_random_states(states)
        self.rollbacks += 1
        if self.rollbacks > MOST_ROLLBACKS:
            raise ValueError(
                f"training stopped at step {self.step}: values were not finite {self.rollbacks} times, and going back did not help; "
                f"here {reason}. The last good state is kept. Try a learning rate smaller than {self.recipe.lr:g}."
            )
        logging.getLogger(__name__).warning("step %d: %s; back to the weights of step %d", self.step, reason, self._good["step"])
        self._return_to_good()


class SRFlowTask(Task):
    """Bits per dimension of 8-bit photos given their low-resolution version (SRFlow, eq. 4). Batches are (hr, lr)."""

    unit = "bits/dim"

    def __init__(self, model: nn.Module):
        super().__init__(model)
        self.dequantize = Dequantize()

    def loss(self, model, batch, generator):
        hr, lr = batch
        nll = model.nll(self.dequantize(hr, generator), lr)
        return bits_per_dim(nll, hr[0].numel(), self.dequantize.bins).mean()


class GlowTask(Task):
    """Bits per dimension of 8-bit photos. Batches are (B, 3, H, W)."""

    recipe = Recipe(lr=5e-4, batch=16)
    unit = "bits/dim"
    unused = False

    def __init__(self, model: nn.Module):
        super().__init__(model)
        self.dequantize = Dequantize()

    def loss(self, model, batch, generator):
        nll = model.nll(self.dequantize(batch, generator))
        return bits_per_dim(nll, batch[0].numel(), self.dequantize.bins).mean()


class RRDBTask(Task):
    """Mean absolute error of the super-resolved photo, of any super-resolver; the pre-training of ESRGAN. Batches are (hr, lr)."""

    recipe = Recipe(lr=2e-4, batch=16)
    unit = "mean absolute error"
    unused = False

    def loss(self, model, batch, generator):
        hr, lr = batch
        return (model(lr) - hr).abs().mean()
