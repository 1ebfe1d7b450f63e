"""Starting a run: its place in the queue, the small process that waits for its turn, and the worker itself.

Both processes are nobody's children in what matters: each has its own session, nothing to read, and a file to write
to, so a lost terminal does not reach them. Whoever follows reads events, never a pipe.
"""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from loratui.errors import RunError
from loratui.locks import take_lock
from loratui.profile.schema import Accelerate
from loratui.runs.directory import RunDirectory, Task
from loratui.runs.launcher import worker_program
from loratui.runs.lock import is_alive
from loratui.runs.queue import Ticket, add_ticket
from loratui.runs.slots import slots_of
from loratui.safe_text import printable

_LOG_MARK = "--- loratui "
_LOG_TAIL_BYTES = 16_384
# Says what the frozen profile does not: that a person resumed with --auto.
ACCEPT_SMALLER = "LORATUI_ACCEPT_SMALLER"


def start_run(run: RunDirectory, task: Task = "train", *, accept_smaller: bool = False) -> Ticket:
    """Queue a run and start the process that waits for its turn; with a free slot its worker starts at once.

    Args:
        accept_smaller: When memory does not suffice, the worker may go on in smaller pieces without asking.

    Raises:
        RunError: the run is at work or waits already, or nothing can be started.
    """
    descriptor = _waiter_lock(run)
    try:
        ticket = add_ticket(run, task, slots_of(settings_for(run, task)), accept_smaller=accept_smaller)
        _start_waiter(ticket, descriptor)
    finally:
        os.close(descriptor)
    return ticket


def start_again(ticket: Ticket) -> None:
    """Start the waiter of a ticket that was left behind; it keeps its place.

    Raises:
        RunError: somebody else just did, or nothing can be started.
    """
    descriptor = _waiter_lock(ticket.run)
    try:
        _start_waiter(ticket, descriptor)
    finally:
        os.close(descriptor)


def settings_for(run: RunDirectory, task: Task) -> Accelerate:
    """The processes that do a run's task here; one draws.

    Raises:
        ProfileError: the run's profile cannot be read.
    """
    settings = run.read_profile(task).accelerate
    alone = {"processes": 1, "machines": 1, "machine_rank": 0} if task != "train" else {}
    return settings.model_copy(update=alone)


def start_worker(
    run: RunDirectory,
    task: Task = "train",
    *,
    command: Sequence[str] | None = None,
    locks: Sequence[int] = (),
    gpus: Sequence[str] = (),
    accept_smaller: bool = False,
) -> subprocess.Popen[bytes]:
    """Start a worker for `task` on `run` in its own session, its output appended to `worker.log`.

    Args:
        command: What to start instead of the program that the profile asks for; RUN and TASK are added.
        locks: Descriptors of locks that the worker shall hold too, for as long as it lives.
        gpus: CUDA's names for the GPUs that the worker shall see; without any, those that the profile names.
        accept_smaller: Tell the worker that it may go on in smaller pieces without asking.

    Raises:
        LoratuiError: it cannot be started, or the run's profile cannot be read.
    """
    program, variables = list(command or ()), dict[str, str]()
    if command is None:
        program, variables = worker_program(run, settings_for(run, task))
    if gpus:
        variables["CUDA_VISIBLE_DEVICES"] = ",".join(gpus)
    if accept_smaller:
        variables[ACCEPT_SMALLER] = "1"
    environment = {
        # The log's last line is told as the cause of a death, so libraries shall not chat into it.
        "TRANSFORMERS_VERBOSITY": "error",
        "DIFFUSERS_VERBOSITY": "error",
        **os.environ,
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        # GPUs are numbered as nvidia-smi counts them, here as in the profile and in the slots' names.
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        **variables,
    }
    return _start(run, f"{task} ", [*program, str(run.path.absolute()), task], locks, environment)


def log_tail(path: Path) -> str:
    """The last line that the latest worker wrote to its log, safe to print; "" when it wrote none.

    What libraries merely warn of is passed over.
    """
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _LOG_TAIL_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    last = next((line.strip() for line in reversed(lines) if line.strip() and not _is_warning(line)), "")
    return "" if last.startswith(_LOG_MARK) else printable(last)[:500]


def _is_warning(line: str) -> bool:
    return line.strip().startswith("[transformers]") or "Warning:" in line


def _waiter_lock(run: RunDirectory) -> int:
    """The descriptor that says from now on, and through the waiter that inherits it, that the run is attended to."""
    try:
        descriptor = take_lock(run.waiter_lock_path, patience=0.5)
    except OSError as error:
        raise RunError(f"The run {printable(run.path)} cannot be written: {error.strerror or error}.") from error
    if descriptor is not None and not is_alive(run):
        return descriptor
    if descriptor is not None:
        os.close(descriptor)
    raise RunError(
        f"The run {printable(run.path)} is at work or waits for its turn already.", f"See it: loratui attach {run.name}"
    )


def _start_waiter(ticket: Ticket, lock: int) -> None:
    program = [sys.executable, "-m", "loratui.runs.waiter", str(ticket.run.path), str(lock)]
    try:
        _start(ticket.run, "wait ", program, (lock,), dict(os.environ))
    except RunError:
        ticket.remove()
        raise


def _start(
    run: RunDirectory, what: str, program: Sequence[str], descriptors: Sequence[int], environment: dict[str, str]
) -> subprocess.Popen[bytes]:
    path = run.path.absolute()
    try:
        with open(run.log_path, "ab", buffering=0) as log:
            log.write(f"{_LOG_MARK}{what}{time.strftime('%Y-%m-%d %H:%M:%S')}\n".encode())
            # `-m` would import from the current directory first, where a person may well keep a file such as random.py.
            return subprocess.Popen(
                program,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=path,
                env=environment,
                pass_fds=tuple(descriptors),
            )
    except OSError as error:
        raise RunError(f"The run {printable(path)} cannot be started: {error.strerror or error}.") from error
