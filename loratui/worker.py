"""The process that trains and draws: `python -m loratui.worker RUN TASK`.

It reads the run directory, holds its lock, appends its events, and leaves through one door that records the cause. It
never writes to a terminal: whoever starts it points its output to `worker.log`. Of several processes of a run only the
first holds the lock and writes; another one that fails leaves a report for it.
"""

import contextlib
import gc
import json
import os
import resource
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from loratui.errors import LoratuiError, RunError, TrainingError
from loratui.runs.commands import STOP, commands_size
from loratui.runs.directory import RunDirectory, Task
from loratui.runs.events import EventWriter, next_attempt, read_events
from loratui.runs.lock import hold_lock
from loratui.training.requests import Requests
from loratui.whole_files import write_whole

if TYPE_CHECKING:
    import torch

    from loratui.diffusion.base_model import BaseModel
    from loratui.profile.schema import Profile
    from loratui.training.pace import Pace
    from loratui.training.recipe import TrainingResult
    from loratui.training.workbench import Events

TASKS = ("train", "compare", "try")
_FAILURE_REPORTS = "failure-*.json"
# A process that dies takes a moment to leave its report; the first one hears of it by a broken connection.
_REPORT_PATIENCE = 5.0
# Kept free on the run's disk for the last event, which says why the run ended.
_RESERVED_BYTES = 65_536


class _Silent:
    """Where all processes but the first write their events: nowhere."""

    def write(self, kind: str, /, **fields: Any) -> None:
        """Write nothing."""


def main(arguments: list[str]) -> int:
    """Do the task; returns the exit code: 0 done, 1 failed, 2 bad input, 128 + n for signal n."""
    if len(arguments) != 2 or arguments[1] not in TASKS:
        print(f"usage: python -m loratui.worker RUN {{{'|'.join(TASKS)}}}", file=sys.stderr)
        return 2
    run, task = RunDirectory(Path(arguments[0])), cast(Task, arguments[1])
    rank = int(os.environ.get("RANK", "0"))
    # Before anything slow: from now on a signal or a command is a request, not the end.
    requests = Requests(run, commands_size(run.commands_path))
    requests.listen()
    if rank > 0:
        return Worker(run, _Silent(), requests, rank).work(task)
    try:
        with hold_lock(run), EventWriter(run.events_path, next_attempt(run.events_path)) as events:
            for report in run.path.glob(_FAILURE_REPORTS):
                report.unlink()
            events.write("started", pid=os.getpid(), task=task)
            reserve = run.path / "reserve"
            reserve.write_bytes(bytes(_RESERVED_BYTES))
            try:
                return Worker(run, events, requests, rank).work(task)
            finally:
                reserve.unlink(missing_ok=True)
    except (RunError, OSError) as error:  # another worker's lock, or a disk that takes no events
        print(error, file=sys.stderr)
        return 1


class Worker:
    """One task on one run, with everything that happens written as events."""

    def __init__(self, run: RunDirectory, events: "Events", requests: Requests, rank: int) -> None:
        self._run = run
        self._events = events
        self._requests = requests
        self._rank = rank
        self._began = time.monotonic()

    def work(self, task: Task) -> int:
        """Do the task; whatever goes wrong becomes the run's last event."""
        try:
            return self._work(task)
        except LoratuiError as error:
            traceback.print_exc()
            self._fail(error.what, error.todo, error.exit_code)
            return error.exit_code
        except OSError as error:
            traceback.print_exc()
            where = f"{error.filename}: " if error.filename else ""
            what = f"The run stopped: {where}{error.strerror or error}."
            again = "draw again." if self._run.is_trying else f"resume: loratui resume {self._run.name}"
            return self._interrupted(what, f"Make room or mend the path, then {again}")
        except Exception as error:
            traceback.print_exc()
            self._fail(*self._cause(error))
            return 1

    def _work(self, task: Task) -> int:
        # Imported here: the lock and the first event must not wait for torch and diffusers, whose failure to load is
        # told like any other.
        from diffusers.utils import logging as diffusers_logging
        from transformers.utils import logging as transformers_logging

        from loratui.training.recipe import Stopped
        from loratui.training.trouble import Interrupted

        tasks: dict[Task, Callable[[], dict[str, Any] | None]]
        tasks = {"train": self._train, "compare": self._compare_again, "try": self._try}
        diffusers_logging.disable_progress_bar()
        transformers_logging.disable_progress_bar()
        try:
            figures = tasks[task]()
        except Stopped as stopped:
            number = self._requests.signal_number if stopped.command is None else 0
            self._say_last("stopped", signal=number, step=stopped.step, command=stopped.command, lora=stopped.lora)
            return 128 + number if number else 0
        except _DrawingStopped as stopped:
            number = self._requests.signal_number if stopped.command is None else 0
            self._say_last("stopped", signal=number, step=None, command=stopped.command)
            return 128 + number if number else 0
        except Interrupted as interrupted:
            traceback.print_exc()
            return self._interrupted(interrupted.what, interrupted.todo)
        if figures is not None:
            self._say_last("finished", seconds=time.monotonic() - self._began, **_peak_memory(), **figures)
        return 0

    def _train(self) -> dict[str, Any] | None:
        """Train, verify and draw; returns the figures of the finished run, or None in all processes but the first."""
        from loratui.training.precision import choose_device
        from loratui.training.processes import Processes
        from loratui.training.recipe import Recipe

        profile = self._run.read_profile()
        processes = Processes(choose_device(profile.accelerate.device))
        recipe = Recipe(self._run, self._events, self._requests, processes)
        # The base has no other name here, so that the comparison can let it go before it loads another.
        loaded = [recipe.setup()]
        recipe.train()
        processes.leave()
        if not processes.is_first:
            return None
        result = recipe.finish()
        pace = recipe.pace
        del recipe
        gc.collect()
        figures: dict[str, Any] = {**_figures(result), "grid": None}
        self._events.write("trained", **_figures(result))
        if profile.comparison.enabled:
            try:
                figures["grid"] = self._compare("train", result.lora, result.epoch_files, loaded, pace)
            except LoratuiError as error:
                raise TrainingError(
                    f"The LoRA {result.lora} is trained and verified, but its comparison was not drawn: {error.what}",
                    f"{error.todo} Then: loratui compare {self._run.name}".strip(),
                ) from error
        return figures

    def _compare_again(self) -> dict[str, Any]:
        trained = [event for event in read_events(self._run.events_path) if event["event"] == "trained"]
        if not trained:
            raise RunError("This run never finished its training, so there is no LoRA to compare.", "Train it first.")
        epoch_files = {int(epoch): Path(path) for epoch, path in trained[-1]["epoch_files"].items()}
        lora = Path(trained[-1]["lora"])
        return {"lora": str(lora), "grid": self._compare("compare", lora, epoch_files, [])}

    def _compare(
        self,
        task: Task,
        lora: Path,
        epoch_files: dict[int, Path],
        loaded: list["BaseModel"],
        pace: "Pace | None" = None,
    ) -> str:
        """Draw the comparison; `loaded` may hold the run's base, which is taken out so that only one is in memory."""
        from loratui.diffusion.loading import load_base
        from loratui.generation.of_run import compare_run

        profile = self._run.read_profile(task)
        device, dtype = self._device_and_dtype(profile)

        def own_base() -> "BaseModel":
            if not loaded:
                return load_base(profile.model, device=device, dtype=dtype)
            base = loaded.pop()
            base.bring_back()
            return base

        def on_progress(done: int, of: int) -> None:
            self._events.write("drawing", done=done, of=of, pictures=of // profile.comparison.steps)
            self._heed()

        grid, result = compare_run(
            self._run,
            profile,
            self._run.read_manifest(),
            own_base,
            epoch_files,
            lora,
            device=device,
            dtype=dtype,
            on_cell=lambda cell: self._events.write("cell", file=cell.path),
            on_progress=on_progress,
        )
        if pace is not None and result.cells:
            pace.picture_took(result.seconds / len(result.cells))
            pace.keep()
        self._events.write("grid", file=grid, cells=len(result.cells), comparison=self._run.comparison)
        return str(grid)

    def _try(self) -> dict[str, Any]:
        """Draw what a person asks for, one thing after the other."""
        from loratui.generation.trying import Trying

        trying = Trying(self._run, self._events, *self._device_and_dtype(self._run.read_profile()), heed=self._heed)
        return {"why": trying.work()}

    def _device_and_dtype(self, profile: "Profile") -> tuple["torch.device", "torch.dtype"]:
        from loratui.training.precision import choose_device, choose_dtype

        device = choose_device(profile.accelerate.device)
        return device, choose_dtype(profile.accelerate, device)

    def _heed(self) -> None:
        """End the drawing when it was told to stop."""
        if self._requests.stop_commanded:
            self._events.write("told", command=STOP)
            raise _DrawingStopped(STOP)
        if self._requests.signalled:
            raise _DrawingStopped(None)

    def _fail(self, what: str, todo: str, exit_code: int = 1) -> None:
        if self._rank > 0:
            failure = json.dumps({"what": what, "todo": todo})
            write_whole(self._run.path / f"failure-{self._rank}.json", failure, durable=False)
        self._say_last("failed", what=what, todo=todo, exit_code=exit_code, log=self._run.log_path)

    def _interrupted(self, what: str, todo: str) -> int:
        self._say_last("interrupted", what=what, todo=todo, log=self._run.log_path)
        return 1

    def _say_last(self, kind: str, **fields: Any) -> None:
        """Write the last event; on a full disk in the place that was reserved for it."""
        try:
            self._events.write(kind, **fields)
        except OSError:
            (self._run.path / "reserve").unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                self._events.write(kind, **fields)

    def _cause(self, error: Exception) -> tuple[str, str]:
        """Say what went wrong: another process's report where it was the first to fail, else `error` itself."""
        processes = int(os.environ.get("WORLD_SIZE", "1"))
        own = f"{type(error).__name__}: {(str(error).strip() or 'no further words').splitlines()[0]}"
        if processes == 1 or self._rank > 0 or not _is_lost_connection(error):
            return own, "The whole story is in the log."
        deadline = time.monotonic() + _REPORT_PATIENCE
        while time.monotonic() < deadline:
            for report in sorted(self._run.path.glob(_FAILURE_REPORTS)):
                told = json.loads(report.read_text(encoding="utf-8") or "{}")
                rank = report.stem.removeprefix("failure-")
                return f"Process {rank} of {processes} failed: {told.get('what')}", str(told.get("todo"))
            time.sleep(0.2)
        return (
            f"The {processes} processes lost each other, as when one is killed ({own}).",
            "See the log for which one, and resume: the last state is saved.",
        )


class _DrawingStopped(Exception):
    """A stop was requested, by a command or by a signal, while the comparison was drawn."""

    def __init__(self, command: str | None) -> None:
        super().__init__(command)
        self.command = command


def _is_lost_connection(error: Exception) -> bool:
    """Say whether `error` is how gloo or NCCL tell that another process is gone."""
    words = str(error).lower()
    return isinstance(error, RuntimeError) and any(
        sign in words for sign in ("gloo", "nccl", "connection", "peer", "timed out")
    )


def _figures(result: "TrainingResult") -> dict[str, Any]:
    return {
        "lora": str(result.lora),
        "steps": result.steps,
        "first_loss": result.first_loss,
        "last_loss": result.last_loss,
        "epoch_files": {str(epoch): str(path) for epoch, path in result.epoch_files.items()},
    }


def _peak_memory() -> dict[str, int]:
    """Return the most memory used in bytes: of the process, and of the GPU as torch allocated it."""
    import torch

    peak = {"peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}
    if torch.cuda.is_available():
        peak["peak_gpu_memory_bytes"] = torch.cuda.max_memory_allocated()
    return peak


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
