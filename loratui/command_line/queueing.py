"""`queue`: who waits for which GPU, taking runs out, and starting what a reboot left behind."""

import getpass
import os
import shlex
import sys
from pathlib import Path

from loratui.command_line.terminal import Terminal
from loratui.errors import RunError
from loratui.paths import runs_directory
from loratui.runs.directory import RunDirectory
from loratui.runs.finding import choose_run
from loratui.runs.launch import start_again
from loratui.runs.queue import Ticket, describe_slots, left_behind, take_back, ticket_of, tickets
from loratui.runs.slots import Wish, slot_holders
from loratui.safe_text import printable

# systemd knows nothing of what a person's shell has set; these say where profiles, runs and bases are.
_DIRECTORIES = ("LORATUI_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "HF_HOME")

_UNIT = """\
# Starts at boot what waits in loratui's queue. Save as ~/.config/systemd/user/loratui-queue.service, then:
#   systemctl --user daemon-reload && systemctl --user enable loratui-queue.service
#   loginctl enable-linger {user}
# Lingering also keeps runs alive where the system ends a person's processes at logout.
[Unit]
Description=Start what waits in loratui's queue

[Service]
Type=oneshot
KillMode=process
{environment}ExecStart={command} -m loratui queue start

[Install]
WantedBy=default.target
"""


def list_queue(terminal: Terminal) -> int:
    """List what is at work on each slot and who waits, in order."""
    holders, waiting = slot_holders(), tickets()
    for slot, path in holders.items():
        terminal.say(f"{describe_slots(Wish((slot,)))}: {RunDirectory(Path(path)).name}")
    for place, ticket in enumerate(waiting, 1):
        terminal.say(f"{place:>3}. {ticket.run.name}  for {describe_slots(ticket.wish)}  {_state(ticket)}")
    if not holders and not waiting:
        terminal.say("Nothing is at work and nothing waits.")
    terminal.answer(
        at_work=[{"slot": slot, "directory": path} for slot, path in holders.items()],
        waiting=[
            {
                "name": ticket.run.name,
                "directory": str(ticket.run.path),
                "slots": ticket.wish.slots,
                "count": ticket.wish.count,
                "state": _state(ticket),
            }
            for ticket in waiting
        ],
    )
    return 0


def remove_from_queue(name: str, terminal: Terminal) -> int:
    """Take a waiting run out of the queue."""
    run = choose_run(name, runs_directory())
    if not take_back(run):
        ticket = ticket_of(run)
        why = "has its turn already" if ticket is not None else "does not wait in the queue"
        raise RunError(f"The run {printable(run.name)} {why}.", "`loratui queue` lists those that wait.")
    again = f"loratui resume {shlex.quote(run.name)} --detach"
    terminal.say(f"{run.name} was taken out of the queue. Queue it again: {again}")
    terminal.answer(name=run.name, run=str(run.path), removed=True)
    return 0


def start_queue(terminal: Terminal) -> int:
    """Start the waiters of those that were left behind, in order."""
    started = left_behind()
    for ticket in started:
        start_again(ticket)
        terminal.say(f"{ticket.run.name} waits for {describe_slots(ticket.wish)} again.")
    if not started:
        terminal.say("Nothing waits to be started.")
    terminal.answer(started=[ticket.run.name for ticket in started])
    return 0


def print_unit(terminal: Terminal) -> int:
    """Print a systemd user unit that starts the queue at boot."""
    text = _UNIT.format(
        user=shlex.quote(getpass.getuser()),
        environment="".join(
            f'Environment="{name}={_for_systemd(os.path.abspath(os.environ[name]))}"\n'
            for name in _DIRECTORIES
            if os.environ.get(name)
        ),
        command=f'"{_for_systemd(sys.executable)}"',
    )
    for line in text.splitlines():
        terminal.say(line, verbatim=True)
    terminal.answer(unit=text)
    return 0


def tell_of_left_behind(terminal: Terminal) -> None:
    """Say that runs wait which nobody attends to, as after a reboot."""
    if waiting := left_behind():
        runs = "1 queued run waits" if len(waiting) == 1 else f"{len(waiting)} queued runs wait"
        terminal.warn(f"{runs} for loratui, as after a restart: `loratui queue start` goes on with them.")


def _state(ticket: Ticket) -> str:
    if ticket.starting:
        return "starting"
    return "queued" if ticket.is_living else "waiting for loratui"


def _for_systemd(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
