"""A plan, a dataset and its problems in words and as JSON."""

from collections.abc import Iterable
from typing import Any

from loratui.command_line.terminal import Terminal
from loratui.dataset.problems import Problem
from loratui.runs.places import size_text
from loratui.runs.plan import Plan

_FILES_SHOWN = 6


def say_plan(plan: Plan, terminal: Terminal) -> None:
    """Say what a run would do."""
    terminal.say(f"{plan.name}: {plan.images} images on the base {plan.base.name}")
    for folder in plan.folders:
        kind = " (regularisation)" if folder.regularisation else ""
        terminal.say(f"  {folder.path}: {folder.images} images × {folder.repeats} repeats{kind}")
    sizes = ", ".join(f"{bucket.width}×{bucket.height} ({bucket.images})" for bucket in plan.buckets)
    terminal.say(f"  buckets: {sizes}")
    terminal.say(
        f"  {plan.batches_per_epoch} batches of {plan.batch_size} an epoch, {plan.steps_per_epoch} steps an epoch, "
        f"{plan.epochs} epochs: {plan.steps} steps"
    )
    for file in plan.files[-_FILES_SHOWN:]:
        terminal.say(f"  writes {file}")
    if len(plan.files) > _FILES_SHOWN:
        terminal.say(f"  and {len(plan.files) - _FILES_SHOWN} files of earlier epochs")
    terminal.say(f"  about {size_text(sum(need.bytes for need in plan.disk))} on disk")


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
        "files": [str(file) for file in plan.files],
        "disk_bytes": {str(need.directory): need.bytes for need in plan.disk},
    }


def say_problems(problems: Iterable[Problem], terminal: Terminal) -> None:
    """Say on stderr what a check found."""
    for problem in problems:
        terminal.warn(f"{problem.severity}: {problem.message} {problem.fix}".rstrip())
