"""The steps of a training: gradient, guard, average, and the state to which a bad step returns."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from .._compat import import_lightning
from ..models import ImageModel
from ..processes import mean_over_processes
from ..units import numbered_generator
from .averaging import Average
from .guard import blame, tensors
from .recipe import Recipe
from .running import Running, autocast, channels_last, compile_blocks
from .state import frozen, random_states, restore_random_states

if TYPE_CHECKING:
    from pytorch_lightning import LightningModule
else:
    LightningModule = import_lightning().LightningModule
# A state that leads to trouble this often is not good after all.
MOST_ROLLBACKS = 5


class Steps(LightningModule):
    """What :func:`nflib.training.fit` and Lightning call. :class:`~nflib.training.Task` says what is trained,
    and by which loss.
    """

    model: ImageModel
    loss: Callable[..., Tensor]
    parameter_groups: Callable[[], list[tuple[list[nn.Parameter], float]]]

    @property
    def trained(self) -> nn.Module:
        raise NotImplementedError

    def begin(self, recipe: Recipe, seed: int, batch: Any, running: Running = Running()) -> None:
        """Get ready to train: lets layers set themselves from the first batch (ActNorm), and starts the
        average.

        Args:
            recipe: how to train.
            seed: of all noise. What a crop gets depends on the seed and the number of the crop, not on its
                batch.
            batch: the first of the training, whole.
            running: its precision, layout and compilation count here.
        """
        self.recipe, self.seed, self.running = recipe, seed, running
        self.step, self.rollbacks, self.failed = 0, 0, False
        self.best: float | None = None
        self.last: dict[str, float] = {}
        if running.channels_last:
            self.to(memory_format=torch.channels_last)
        self.model.train()
        with torch.no_grad():
            self._loss(self._laid_out(batch), self._noise(len(next(tensors(batch)))))
        self._average = Average(self.model, recipe.average)
        groups = [{"params": parameters, "factor": factor} for parameters, factor in self.parameter_groups()]
        self._optimiser = torch.optim.Adam(groups, recipe.lr, recipe.betas)
        if running.compile:
            compile_blocks(self.trained)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return self._optimiser

    def training_step(self, batch, _) -> None:
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
            # only now: clipping by a norm that is not finite would spoil all gradients and hide where it came
            # from
            for group in self._optimiser.param_groups:
                nn.utils.clip_grad_norm_(group["params"], self.recipe.clip)
            self._optimiser.step()
            self._average.update(self.model)
            self.failed = not self._sound(batch, noise)
        else:
            self.failed = True
        if self.failed:
            self._roll_back(batch, rank)
        self.step += 1

    @torch.no_grad()
    def _sound(self, batch, noise: list[torch.Generator]) -> bool:
        """Whether the weights are finite after a step; after the last one also the loss with those that are
        written, for no other step will tell.
        """
        sizes = [p.abs().amax() for p in self.trained.parameters() if p.numel()]
        if not torch.isfinite(torch.stack(sizes)).all():
            return False
        if self.step + 1 < self.recipe.steps:
            return True
        states = random_states()
        with autocast(self.device, self.running.precision):
            loss = mean_over_processes(self.loss_of_average(batch, noise))
        restore_random_states(states)
        return bool(torch.isfinite(loss))

    def loss_of_average(self, batch: Any, noise: Sequence[torch.Generator]) -> Tensor:
        """Loss of a batch with the averaged weights, which are those that are written."""
        return self.loss(self._average.model, batch, noise)

    def _loss(self, batch, noise: list[torch.Generator]) -> Tensor:
        with autocast(self.device, self.running.precision):
            return self.loss(self.model, batch, noise)

    def _noise(self, crops: int, rank: int = 0) -> list[torch.Generator]:
        """A generator for each crop of a share of this step's batch."""
        first = self.step * self.recipe.batch + rank * crops
        return [numbered_generator(self.seed, 1, first + i) for i in range(crops)]

    def _laid_out(self, batch: Any) -> Any:
        return channels_last(batch) if self.running.channels_last else batch

    def score(self, batches) -> float:
        """Mean loss of the averaged weights over batches, always with the same noise; not finite where one of
        them is not.
        """
        with torch.no_grad():
            losses = [
                self.loss(
                    self._average.model,
                    self.transfer_batch_to_device(batch, self.device, 0),
                    numbered_generator(self.seed, 0, i),
                )
                for i, batch in enumerate(batches)
            ]
        return torch.stack(losses).mean().item()

    @property
    def averaged(self) -> Any:
        """The model with averaged weights, in evaluation mode."""
        return self._average.model

    def keep(self) -> dict:
        """The state as it is now, to which a later rollback returns. Rollbacks are forgiven, unless the last
        step needed one.
        """
        if not self.failed:
            self.rollbacks = 0
        self._good = frozen(
            {
                "step": self.step,
                "best": self.best,
                "rollbacks": self.rollbacks,
                "model": self.model.state_dict(),
                "average": self._average.state_dict(),
                "optimiser": self._optimiser.state_dict(),
                "random": random_states(),
            }
        )
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
        for parameter, state in self._optimiser.state.items():
            for name, value in state.items():
                if value.shape not in (parameter.shape, ()):
                    raise ValueError(f"{name} of the optimiser has another shape than its weights")

    def _roll_back(self, batch, rank: int) -> None:
        states = random_states()
        noise = self._noise(len(next(tensors(batch))), rank)
        reason = blame(self.trained, batch, lambda: self._loss(batch, noise))
        restore_random_states(states)
        self.rollbacks += 1
        # after the last step there is none that could do better than the start, to which this goes back
        untrained = self.step + 1 >= self.recipe.steps and self._good["step"] == 0
        if self.rollbacks > MOST_ROLLBACKS or untrained:
            times = f"{self.rollbacks} times" if self.rollbacks > 1 else "once"
            raise ValueError(
                f"training stopped at step {self.step}: values were not finite {times}, "
                f"and going back {'leaves nothing that was learned' if untrained else 'did not help'}; "
                f"here {reason}. The last good state is kept. Try a learning rate smaller than "
                f"{self.recipe.lr:g}."
            )
        logging.getLogger(__name__).warning(
            "step %d: %s; back to the weights of step %d", self.step, reason, self._good["step"]
        )
        self._return_to_good()
