"""`run`, `demo` and `compare`: from a profile to a worker, and from its events to an answer.

Everything that can be refused is refused before the first file is written.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from loratui.command_line.picture import Images, draw_picture
from loratui.command_line.planning import plan_fields, say_plan, say_problems
from loratui.command_line.record import Record
from loratui.command_line.summary import say_compared, say_finished
from loratui.command_line.terminal import Refused, Terminal
from loratui.command_line.watching import View, view_for
from loratui.dataset.checks import Report, check
from loratui.errors import ProfileError, RunError
from loratui.hub.models import BaseLocation, fetch, locate
from loratui.lora_file.naming import next_free
from loratui.paths import runs_directory
from loratui.profile.changes import apply_overrides, resolve_paths
from loratui.profile.demo import demo_profile
from loratui.profile.schema import Profile
from loratui.profile.store import find_profile, load_profile, profile_name_of, profile_path, write_profile
from loratui.runs.directory import RunDirectory, Task, create_run, find_run, list_runs
from loratui.runs.events import Event, events_size, read_events
from loratui.runs.launch import Ending, follow_worker, start_worker
from loratui.runs.lock import is_alive
from loratui.runs.plan import make_plan
from loratui.runs.state import ended_as, run_state
from loratui.safe_text import printable

DEMO = "demo"
_CHANGED_BY_COMPARE = ("comparison", "accelerate")


@dataclass(frozen=True)
class RunOptions:
    """What the command line says about a run, beside the profile."""

    dry_run: bool = False
    force: bool = False
    images: Images = Images.auto


def run_profile(name_or_path: str, overrides: Sequence[str], options: RunOptions, terminal: Terminal) -> int:
    """Train by a saved profile or a TOML file; returns the exit code."""
    path = find_profile(name_or_path)
    profile = apply_overrides(load_profile(name_or_path), overrides)
    name = profile.output.name or profile_name_of(path)
    return _train(profile, name, str(path.absolute()), overrides, options, terminal)


def run_demo(out: str, options: RunOptions, terminal: Terminal) -> int:
    """Train the packaged pictures on the packaged base; returns the exit code."""
    profile = demo_profile()
    if out:
        profile.output.directory = out
    return _train(profile, profile.output.name or DEMO, DEMO, (), options, terminal)


def _train(
    profile: Profile, name: str, origin: str, overrides: Sequence[str], options: RunOptions, terminal: Terminal
) -> int:
    profile = resolve_paths(profile, Path.cwd())
    profile.output.name = next_free(profile.output.directory, name, force=options.force)
    report = check(profile.dataset, profile.training.batch_size, profile.training.epochs)
    _refuse_stops(report, terminal)
    plan = make_plan(profile, report)
    say_plan(plan, terminal)
    if options.dry_run:
        terminal.answer(**plan_fields(plan))
        return 0
    _fetch_bases(profile, terminal)
    run = create_run(profile, plan.manifest, runs_directory(), origin=origin, overrides=overrides)
    terminal.say(f"Run {run.path}")
    record = Record()
    ending = _follow(run, "train", record, terminal)
    if ending.kind != "finished":
        return _say_unfinished(ending, run, record, terminal)
    say_finished(terminal, run, record, ending.fields)
    _draw_grid(ending.fields, terminal, options.images)
    terminal.answer(**record.figures(ending.fields), run=str(run.path))
    return 0


def compare(target: str, overrides: Sequence[str], images: Images, terminal: Terminal) -> int:
    """Draw the grid of a finished run again; `target` is a run, or a profile whose newest finished run is meant."""
    run, wanted = _run_to_compare(target)
    if is_alive(run):
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
    _fetch_bases(frozen, terminal)
    write_profile(frozen, run.comparison_profile_path, run.name)
    record = Record()
    ending = _follow(run, "compare", record, terminal)
    if ending.kind != "finished":
        return _say_unfinished(ending, run, record, terminal)
    say_compared(terminal, run, ending.fields)
    _draw_grid(ending.fields, terminal, images)
    told = {key: value for key, value in ending.fields.items() if key not in ("event", "time", "attempt")}
    terminal.answer(**told, warnings=record.warnings, run=str(run.path))
    return 0


def _run_to_compare(target: str) -> tuple[RunDirectory, Profile]:
    """The run that `target` means, and the profile whose comparison is to be drawn."""
    if run := find_run(target, runs_directory()):
        if ended_as(read_events(run.events_path)) != "finished":
            raise RunError(f"The run {printable(run.path)} has not finished.", "Only a finished run can be drawn.")
        return run, run.read_profile()
    is_demo = target == DEMO and not profile_path(DEMO).is_file()
    profile = demo_profile() if is_demo else load_profile(target)
    origin = DEMO if is_demo else str(find_profile(target).absolute())
    for run in list_runs(runs_directory()):
        if run.read_origin() == origin and run_state(run) == "finished":
            return run, resolve_paths(profile, Path.cwd())
    command = "loratui demo" if is_demo else f"loratui run {printable(target)}"
    raise RunError(f"No run of {printable(target)} has finished yet.", f"Train first: {command}")


def _refuse_stops(report: Report, terminal: Terminal) -> None:
    say_problems(report.problems, terminal)
    if report.stops:
        first = report.stops[0]
        raise Refused(first.message, first.fix, problems=report.as_json()["problems"])


def _fetch_bases(profile: Profile, terminal: Terminal) -> None:
    for base in (profile.model.base, profile.model.vae, *profile.comparison.other_bases):
        if base:
            _fetch(locate(base), terminal)


def _fetch(location: BaseLocation, terminal: Terminal) -> None:
    if location.kind in ("hub", "hub_file"):
        terminal.say(f"Making sure that {location.name} is on this computer; a first download takes a while.")
    fetch(location)


def _follow(run: RunDirectory, task: Task, record: Record, terminal: Terminal) -> Ending:
    start = events_size(run.events_path)
    process = start_worker(run, task)
    view: View = view_for(terminal)

    def take(event: Event) -> None:
        record.take(event)
        view.show(event)

    def stopping(signal_number: int) -> None:
        view.note("Stopping after this step. Ctrl+C again leaves the worker running and returns at once.")

    try:
        return follow_worker(run, process, take, start=start, on_stopping=stopping)
    finally:
        view.close()


def _say_unfinished(ending: Ending, run: RunDirectory, record: Record, terminal: Terminal) -> int:
    step = ending.fields.get("step") or record.step
    if ending.kind == "left":
        what = f"The worker goes on by itself; its run is {printable(run.path)}."
    else:
        what = f"The run was stopped at step {printable(step)}; it is {printable(run.path)}."
    terminal.say(what)
    terminal.answer(error=what, todo="", state=ending.kind, step=step, run=str(run.path), saved=record.saved)
    return ending.exit_code


def _draw_grid(last: Event, terminal: Terminal, images: Images) -> None:
    grid = last.get("grid")
    if isinstance(grid, str) and grid and Path(grid).is_file():
        draw_picture(Path(grid), terminal, images)
