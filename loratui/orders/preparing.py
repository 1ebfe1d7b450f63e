"""From a profile to a run directory. Everything that can be refused is refused before the first file is written.

Knows no terminal and no screen: what a person should hear comes back as values, or as an error that carries them.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from loratui.dataset.checks import Examiner, Report, check
from loratui.errors import DatasetError, LoratuiError, RunError
from loratui.generation.check import check_comparison
from loratui.lora_file.naming import next_free, versions
from loratui.paths import runs_directory
from loratui.profile.changes import apply_overrides, resolve_paths
from loratui.profile.demo import demo_profile
from loratui.profile.schema import Profile
from loratui.profile.store import find_profile, load_profile, profile_name_of
from loratui.runs.directory import RunDirectory, create_run, list_runs
from loratui.runs.plan import Plan, make_plan
from loratui.runs.removal import remove_run
from loratui.runs.state import run_state

DEMO = "demo"


class DatasetRefused(DatasetError):
    """The pictures cannot be trained as they are; `report` holds everything that its check found."""

    def __init__(self, report: Report) -> None:
        super().__init__(report.stops[0].message, report.stops[0].fix)
        self.report = report
        self.problems = report.problems


@dataclass(frozen=True)
class Order:
    """A training that was asked for: a profile, what its output is called, and where it came from."""

    profile: Profile
    name: str
    origin: str
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True)
class Prepared:
    """A training that was checked and could begin.

    Attributes:
        profile: The order's, with absolute paths and a name for its output that is free.
        report: The check of its pictures, whose problems are warnings and notes.
        notes: Sentences on what was decided differently from the order.
    """

    order: Order
    profile: Profile
    plan: Plan
    report: Report
    notes: tuple[str, ...] = ()


def order_of(name_or_path: str, overrides: Sequence[str] = ()) -> Order:
    """The training that a saved profile or a TOML file asks for."""
    path = find_profile(name_or_path)
    profile = apply_overrides(load_profile(name_or_path), overrides)
    name = profile.output.name or profile_name_of(path)
    return Order(profile, name, str(path.absolute()), tuple(overrides))


def demo_order(out: str = "") -> Order:
    """The packaged pictures on the packaged base."""
    profile = demo_profile()
    if out:
        profile.output.directory = out
    return Order(profile, profile.output.name or DEMO, DEMO)


def prepare(orders: Sequence[Order], force: bool = False, examiner: Examiner | None = None) -> list[Prepared]:
    """Check every order and plan it; nothing is written.

    Args:
        force: Replace files of the same name instead of taking the next free one.
        examiner: What decodes the pictures; as for `check`.

    Raises:
        DatasetRefused: pictures of one of them cannot be trained.
        LoratuiError: one of them cannot be trained for another reason.
    """
    return list(prepare_each(orders, force, examiner=examiner))


def prepare_each(
    orders: Sequence[Order],
    force: bool = False,
    on_report: Callable[[Report], None] = lambda report: None,
    progress: Callable[[int, int], None] | None = None,
    examiner: Examiner | None = None,
) -> Iterator[Prepared]:
    """Yield what `prepare` returns, each order as soon as it is planned.

    Args:
        progress: Called with (pictures checked, pictures in all) from the calling thread; may raise to give up.
        on_report: Called with what the check of each order's pictures found, before anything is refused for it.
        examiner: What decodes the pictures; as for `check`.
    """
    taken: set[tuple[str, str]] = set()
    for order in orders:
        profile = resolve_paths(order.profile, Path.cwd())
        profile.output.name = _free_name(profile.output.directory, order.name, taken, force)
        taken.add((profile.output.directory, profile.output.name))
        training = profile.training
        report = check(profile.dataset, training.batch_size, training.epochs, progress=progress, examiner=examiner)
        on_report(report)
        if report.stops:
            raise DatasetRefused(report)
        plan = make_plan(profile, report)
        check_comparison(profile, plan.manifest)
        notes = []
        if profile.output.name != order.name:
            notes.append(f"{order.name} is taken, by files or by a run that can be resumed; this is {plan.name}.")
        yield Prepared(order, profile, plan, report, tuple(notes))


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


def bases_of(profile: Profile) -> tuple[str, ...]:
    """Every base that a run of this profile reads, as the profile names it, each once."""
    named = (profile.model.base, profile.model.vae, *profile.comparison.other_bases)
    return tuple(dict.fromkeys(filter(None, named)))


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
