"""`run`, `demo`, `resume`, `attach`, `compare`: from a profile or a run to a worker, from its events to an answer."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from loratui.command_line.comparing import run_to_compare, trained_lora
from loratui.command_line.concluding import Outcome, conclude, conclude_failure
from loratui.command_line.following import Follower
from loratui.command_line.interruptions import Interruptions
from loratui.command_line.picture import Images
from loratui.command_line.planning import plan_fields
from loratui.command_line.preparing import fetch_bases, prepare
from loratui.command_line.telling import position_line
from loratui.command_line.terminal import Terminal
from loratui.command_line.watching import View, view_for
from loratui.errors import ProfileError, RunError
from loratui.generation.check import check_comparison
from loratui.hub.models import locate
from loratui.orders.preparing import Order, create_all, demo_order, order_of
from loratui.paths import runs_directory
from loratui.profile.changes import apply_overrides, resolve_paths
from loratui.profile.store import write_profile
from loratui.runs.directory import RunDirectory
from loratui.runs.ending import WorkerFailed
from loratui.runs.events import EventReader, events_size
from loratui.runs.finding import choose_run, newest_or_living, only_resumable
from loratui.runs.history import History, fold
from loratui.runs.launch import start_run
from loratui.runs.lock import is_alive, is_busy
from loratui.runs.queue import place_in_queue, take_back, ticket_of
from loratui.runs.state import run_state
from loratui.safe_text import printable
from loratui.settings import read_settings

# With a free slot a worker lives within this many seconds; whoever detaches then hears "running", not "queued".
_TIME_TO_BEGIN = 2.0
_CHANGED_BY_COMPARE = ("comparison", "accelerate")


@dataclass(frozen=True)
class RunOptions:
    """What the command line says about a run, beside the profile."""

    dry_run: bool = False
    force: bool = False
    detach: bool = False
    auto: bool = False
    images: Images = Images.auto


@dataclass(frozen=True)
class Following:
    """A run to be followed.

    Attributes:
        history: What `reader` has read of it so far.
        owns: It was started by this command.
        ended: It was over before this command began, which therefore only tells how it was.
        resumes: The worker will say where it goes on.
        then: The runs of this command that come after it.
    """

    run: RunDirectory
    history: History
    reader: EventReader
    interruptions: Interruptions
    owns: bool = True
    ended: bool = False
    resumes: bool = False
    then: Sequence[RunDirectory] = ()


def run_profiles(names: Sequence[str], overrides: Sequence[str], options: RunOptions, terminal: Terminal) -> int:
    """Train by saved profiles or TOML files, one after the other; returns the exit code."""
    return _train([order_of(name, overrides) for name in names], options, terminal)


def run_demo(out: str, options: RunOptions, terminal: Terminal) -> int:
    """Train the packaged pictures on the packaged base; returns the exit code."""
    return _train([demo_order(out)], options, terminal)


def _train(orders: Sequence[Order], options: RunOptions, terminal: Terminal) -> int:
    prepared = prepare(orders, options.force, terminal)
    read_settings()
    if options.dry_run:
        return _answer([Outcome(0, plan_fields(one.plan)) for one in prepared], terminal)
    needs = [need for one in prepared for need in one.plan.disk]
    for one in prepared:
        fetch_bases(one.profile, terminal, needs)
    runs = create_all(prepared)
    with Interruptions() as interruptions:
        for run in runs:
            terminal.say(f"Run {run.path}")
            start_run(run)
        if options.detach:
            return _answer([_detached(run, terminal) for run in runs], terminal)
        return _answer(_follow_all(runs, terminal, options.images, interruptions), terminal)


def resume(name: str, options: RunOptions, terminal: Terminal) -> int:
    """Go on with a run that was stopped or interrupted; returns the exit code."""
    run = choose_run(name, runs_directory()) if name else only_resumable(runs_directory())
    reader = EventReader(run.events_path)
    history = fold(reader.read())
    # The part of a further machine ends when the first one is stopped, and begins again with it.
    if run_state(run) == "finished" and not run.read_profile().accelerate.machine_rank:
        raise RunError(
            f"The run {printable(run.path)} has finished.", f"Draw its grid again: loratui compare {run.name}"
        )
    step = history.state.get("step") if history.state else None
    with Interruptions() as interruptions:
        start_run(run, accept_smaller=options.auto)
        if isinstance(step, int):
            # Whoever stays hears it from the worker.
            where = f" at {position_line(step, history.steps, history.rates.get(step))}" if options.detach else ""
            terminal.say(f"Resuming {run.name}{where}.")
        else:
            terminal.say(f"{run.name} has saved no state yet: it starts from the beginning.")
        if options.detach:
            return _answer([_detached(run, terminal, step=step or 0, steps=history.steps)], terminal)
        following = Following(run, history, reader, interruptions, resumes=isinstance(step, int))
        return _answer([_follow(following, terminal, options.images)], terminal)


def attach(name: str, images: Images, terminal: Terminal) -> int:
    """Show what a run has done so far, then follow it; returns the exit code."""
    run = choose_run(name, runs_directory()) if name else newest_or_living(runs_directory())
    ticket = ticket_of(run)
    if ticket is not None and not ticket.is_living:
        raise RunError(
            f"The run {printable(run.name)} waits for its turn, but what waited for it is gone, as after a restart.",
            "Go on with all that wait: loratui queue start",
        )
    ended = ticket is None and not is_busy(run)
    reader = EventReader(run.events_path)
    history = fold(reader.read())
    if ticket is not None and ticket.task == "compare":
        history.task, history.comparison_end = "compare", None
    terminal.say(f"Run {run.path}")
    with Interruptions() as interruptions:
        outcome = _follow(Following(run, history, reader, interruptions, owns=False, ended=ended), terminal, images)
    curve = [[step, loss] for step, loss in history.losses.items()]
    return _answer([Outcome(outcome.exit_code, {**outcome.fields, "curve": curve})], terminal)


def compare(target: str, overrides: Sequence[str], force: bool, images: Images, terminal: Terminal) -> int:
    """Draw the grid of a finished run again; `target` is a profile whose newest trained run is meant, or a run.

    Args:
        force: Replace the grid beside the LoRA instead of counting up.
    """
    run, wanted = run_to_compare(target)
    terminal.say(f"Comparing {trained_lora(run)} of the run {run.name}.")
    if is_busy(run):
        raise RunError(f"The run {printable(run.path)} is still at work.", "Wait until it has finished.")
    for override in overrides:
        if override.strip().partition(".")[0] not in _CHANGED_BY_COMPARE:
            raise ProfileError(
                f"--set: a comparison cannot change {printable(override.partition('=')[0])}.",
                "Set comparison.… or accelerate.…, or train again with `loratui run`.",
            )
    frozen = run.read_profile()
    for section in _CHANGED_BY_COMPARE:
        setattr(frozen, section, getattr(wanted, section))
    frozen = resolve_paths(apply_overrides(frozen, overrides), Path.cwd())
    frozen.comparison.enabled = True
    locate(frozen.model.base)
    check_comparison(frozen, run.read_manifest())
    fetch_bases(frozen, terminal)
    write_profile(frozen, run.comparison_profile_path, run.name)
    if force:
        run.replaces_grid_path.touch()
    else:
        run.replaces_grid_path.unlink(missing_ok=True)
    reader = EventReader(run.events_path, events_size(run.events_path))
    with Interruptions() as interruptions:
        start_run(run, "compare")
        history = History(task="compare")
        return _answer([_follow(Following(run, history, reader, interruptions), terminal, images)], terminal)


def _follow_all(
    runs: Sequence[RunDirectory], terminal: Terminal, images: Images, interruptions: Interruptions
) -> list[Outcome]:
    """Follow runs one after the other; whoever leaves one or stops it by a signal leaves them all."""
    outcomes: list[Outcome] = []
    for number, run in enumerate(runs):
        if len(runs) > 1:
            terminal.say(f"\nRun {number + 1} of {len(runs)}: {run.name}", style="bold")
        following = Following(run, History(), EventReader(run.events_path), interruptions, then=runs[number + 1 :])
        outcome = _follow(following, terminal, images)
        outcomes.append(outcome)
        if outcome.left or outcome.exit_code > 128:
            break
    return outcomes


def _follow(following: Following, terminal: Terminal, images: Images) -> Outcome:
    run, history = following.run, following.history
    view: View = view_for(terminal)

    def take_others_back() -> None:
        # First, or the next one would begin as soon as this one ends.
        for waiting in filter(take_back, following.then):
            terminal.say(f"{waiting.name} was taken out of the queue.")

    try:
        view.begin(history, resumes=following.resumes)
        follower = Follower(
            run, terminal, view, following.interruptions, owns=following.owns, before_stop=take_others_back
        )
        ending = follower.follow(history, following.reader)
    except WorkerFailed as error:
        view.close()
        if following.ended:
            error.exit_code = 1
        return conclude_failure(error, run, history, terminal)
    finally:
        view.close()
    if following.ended and ending.kind != "left":
        ending = replace(ending, signal_number=0)
    return conclude(ending, run, history, terminal, images)


def _detached(run: RunDirectory, terminal: Terminal, **figures: Any) -> Outcome:
    place, deadline = "", time.monotonic() + _TIME_TO_BEGIN
    while not is_alive(run) and is_busy(run) and not place and time.monotonic() < deadline:
        time.sleep(0.05)
        place = place_in_queue(run)
    if place:
        terminal.say(place)
    terminal.say(f"{run.name} goes on by itself. See it: loratui attach {run.name}")
    return Outcome(0, {"name": run.name, "run": str(run.path), "state": run_state(run), **figures})


def _answer(outcomes: Sequence[Outcome], terminal: Terminal) -> int:
    """Write the JSON answer; returns the first exit code that is not 0."""
    if len(outcomes) == 1:
        terminal.answer(**outcomes[0].fields)
    else:
        terminal.answer(runs=[outcome.fields for outcome in outcomes])
    return next((outcome.exit_code for outcome in outcomes if outcome.exit_code), 0)
