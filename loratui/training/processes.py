"""The processes that train together, through accelerate: who is the first, sums over all, and decisions in common.

With one process everything here is immediate. accelerate gives the process group and the devices; precision, clipping
and accumulation are our own, so nothing is `prepare`d.
"""

from datetime import timedelta
from typing import TypeVar

import torch
from accelerate import Accelerator
from accelerate.utils import InitProcessGroupKwargs, broadcast_object_list

T = TypeVar("T")


class Processes:
    """This process among those of the run."""

    def __init__(self, device: torch.device) -> None:
        """Join the process group that the launcher described in the environment; without one, stand alone."""
        # The first process may encode thousands of pictures, or draw, while the others wait.
        patience = InitProcessGroupKwargs(timeout=timedelta(hours=2))
        self._accelerator = Accelerator(mixed_precision="no", cpu=device.type == "cpu", kwargs_handlers=[patience])

    @property
    def device(self) -> torch.device:
        """The device of this process."""
        return self._accelerator.device

    @property
    def count(self) -> int:
        """Number of processes, over all machines."""
        return self._accelerator.num_processes

    @property
    def index(self) -> int:
        """Number of this process, from 0."""
        return self._accelerator.process_index

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes."""
        return self._accelerator.is_main_process

    @property
    def is_first_here(self) -> bool:
        """Whether this is the first process on its machine."""
        return self._accelerator.is_local_main_process

    def wait(self) -> None:
        """Wait until all processes are here."""
        self._accelerator.wait_for_everyone()

    def sum(self, tensor: torch.Tensor) -> torch.Tensor:
        """Return the sum of `tensor` over all processes, the same everywhere."""
        return self._accelerator.reduce(tensor, "sum") if self.count > 1 else tensor

    def any(self, condition: bool) -> bool:
        """Say whether `condition` holds in at least one process; all must ask at the same place."""
        if self.count == 1:
            return condition
        return bool(self.sum(torch.tensor(float(condition), device=self.device)) > 0)

    def object_from_first(self, value: T) -> T:
        """Return the first process's `value` in every process."""
        if self.count == 1:
            return value
        values = [value]
        broadcast_object_list(values, from_process=0)
        return values[0]

    def leave(self) -> None:
        """Leave the process group, if there is one."""
        self._accelerator.end_training()
