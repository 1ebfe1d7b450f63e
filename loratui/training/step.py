"""One update: forward and backward on the shadows, gradients to the masters, clip, one optimizer call.

Updating does not wait for the device (8-bit AdamW does): whether an update was taken is decided there, and `results`
asks for a handful of them at once. An update that is not finite changes nothing, and neither do those that were queued
behind it.
Knows tensors only: which samples and draws make up a step is decided in `batches.py`, when to stop in `recipe.py`.
"""

import math
import warnings
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass

import torch

from loratui.diffusion.base_model import BaseModel
from loratui.diffusion.lora_network import LoraNetwork
from loratui.profile.schema import Training
from loratui.training.captured import Passes, Recorder
from loratui.training.compiled import CompiledBlocks
from loratui.training.objective import Batch, weighted_errors
from loratui.training.optimizer import build_optimizer, build_schedule, clip_gradients, gradient_norm, update
from loratui.training.precision import LossScale
from loratui.training.processes import Processes

_MASTER, _OPTIMIZER = "master.", "optimizer."


@dataclass(frozen=True)
class StepResult:
    """What one update did.

    Attributes:
        loss: Mean weighted error over the global batch.
        learning_rate: What the first group was updated with.
        gradient_norm: Before clipping.
        overflowed: fp16 gradients overflowed under loss scaling: nothing was updated, the step is to be repeated.
    """

    loss: float
    learning_rate: float
    gradient_norm: float
    overflowed: bool

    @property
    def is_finite(self) -> bool:
        """Whether loss and gradient are numbers (an overflow's gradient need not be); otherwise nothing was updated."""
        return math.isfinite(self.loss) and (self.overflowed or math.isfinite(self.gradient_norm))


@dataclass(frozen=True)
class _Update:
    """An update that the device was told to take, and what the host must go back to if it could not be taken.

    Attributes:
        figures: Loss and gradient norm, on the device.
        learning_rate: What the first group was to be updated with.
        loss_scale: State of the loss scale before it.
    """

    figures: torch.Tensor
    learning_rate: float
    loss_scale: dict[str, float]


class TrainingStep:
    """Everything that changes from update to update: masters, optimizer, learning-rate schedule, loss scale.

    Attributes:
        passes: The forward and backward passes; recorded where a recorder was given.
    """

    def __init__(
        self,
        base: BaseModel,
        network: LoraNetwork,
        settings: Training,
        *,
        total_steps: int,
        processes: Processes,
        recorder: Recorder | None = None,
        warn: Callable[[str], None] = warnings.warn,
    ) -> None:
        self.network = network
        self.optimizer = build_optimizer(network, settings)
        self.schedule = build_schedule(self.optimizer, settings, total_steps)
        self.loss_scale = LossScale(base.dtype)
        self._base = base
        self._noise_schedule = base.schedule.to(base.device)
        self._max_grad_norm = settings.max_grad_norm
        self._processes = processes
        self._full_rates = list(self.schedule.base_lrs)
        # Written in place only: a recorded pass reads and writes where they are.
        self._loss, self._samples, self._scale = (torch.zeros((), device=base.device) for _ in range(3))
        gradients = [group.gradient for group in network.groups]
        self.passes = Passes(self._add, [self._loss, *gradients], recorder, warn)
        self._compiled: CompiledBlocks | None = None
        # 1 once an update could not be taken: those behind it on the device are not taken either.
        self._halted = torch.zeros((), device=base.device)
        self._unheard: list[_Update] = []

    @property
    def unheard(self) -> int:
        """Updates since the last `results`."""
        return len(self._unheard)

    def take(self, batches: Iterable[Batch], samples: int) -> StepResult:
        """Accumulate, update and wait for the result."""
        self.accumulate(batches, samples)
        self.update()
        return self.results()[-1]

    def accumulate(self, batches: Iterable[Batch], samples: int) -> None:
        """Gather loss and gradients of this process's share of the global batch; no process waits for another here.

        How the samples are split into batches changes neither the loss nor the update (but for rounding).

        Args:
            batches: Consumed one by one, so that only one is in memory.
            samples: Size of the global batch, over all batches and processes.

        Raises:
            torch.OutOfMemoryError: Nothing is updated; call it again with smaller batches.
        """
        self.network.clear_gradients()
        self._loss.zero_()
        self._samples.fill_(samples)
        self._scale.fill_(self.loss_scale.scale)
        with self._compiled.at_work() if self._compiled else nullcontext():
            for batch in batches:
                self.passes.take(batch)

    def compile(self, backend: str) -> None:
        """Have torch.compile's `backend` compile the UNet's blocks in the next pass."""
        self.passes.forget()
        self._compiled = CompiledBlocks(self._base.unet, backend)

    def undo_compilation(self) -> None:
        """Take passes as they were before `compile`."""
        if self._compiled is not None:
            self.passes.forget()
            self._compiled.undo()
            self._compiled = None

    @property
    def is_compiled(self) -> bool:
        """Whether passes use compiled blocks."""
        return self._compiled is not None

    def _add(self, batch: Batch) -> None:
        """Add a batch's part to the loss, and its gradients to the masters'."""
        part = weighted_errors(self._base, self._noise_schedule, batch).sum() / self._samples
        (part * self._scale).backward()
        self.network.collect_gradients()
        self._loss += part.detach()

    def update(self) -> None:
        """Bring the gradients of all processes together and update, unless something is not finite."""
        loss = self._processes.sum(self._loss)
        for group in self.network.groups:
            if self._processes.count > 1:
                group.gradient.copy_(self._processes.sum(group.gradient))
            if self.loss_scale.enabled:
                group.gradient.div_(self.loss_scale.scale)
        norm = gradient_norm(self.network)
        figures = torch.stack([loss, norm])
        self._halted = torch.maximum(self._halted, (~torch.isfinite(figures).all()).float())
        rate = float(self.optimizer.param_groups[0]["lr"])
        self._unheard.append(_Update(figures, rate, self.loss_scale.state()))
        clip_gradients(self.network, norm, self._max_grad_norm)
        update(self.optimizer, unless=self._halted)
        self.network.refresh_shadows()
        self.schedule.step()
        self.loss_scale.update(overflow=False)

    def results(self) -> list[StepResult]:
        """Wait for the updates since the last call and say what they did.

        The list ends with the first that could not be taken: it and those after it changed nothing, and the next
        update is the same one again.
        """
        told, self._unheard = self._unheard, []
        rows = torch.stack([one.figures for one in told]).tolist() if told else []
        found = []
        for index, (one, (loss, norm)) in enumerate(zip(told, rows, strict=True)):
            overflowed = self.loss_scale.enabled and math.isfinite(loss) and not math.isfinite(norm)
            found.append(StepResult(loss, one.learning_rate, norm, overflowed))
            if overflowed or not found[-1].is_finite:
                self._go_back(len(told) - index, one.loss_scale)
                self.loss_scale.update(overflow=overflowed)
                break
        return found

    def _go_back(self, updates: int, loss_scale: dict[str, float]) -> None:
        """Have the host know what the device does: that the last `updates` were not taken."""
        self._halted = torch.zeros_like(self._halted)
        self.schedule.last_epoch -= updates
        self._apply_rates()
        self.loss_scale.restore(loss_scale)

    def use_learning_rates(self, factor: float) -> None:
        """Multiply the learning rates of the profile by `factor` from now on."""
        self.schedule.base_lrs = [rate * factor for rate in self._full_rates]
        self._apply_rates()

    def masters_are_finite(self) -> bool:
        """Say whether every trained value is a number."""
        return all(bool(torch.isfinite(group.master).all()) for group in self.network.groups)

    def state(self) -> tuple[dict[str, torch.Tensor], dict[str, float]]:
        """Return tensors (copies on the CPU) and scalars from which `restore` makes the same state again."""
        tensors = {f"{_MASTER}{group.name}": group.master.detach().cpu().clone() for group in self.network.groups}
        for group in self.network.groups:
            for name, value in self.optimizer.state[group.master].items():
                tensors[f"{_OPTIMIZER}{group.name}.{name}"] = torch.as_tensor(value).detach().cpu().clone()
        return tensors, self.loss_scale.state()

    @torch.no_grad()
    def restore(self, tensors: dict[str, torch.Tensor], scalars: dict[str, float], *, step: int) -> None:
        """Go to a state that `state` returned after `step` updates."""
        self._unheard.clear()
        self._halted = torch.zeros_like(self._halted)
        for group in self.network.groups:
            group.master.copy_(tensors[f"{_MASTER}{group.name}"])
            prefix = f"{_OPTIMIZER}{group.name}."
            self.optimizer.state[group.master] = {
                name.removeprefix(prefix): _optimizer_value(tensor, group.master.device)
                for name, tensor in tensors.items()
                if name.startswith(prefix)
            }
        self.schedule.last_epoch = step
        self._apply_rates()
        self.loss_scale.restore(scalars)
        self.network.refresh_shadows()
        self.network.clear_gradients()

    def _apply_rates(self) -> None:
        schedule = self.schedule
        rates = zip(self.optimizer.param_groups, schedule.base_lrs, schedule.lr_lambdas, strict=True)
        for group, rate, multiplier in rates:
            group["lr"] = rate * multiplier(schedule.last_epoch)


def _optimizer_value(tensor: torch.Tensor, device: torch.device) -> torch.Tensor | int:
    """Return a saved value as the optimizer keeps it: 8-bit AdamW counts its steps in a plain number."""
    is_plain = tensor.dim() == 0 and tensor.dtype == torch.int64
    return int(tensor) if is_plain else tensor.clone().to(device)
