"""The process that trains and draws: `python -m loratui.worker RUN TASK`.

It reads the run directory, holds its lock, appends its events, and leaves through one door that records the cause. It
never writes to a terminal: whoever starts it points its output to `worker.log`.
"""

import gc
import os
import resource
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from loratui.errors import LoratuiError, RunError
from loratui.runs.directory import RunDirectory, Task
from loratui.runs.events import EventWriter, next_attempt, read_events
from loratui.runs.lock import hold_lock

TASKS = ("train", "compare")


def main(arguments: list[str]) -> int:
    """Do the task; returns the exit code: 0 done, 1 failed, 2 bad input, 128 + n for signal n."""
    if len(arguments) != 2 or arguments[1] not in TASKS:
        print(f"usage: python -m loratui.worker RUN {{{'|'.join(TASKS)}}}", file=sys.stderr)
        return 2
    run, task = RunDirectory(Path(arguments[0])), cast(Task, arguments[1])
    with hold_lock(run), EventWriter(run.events_path, next_attempt(run.events_path)) as events:
        events.write("started", pid=os.getpid(), task=task)
        return Worker(run, events).work(task)


class Worker:
    """One task on one run, with everything that happens written as events."""

    def __init__(self, run: RunDirectory, events: EventWriter) -> None:
        self._run = run
        self._events = events
        self._began = time.monotonic()

    def work(self, task: Task) -> int:
        """Do the task; whatever goes wrong becomes the run's last event."""
        # Imported here: the lock and the first event must not wait for torch and diffusers.
        from loratui.training.recipe import Stopped
        from loratui.training.stop import StopRequest

        self._stop = StopRequest()
        self._stop.listen()
        try:
            with _quiet_libraries():
                figures = self._train() if task == "train" else self._compare_again()
        except (Stopped, _Interrupted) as stopped:
            step = stopped.step if isinstance(stopped, Stopped) else None
            self._events.write("stopped", signal=self._stop.signal_number, step=step)
            return 128 + self._stop.signal_number
        except LoratuiError as error:
            traceback.print_exc()
            self._fail(error.what, error.todo)
            return error.exit_code
        except Exception as error:
            traceback.print_exc()
            self._fail(f"{type(error).__name__}: {_first_line(error)}", "The whole story is in the log.")
            return 1
        self._events.write("finished", seconds=time.monotonic() - self._began, **_peak_memory(), **figures)
        return 0

    def _train(self) -> dict[str, Any]:
        from loratui.training.recipe import Recipe

        recipe = Recipe(self._run, self._events, self._stop)
        base = recipe.setup()
        recipe.train()
        result = recipe.finish()
        figures: dict[str, Any] = {
            "lora": str(result.lora),
            "grid": None,
            "steps": result.steps,
            "first_loss": result.first_loss,
            "last_loss": result.last_loss,
            "epoch_files": {str(epoch): str(path) for epoch, path in result.epoch_files.items()},
        }
        del recipe
        gc.collect()
        if self._run.read_profile().comparison.enabled:
            figures["grid"] = self._compare("train", result.lora, result.epoch_files, base)
        return figures

    def _compare_again(self) -> dict[str, Any]:
        finished = [event for event in read_events(self._run.events_path) if event["event"] == "finished"]
        trained = next((event for event in reversed(finished) if "epoch_files" in event), None)
        if trained is None:
            raise RunError("This run never finished its training, so there is no LoRA to compare.", "Train it first.")
        epoch_files = {int(epoch): Path(path) for epoch, path in trained["epoch_files"].items()}
        lora = Path(trained["lora"])
        return {"lora": str(lora), "grid": self._compare("compare", lora, epoch_files, None)}

    def _compare(self, task: Task, lora: Path, epoch_files: dict[int, Path], base: Any) -> str:
        from loratui.diffusion.base_model import load_base
        from loratui.generation.of_run import compare_run
        from loratui.training.precision import choose_device, choose_dtype

        profile = self._run.read_profile(task)
        device = choose_device(profile.accelerate.device)
        dtype = choose_dtype(profile.accelerate, device)

        def on_progress(done: int, of: int) -> None:
            self._events.write("drawing", done=done, of=of)
            if self._stop.requested:
                raise _Interrupted

        grid, result = compare_run(
            self._run,
            profile,
            self._run.read_manifest(),
            lambda: base or load_base(profile.model, device=device, dtype=dtype),
            epoch_files,
            lora,
            device=device,
            dtype=dtype,
            on_cell=lambda cell: self._events.write("cell", file=cell.path),
            on_progress=on_progress,
        )
        self._events.write("grid", file=grid, cells=len(result.cells), comparison=self._run.comparison)
        return str(grid)

    def _fail(self, what: str, todo: str) -> None:
        self._events.write("failed", what=what, todo=todo, log=self._run.log_path)


class _Interrupted(Exception):
    """A stop was requested while the comparison was drawn."""


@contextmanager
def _quiet_libraries() -> Iterator[None]:
    """Keep progress bars out of the log; they are made for terminals."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    diffusers_logging.disable_progress_bar()
    transformers_logging.disable_progress_bar()
    yield


def _peak_memory() -> dict[str, int]:
    """Return the most memory used in bytes: of the process, and of the GPU as torch allocated it."""
    import torch

    peak = {"peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}
    if torch.cuda.is_available():
        peak["peak_gpu_memory_bytes"] = torch.cuda.max_memory_allocated()
    return peak


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or "no further words").splitlines()[0]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
