"""A plan, a dataset and its problems in words and as JSON."""

from collections.abc import Iterable
from typing import Any

from loratui.command_line.terminal import Terminal
from loratui.dataset.problems import Problem, Severity, counted
from loratui.lora_file.naming import last_filename
from loratui.quantities import disk_size
from loratui.runs.plan import Plan

# "stop" is a command too: what a person has to do is plainer.
LABELS: dict[Severity, str] = {"stop": "must fix", "warning": "warning", "note": "note"}


def say_plan(plan: Plan, terminal: Terminal) -> None:
    """Say what a run would do."""
    terminal.say(f"{plan.name}: {counted(plan.images, 'image')} on the base {plan.base.name}")
    for folder in plan.folders:
        kind = " (regularisation)" if folder.regularisation else ""
        terminal.say(f"  {folder.path}: {counted(folder.images, 'image')} × {counted(folder.repeats, 'repeat')}{kind}")
    sizes = ", ".join(f"{bucket.width}×{bucket.height} ({bucket.images})" for bucket in plan.buckets)
    terminal.say(f"  buckets: {sizes}")
    terminal.say(
        f"  {counted(plan.batches_per_epoch, 'batch', 'batches')} of {plan.batch_size} an epoch, "
        f"{counted(plan.steps_per_epoch, 'step')} an epoch, "
        f"{counted(plan.epochs, 'epoch')}: {counted(plan.steps, 'step')}"
    )
    if plan.compilation.why:
        terminal.say(f"  {plan.compilation.in_words}")
    _say_files(plan, terminal)
    terminal.say(f"  about {disk_size(sum(need.bytes for need in plan.disk))} on disk")
    say_problems(plan.warnings, terminal)


def plan_fields(plan: Plan) -> dict[str, Any]:
    """The JSON object of `run --dry-run`."""
    return {
        "name": plan.name,
        "base": plan.base.name,
        "images": plan.images,
        "regularisation_images": plan.regularisation_images,
        "folders": [vars(folder) for folder in plan.folders],
        "buckets": [vars(bucket) for bucket in plan.buckets],
        "batch_size": plan.batch_size,
        "epochs": plan.epochs,
        "batches_per_epoch": plan.batches_per_epoch,
        "steps_per_epoch": plan.steps_per_epoch,
        "steps": plan.steps,
        "compilation": vars(plan.compilation),
        "files": [str(file) for file in plan.files],
        "disk_bytes": {str(need.directory): need.bytes for need in plan.disk},
        "warnings": [{"code": one.code, "message": one.message, "fix": one.fix} for one in plan.warnings],
    }


def say_problems(problems: Iterable[Problem], terminal: Terminal) -> None:
    """Say on stderr what a check found, but for the first that stops: that one is the error of the command itself."""
    said = list(problems)
    refusal = next((problem for problem in said if problem.severity == "stop"), None)
    for problem in said:
        if problem is not refusal:
            terminal.warn(f"{LABELS[problem.severity]}: {problem.message} {problem.fix}".rstrip())


def _say_files(plan: Plan, terminal: Terminal) -> None:
    """Say which files come, those of the saved epochs in one line."""
    last = next(index for index, file in enumerate(plan.files) if file.name == last_filename(plan.name))
    saved, others = plan.files[:last], plan.files[last:]
    if len(saved) > 1:
        terminal.say(f"  writes {saved[0]} … {saved[-1].name} ({counted(len(saved), 'file')})")
    for file in (*saved[: len(saved) == 1], *others):
        terminal.say(f"  writes {file}")
