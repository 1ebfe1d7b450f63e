"""What a training would do, and what stands in its way, before it begins: found out in a thread, shown as lines.

Knows no widgets; nothing is written and no network is asked.
"""

import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from loratui.dataset.examining import examine_elsewhere
from loratui.dataset.problems import counted
from loratui.environment.disks import nearest_existing
from loratui.errors import BaseModelError, DatasetError, LoratuiError, ProfileError
from loratui.hub.presence import presence
from loratui.orders.preparing import Order, Prepared, bases_of, prepare_each
from loratui.quantities import disk_size, duration, memory_size
from loratui.safe_text import printable
from loratui.shown_paths import shown_path
from loratui.tui.fitting import cut, cut_middle, wrapped
from loratui.tui.glyphs import Glyphs
from loratui.tui.screens.settings_estimate import Estimator, Outlook
from loratui.tui.steps import STEPS
from loratui.tui.widgets.changing_lines import Line, Role

_LABEL = 10
_BEFORE_TRAINING = ("system", "model", "pictures", "settings")


@dataclass(frozen=True)
class Missing:
    """A base that has to be brought from the hub first; `bytes` is None while its size is not known."""

    name: str
    bytes: int | None


@dataclass(frozen=True)
class Intention:
    """What an order would come to.

    Attributes:
        prepared: None when it is refused.
        refusal: Why, with what to do.
        missing: Bases that are not on this computer yet.
        free: Bytes that are free where the files are written.
        estimate: What is known of time and memory, in words; "" where nothing is.
        is_slow: There is no GPU, and the base is none that a CPU trains in minutes.
    """

    prepared: Prepared | None = None
    refusal: LoratuiError | None = None
    missing: tuple[Missing, ...] = ()
    free: int = 0
    estimate: str = ""
    is_slow: bool = False


def intend(order: Order, progress: Callable[[int, int], None]) -> Intention:
    """Find out what an order would come to; may take seconds with many pictures.

    Args:
        progress: Called with (pictures checked, pictures in all); may raise to give up.
    """
    try:
        [prepared] = prepare_each([order], progress=progress, examiner=examine_elsewhere)
        missing = []
        for base in bases_of(prepared.profile):
            here = presence(base)
            if not here.is_usable and base != prepared.profile.model.vae:
                return Intention(prepared, BaseModelError(here.note, "Choose another base."))
            if not here.here:
                missing.append(Missing(here.location.name, here.bytes_to_fetch))
        outlook = Estimator().look(prepared.profile, prepared.report.scan)
        free = shutil.disk_usage(nearest_existing(prepared.plan.disk[0].directory)).free
    except LoratuiError as refusal:
        return Intention(refusal=refusal)
    except OSError as error:
        return Intention(refusal=ProfileError(f"{error.filename}: {error.strerror}", "See step 4, output.directory."))
    is_slow = not outlook.device.is_gpu and prepared.plan.base.kind != "demo"
    return Intention(prepared, None, tuple(missing), free, _outlook(outlook), is_slow)


def _outlook(outlook: Outlook) -> str:
    """What is known of time and memory, in words."""
    found, device = outlook.estimate, outlook.device
    if found is None:
        return ""
    time = "time is known after the first steps" if found.seconds is None else f"about {duration(found.seconds)}"
    if found.memory is None:
        return time
    about = "" if found.memory_is_measured else "about "
    where = "the GPU" if device.is_gpu else "the RAM"
    return f"{time}, {about}{memory_size(found.memory)} of {where}'s {memory_size(device.memory)}"


def step_of(refusal: LoratuiError) -> str:
    """The step in which a person can mend what was refused; "" where it is none of them."""
    for kind, step in ((DatasetError, "pictures"), (BaseModelError, "model"), (ProfileError, "settings")):
        if isinstance(refusal, kind):
            return step
    return ""


def plan_lines(
    intention: Intention, unmet: Mapping[str, Sequence[str]], width: int, height: int, glyphs: Glyphs
) -> list[Line]:
    """The plan of a training, and below it what is still unmet.

    Args:
        unmet: By step, what the steps before this one still lack.
        height: Lines that there are: what is unmet takes what the plan leaves.
    """
    lines: list[Line] = []
    if intention.prepared is not None:
        lines += _plan(intention, width, glyphs)
    if intention.refusal is not None:
        lines += _refusal(intention.refusal, width, glyphs)
    if lines:
        lines.append(())
    reasons = _reasons(intention, unmet, width, height - len(lines), glyphs)
    return [*lines, *reasons] if reasons else lines[:-1]


def _plan(intention: Intention, width: int, glyphs: Glyphs) -> list[Line]:
    assert intention.prepared is not None
    plan, profile = intention.prepared.plan, intention.prepared.profile
    times, room = glyphs.times, width - _LABEL
    repeats = Counter(folder.repeats for folder in plan.folders if not folder.regularisation)
    lines: list[Line] = [((f"{printable(plan.name)} will be trained like this", "strong"),), ()]

    def row(label: str, text: str, role: Role = "text") -> None:
        lines.append(((label.ljust(_LABEL), "faint"), (cut(text, room, glyphs), role)))

    seen = f" {times} {next(iter(repeats))}" if len(repeats) == 1 else ""
    beside = f", and {plan.regularisation_images} of the class in general" if plan.regularisation_images else ""
    row("pictures", f"{plan.images}{seen}{beside}")
    row("", cut_middle(shown_path(profile.dataset.path), room, glyphs, start=room // 4), "faint")
    row("base", printable(plan.base.name))
    row(
        "steps",
        f"{plan.steps}: {counted(plan.epochs, 'epoch')} of {counted(plan.steps_per_epoch, 'step')}, "
        f"{counted(plan.batch_size, 'picture')} a step",
    )
    if intention.estimate:
        row("takes", intention.estimate)
    if plan.compilation.backend:
        row("", plan.compilation.in_words, "faint")
    lora = next(file for file in plan.files if file.stem == plan.name)
    row("writes", cut_middle(shown_path(lora), room, glyphs, start=room // 4))
    others = len(plan.files) - 1 - profile.comparison.enabled
    extras = [f"{counted(others, 'more file')} of earlier epochs"] if others else []
    extras += ["a grid of strengths"] if profile.comparison.enabled else []
    if extras:
        row("", f"and {', '.join(extras)}")
    needed = sum(need.bytes for need in plan.disk)
    row("disk", f"about {disk_size(needed)}; {disk_size(intention.free)} are free")
    for missing in intention.missing:
        size = f", {disk_size(missing.bytes)}" if missing.bytes else ""
        row("first", f"{printable(missing.name)} is brought from Hugging Face{size}", "warning")
    return lines


def _refusal(refusal: LoratuiError, width: int, glyphs: Glyphs) -> list[Line]:
    first, *rest = wrapped(printable(refusal.what), width - 2)[:5] or [""]
    lines: list[Line] = [((f"{glyphs.cross} ", "error"), (first, "text")), *((("  " + row, "text"),) for row in rest)]
    lines += [(("  " + row, "faint"),) for row in wrapped(printable(refusal.todo), width - 2)[:3] if row]
    step = next((step for step in STEPS if step.id == step_of(refusal)), None)
    if step is not None:
        lines += [(), (("  ", "text"), (str(step.number), "accent"), (f" {step.title} is where to mend it", "text"))]
    return lines


def _reasons(
    intention: Intention, unmet: Mapping[str, Sequence[str]], width: int, height: int, glyphs: Glyphs
) -> list[Line]:
    """What is worth a look before the start: notes on the order, warnings on the pictures, what earlier steps lack."""
    said: list[tuple[str, str]] = []
    if intention.prepared is not None:
        said += [("", note) for note in intention.prepared.notes]
        said += [("4 Settings", warning.message) for warning in intention.prepared.plan.warnings]
        if problems := _problems(intention.prepared):
            said.append(("3 Pictures", f"{problems}; the training would go on without what they name"))
        if intention.is_slow:
            said.append(("1 System", "no GPU here; on a processor only the demo's base trains in minutes"))
    mending = step_of(intention.refusal) if intention.refusal is not None else ""
    for step in STEPS:
        if step.id in _BEFORE_TRAINING and step.id != mending:
            said += [(f"{step.number} {step.title}", reason) for reason in unmet.get(step.id, ())]
    told = [wrapped(printable(f"{where}: {what}" if where else what), width - 2) for where, what in said]
    if sum(map(len, told)) > height:  # the beginning of each says more than the whole of some
        told = [[cut(" ".join(rows), width - 2, glyphs)] for rows in told]
    if len(told) > max(height, 1):
        told = [*told[: height - 1], [f"and {len(told) - height + 1} more"]]
    lines: list[Line] = []
    for first, *rest in told:
        lines.append(((f"{glyphs.unmet} ", "warning"), (first, "text")))
        lines += [(("  " + row, "text"),) for row in rest]
    return lines


def _problems(prepared: Prepared) -> str:
    """`2 warnings`, as far as there are any; notes need nobody."""
    warnings = sum(problem.severity == "warning" for problem in prepared.report.problems)
    return counted(warnings, "warning") if warnings else ""
