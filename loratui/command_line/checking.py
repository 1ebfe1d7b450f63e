"""`check`: what is in a folder of pictures, what is wrong with it, and how many steps it makes."""

from collections import Counter
from collections.abc import Sequence

from loratui.command_line.terminal import Terminal
from loratui.dataset.checks import Report, check
from loratui.profile.changes import apply_overrides
from loratui.profile.schema import Profile

_STYLES = {"stop": "bold red", "warning": "yellow", "note": ""}


def check_folder(folder: str, overrides: Sequence[str], resolution: int, terminal: Terminal) -> int:
    """Check `folder` as a run with these settings would; returns 2 when it cannot be trained."""
    defaults = Profile().dataset
    limits = [
        f"dataset.resolution={resolution}",
        f"dataset.min_bucket_reso={min(resolution, defaults.min_bucket_reso)}",
        f"dataset.max_bucket_reso={max(resolution, defaults.max_bucket_reso)}",
    ]
    profile = apply_overrides(Profile(), [*limits, *overrides])
    profile.dataset.path = folder
    report = check(profile.dataset, profile.training.batch_size, profile.training.epochs)
    _say(report, terminal)
    fields = {
        **report.as_json(),
        "steps_per_epoch": report.batches_per_epoch,
        "steps": report.batches_per_epoch * report.epochs,
    }
    if report.stops:
        first = report.stops[0]
        terminal.answer(**fields, error=first.message, todo=first.fix)
        return 2
    terminal.answer(**fields)
    return 0


def _say(report: Report, terminal: Terminal) -> None:
    terminal.say(f"{report.scan.root}: {len(report.images)} images")
    counts = Counter(image.found.folder.path for image in report.images)
    for folder in report.scan.folders:
        kind = ", regularisation" if folder.regularisation else ""
        terminal.say(
            f"  {folder.path.name}: {counts[folder.path]} images × {folder.repeats} repeats"
            f" (without a caption: {folder.class_tokens}{kind})"
        )
    if report.images:
        sizes = ", ".join(f"{width}×{height}: {samples}" for (width, height), samples in report.buckets.items())
        steps = report.batches_per_epoch
        terminal.say(f"  buckets, with their samples of an epoch: {sizes}")
        terminal.say(
            f"  {steps} batches of {report.batch_size} an epoch, "
            f"{steps * report.epochs} steps in {report.epochs} epochs"
        )
    for problem in report.problems:
        terminal.say(f"{problem.severity}: {problem.message}", style=_STYLES[problem.severity])
        if problem.fix:
            terminal.say(f"  {problem.fix}")
    if not report.problems:
        terminal.say("No problems found.", style="green")
