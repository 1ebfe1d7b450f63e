"""From a profile to a run directory. Everything that can be refused is refused before the first file is written."""

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from loratui.command_line.planning import say_plan, say_problems
from loratui.command_line.terminal import Refused, Terminal
from loratui.dataset.checks import Report, check
from loratui.errors import LoratuiError, RunError
from loratui.generation.check import check_comparison
from loratui.hub.models import fetch, locate
from loratui.lora_file.naming import next_free, versions
from loratui.paths import runs_directory
from loratui.profile.changes import apply_overrides, resolve_paths
from loratui.profile.demo import demo_profile
from loratui.profile.schema import Profile
from loratui.profile.store import find_profile, load_profile, profile_name_of
from loratui.runs.directory import RunDirectory, create_run, list_runs
from loratui.runs.places import DiskNeed
from loratui.runs.plan import Plan, make_plan
from loratui.runs.removal import remove_run
from loratui.runs.state import run_state

DEMO = "demo"


@dataclass(frozen=True)
class Order:
    """A training that was asked for: a profile, what its output is called, and where it came from."""

    profile: Profile
    name: str
    origin: str
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True)
class Prepared:
    """A training that was checked and could begin."""

    order: Order
    profile: Profile
    plan: Plan


def order_of(name_or_path: str, overrides: Sequence[str]) -> Order:
    """The training that a saved profile or a TOML file asks for."""
    path = find_profile(name_or_path)
    profile = apply_overrides(load_profile(name_or_path), overrides)
    name = profile.output.name or profile_name_of(path)
    return Order(profile, name, str(path.absolute()), tuple(overrides))


def demo_order(out: str) -> Order:
    """The packaged pictures on the packaged base."""
    profile = demo_profile()
    if out:
        profile.output.directory = out
    return Order(profile, profile.output.name or DEMO, DEMO)


def prepare(orders: Sequence[Order], force: bool, terminal: Terminal) -> list[Prepared]:
    """Check every order and say its plan; nothing is written.

    Raises:
        LoratuiError: one of them cannot be trained.
    """
    prepared: list[Prepared] = []
    for order in orders:
        profile = resolve_paths(order.profile, Path.cwd())
        earlier = {(other.profile.output.directory, other.profile.output.name) for other in prepared}
        profile.output.name = _free_name(profile.output.directory, order.name, earlier, force)
        report = check(profile.dataset, profile.training.batch_size, profile.training.epochs)
        _refuse_stops(report, terminal)
        plan = make_plan(profile, report)
        check_comparison(profile, plan.manifest)
        if profile.output.name != order.name:
            terminal.say(f"{order.name} is taken, by files or by a run that can be resumed; this is {plan.name}.")
        say_plan(plan, terminal)
        prepared.append(Prepared(order, profile, plan))
    return prepared


def create_all(prepared: Sequence[Prepared]) -> list[RunDirectory]:
    """Write a run directory for each, or none.

    Raises:
        RunError: one of them cannot be written.
    """
    runs: list[RunDirectory] = []
    try:
        for one in prepared:
            order, manifest = one.order, one.plan.manifest
            runs.append(
                create_run(one.profile, manifest, runs_directory(), origin=order.origin, overrides=order.overrides)
            )
    except LoratuiError:
        for run in runs:
            with contextlib.suppress(RunError):
                remove_run(run)
        raise
    return runs


def fetch_bases(profile: Profile, terminal: Terminal, needs: Iterable[DiskNeed] = ()) -> None:
    """Make sure that every base of a profile is on this computer; `needs` is what will be written besides."""
    others = [(need.directory, need.bytes) for need in needs]
    for base in (profile.model.base, profile.model.vae, *profile.comparison.other_bases):
        if base:
            location = locate(base)
            if location.kind in ("hub", "hub_file"):
                terminal.say(f"Making sure that {location.name} is on this computer; a first download takes a while.")
            fetch(location, others=others)


def _free_name(directory: str, name: str, taken: set[tuple[str, str]], force: bool) -> str:
    """`name`, or its next version where files of it are there, or a run that may still go on is to write them."""
    free = next_free(directory, name, force=force)
    for version in versions(free):
        if (directory, version) in taken:
            continue
        if force or not _is_promised(directory, version):
            return free if version == free else next_free(directory, version, force=force)
    raise AssertionError("versions never end")


def _is_promised(directory: str, name: str) -> bool:
    """Whether a run that has not finished would write this name, now or once it is resumed."""
    for run in list_runs(runs_directory()):
        # A run's own name ends with its LoRA's, or a count after it; only such profiles need to be read.
        if name.lower() in run.name.lower() and run_state(run) != "finished":
            with contextlib.suppress(LoratuiError):
                output = run.read_profile().output
                if (output.directory, output.name.lower()) == (directory, name.lower()):
                    return True
    return False


def _refuse_stops(report: Report, terminal: Terminal) -> None:
    say_problems(report.problems, terminal)
    if report.stops:
        first = report.stops[0]
        raise Refused(first.message, first.fix, problems=report.as_json()["problems"])
