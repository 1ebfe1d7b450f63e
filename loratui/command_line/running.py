"""`run`, `demo`, `resume`, `attach`, `compare`: from a profile or a run to a worker, from its events to an answer."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loratui.command_line.concluding import Outcome, conclude, conclude_failure
from loratui.command_line.following import Follower, place_in_queue
from loratui.command_line.interruptions import Interruptions
from loratui.command_line.picture import Images
from loratui.command_line.planning import plan_fields
from loratui.command_line.preparing import DEMO, Order, create_all, demo_order, fetch_bases, order_of, prepare
from loratui.command_line.telling import position_line
from loratui.command_line.terminal import Terminal
from loratui.command_line.watching import View, view_for
from loratui.errors import ProfileError, RunError
from loratui.generation.check import check_comparison
from loratui.hub.models import locate
from loratui.paths import runs_directory
from loratui.profile.changes import apply_overrides, resolve_paths
from loratui.profile.demo import demo_profile
from loratui.profile.schema import Profile
from loratui.profile.store import find_profile, load_profile, profile_path, write_profile
from loratui.runs.directory import RunDirectory, find_run, list_runs
from loratui.runs.ending import WorkerFailed
from loratui.runs.events import EventReader, events_size, read_landmarks
from loratui.runs.finding import choose_run, newest_or_living
from loratui.runs.history import History, fold
from loratui.runs.launch import start_run
from loratui.runs.lock import is_alive, is_busy
from loratui.runs.queue import take_back, ticket_of
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
        then: The runs of this command that come after it.
    """

    run: RunDirectory
    history: History
    reader: EventReader
    interruptions: Interruptions
    owns: bool = True
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
    run = choose_run(name, runs_directory())
    reader = EventReader(run.events_path)
    history = fold(reader.read())
    # The part of a further machine ends when the first one is stopped, and begins again with it.
    if run_state(run) == "finished" and not run.read_profile().accelerate.machine_rank:
        raise RunError(
            f"The run {printable(run.path)} has finished.", f"Draw its grid again: loratui compare {run.name}"
        )
    step = history.state.get("step") if history.state else None
    rate = history.rates.get(step) if isinstance(step, int) else None
    with Interruptions() as interruptions:
        start_run(run, accept_smaller=options.auto)
        if isinstance(step, int):
            terminal.say(f"Resuming {run.name} at {position_line(step, history.steps, rate)}.")
        else:
            terminal.say(f"{run.name} has saved no state yet: it starts from the beginning.")
        if options.detach:
            return _answer([_detached(run, terminal, step=step or 0, steps=history.steps)], terminal)
        return _answer([_follow(Following(run, history, reader, interruptions), terminal, options.images)], terminal)


def attach(name: str, images: Images, terminal: Terminal) -> int:
    """Show what a run has done so far, then follow it; returns the exit code."""
    run = choose_run(name, runs_directory()) if name else newest_or_living(runs_directory())
    ticket = ticket_of(run)
    if ticket is not None and not ticket.is_living:
        raise RunError(
            f"The run {printable(run.name)} waits for its turn, but what waited for it is gone, as after a restart.",
            "Go on with all that wait: loratui queue start",
        )
    reader = EventReader(run.events_path)
    history = fold(reader.read())
    if ticket is not None and ticket.task == "compare":
        history.task, history.comparison_end = "compare", None
    terminal.say(f"Run {run.path}")
    with Interruptions() as interruptions:
        outcome = _follow(Following(run, history, reader, interruptions, owns=False), terminal, images)
    curve = [[step, loss] for step, loss in history.losses.items()]
    return _answer([Outcome(outcome.exit_code, {**outcome.fields, "curve": curve})], terminal)


def compare(target: str, overrides: Sequence[str], images: Images, terminal: Terminal) -> int:
    """Draw the grid of a finished run again; `target` is a run, or a profile whose newest finished run is meant."""
    run, wanted = _run_to_compare(target)
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
    reader = EventReader(run.events_path, events_size(run.events_path))
    with Interruptions() as interruptions:
        start_run(run, "compare")
        history = History(task="compare")
        return _answer([_follow(Following(run, history, reader, interruptions), terminal, images)], terminal)


def _run_to_compare(target: str) -> tuple[RunDirectory, Profile]:
    """The run that `target` means, and the profile whose comparison is to be drawn."""
    if run := find_run(target, runs_directory()):
        if not _has_lora(run):
            raise RunError(
                f"The run {printable(run.path)} has not finished its training.", "Only a trained LoRA can be drawn."
            )
        return run, run.read_profile()
    is_demo = target == DEMO and not profile_path(DEMO).is_file()
    profile = demo_profile() if is_demo else load_profile(target)
    origin = DEMO if is_demo else str(find_profile(target).absolute())
    for run in list_runs(runs_directory()):
        if run.read_origin() == origin and not is_busy(run) and _has_lora(run):
            return run, resolve_paths(profile, Path.cwd())
    command = "loratui demo" if is_demo else f"loratui run {printable(target)}"
    raise RunError(f"No run of {printable(target)} has finished yet.", f"Train first: {command}")


def _has_lora(run: RunDirectory) -> bool:
    """Say whether the training ended, even if the drawing after it failed."""
    return any(event["event"] == "trained" for event in read_landmarks(run.events_path))


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
        view.begin(history)
        follower = Follower(
            run, terminal, view, following.interruptions, owns=following.owns, before_stop=take_others_back
        )
        ending = follower.follow(history, following.reader)
    except WorkerFailed as error:
        view.close()
        return conclude_failure(error, run, history, terminal)
    finally:
        view.close()
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
