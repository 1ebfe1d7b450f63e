"""`check`: what is in a folder of pictures, what is wrong with it, and how many steps it makes."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from loratui.command_line.planning import LABELS
from loratui.command_line.terminal import Refused, Terminal
from loratui.dataset.checks import Report, check
from loratui.dataset.problems import Problem, counted, most_serious_first
from loratui.errors import DatasetError
from loratui.profile.changes import apply_overrides
from loratui.profile.fields import why_not_plain
from loratui.profile.schema import Dataset, Profile

_STYLES = {"stop": "bold red", "warning": "yellow", "note": ""}
_SETTINGS = {
    "--resolution": "dataset.resolution",
    "--repeats": "dataset.repeats",
    "--batch-size": "training.batch_size",
    "--epochs": "training.epochs",
}


def check_folder(folder: str, options: Mapping[str, str], terminal: Terminal) -> int:
    """Check `folder` as a run with these settings would; returns 2 when it cannot be trained.

    Args:
        folder: As it was typed.
        options: The values that were given, by option, as they were typed.
        terminal: Where the report goes.

    Raises:
        LoratuiError: an option makes no sense, or there is nothing to look through.
    """
    if not folder.strip():
        raise DatasetError("No picture folder is given.", "Name the folder with the pictures: loratui check FOLDER")
    profile = _profile(options)
    defaults, side = Profile().dataset, profile.dataset.resolution
    # Not by assignment: a profile refuses names that it could not write down, but they can be looked through.
    section = profile.dataset.model_copy(
        update={
            "path": folder,
            "bucketing": True,
            "min_bucket_reso": min(side, defaults.min_bucket_reso),
            "max_bucket_reso": max(side, defaults.max_bucket_reso),
        }
    )
    report = check(section, profile.training.batch_size, profile.training.epochs)
    if not report.scan.folders:
        first = report.stops[0]
        raise Refused(first.message, first.fix, **_fields(report))
    if reason := why_not_plain(str(report.scan.root)):
        report = replace(report, problems=most_serious_first([*report.problems, _unwritable(report, reason)]))
    _say(report, terminal)
    if report.stops:
        first = report.stops[0]
        terminal.answer(**_fields(report), error=first.message, todo=first.fix)
        return 2
    terminal.answer(**_fields(report))
    return 0


def _profile(options: Mapping[str, str]) -> Profile:
    """The defaults with what was typed; the limits of the buckets come later, since they follow the resolution."""
    base = Profile(dataset=Dataset(bucketing=False))
    changes = [f"{_SETTINGS[option]}={text}" for option, text in options.items()]
    return apply_overrides(base, changes, {setting: option for option, setting in _SETTINGS.items()})


def _unwritable(report: Report, reason: str) -> Problem:
    return Problem(
        "warning",
        "control-characters",
        report.scan.root,
        f"A profile cannot hold the name of this folder: it {reason}.",
        "Rename the folder before you train it.",
    )


def _fields(report: Report) -> dict[str, object]:
    return {
        **report.as_json(),
        "steps_per_epoch": report.batches_per_epoch,
        "steps": report.batches_per_epoch * report.epochs,
    }


def _say(report: Report, terminal: Terminal) -> None:
    terminal.say(f"{report.scan.root}: {counted(len(report.images), 'image')}")
    counts = Counter(image.found.folder.path for image in report.images)
    for folder in report.scan.folders:
        about = [f"without a caption: {folder.class_tokens}"] if folder.class_tokens else []
        about += ["regularisation"] if folder.regularisation else []
        terminal.say(
            f"  {folder.path.name}: {counted(counts[folder.path], 'image')} × {counted(folder.repeats, 'repeat')}"
            + (f" ({', '.join(about)})" if about else "")
        )
    if report.images:
        sizes = ", ".join(f"{width}×{height}: {samples}" for (width, height), samples in report.buckets.items())
        steps = report.batches_per_epoch
        terminal.say(f"  buckets, with their samples of an epoch: {sizes}")
        terminal.say(
            f"  {counted(steps, 'batch', 'batches')} of {report.batch_size} an epoch, "
            f"{counted(steps * report.epochs, 'step')} in {counted(report.epochs, 'epoch')}"
        )
    for problem in report.problems:
        terminal.say(f"{LABELS[problem.severity]}: {problem.message}", style=_STYLES[problem.severity])
        if problem.fix:
            terminal.say(f"  {problem.fix}")
    if not report.problems:
        terminal.say("No problems found.", style="green")
