"""`lora inspect`: what a LoRA file holds, what it fits, how it was trained, and a profile rebuilt from that.

Only says what `lora_file` found out; everything shown may come from a stranger's file.
"""

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rich.cells import cell_len

from loratui.command_line.terminal import Terminal
from loratui.dataset.problems import counted
from loratui.errors import LoraFileError, ProfileError
from loratui.lora_file.families import FAMILY_NAMES
from loratui.lora_file.inspect import LoraSummary, summarise
from loratui.lora_file.precisions import PRECISIONS
from loratui.lora_file.rebuilding import Rebuilt, rebuild_profile
from loratui.lora_file.trained_as import Trained, trained_as
from loratui.lora_file.trained_sizes import by_tensors
from loratui.profile.fields import why_not_a_name
from loratui.profile.store import new_profile, profile_path
from loratui.safe_text import printable

_LABEL_WIDTH = 18
_FEW_TAGS = 20
_FEW_PROBLEMS = 10
_COMPONENTS = {"unet": "UNet", "text_encoder": "text encoder", "text_encoder_2": "text encoder 2"}


def inspect_lora(file: str, terminal: Terminal, *, everything: bool, profile: bool, name: str) -> int:
    """Say what the LoRA at `file` holds, and with `profile` save how it was trained as a profile.

    Args:
        file: As it was typed.
        terminal: Where the report goes.
        everything: All tags and all metadata.
        profile: Save a profile too; one of that name is never replaced.
        name: The profile's name; empty: the LoRA's.

    Raises:
        LoratuiError: the file is no LoRA, or the profile's name cannot be used or is taken.
    """
    summary = summarise(file)
    trained = trained_as(summary.metadata)
    rebuilt = None
    # Saved before anything is said: a refusal stands alone.
    path = None
    if profile or name:
        by_metadata = rebuild_profile(summary.metadata, summary.dtypes, summary.counts)
        rebuilt = by_tensors(by_metadata, summary.modules, summary.family)
        wanted = _profile_name(name or summary.name, summary.path.stem, bool(name))
        if profile_path(wanted).exists():
            raise ProfileError(
                f"There is a profile {printable(wanted)} already; it stays.", "Give another name: --name"
            )
        path = new_profile(wanted, rebuilt.profile)
    for line in _lines(summary, trained, terminal.width, everything):
        terminal.say(line, verbatim=True)
    for problem in summary.problems[: None if everything else _FEW_PROBLEMS]:
        terminal.say(f"problem: {problem}", style="yellow")
    if not everything and len(summary.problems) > _FEW_PROBLEMS:
        terminal.say(f"problem: and {len(summary.problems) - _FEW_PROBLEMS} more (--all)", style="yellow")
    if rebuilt and path:
        _say_rebuilt(rebuilt, str(path), terminal)
    answer = _fields(summary, trained)
    if rebuilt and path:
        answer["profile"] = {
            "path": str(path),
            "taken": list(rebuilt.taken),
            "left_out": [{"key": key, "value": value, "why": why} for key, value, why in rebuilt.left_out],
            "to_choose": list(rebuilt.to_choose),
        }
    terminal.answer(**answer)
    return 0


def _profile_name(wanted: str, stem: str, is_typed: bool) -> str:
    if is_typed or not why_not_a_name(wanted):
        return wanted
    if reason := why_not_a_name(stem):
        raise LoraFileError(f"The LoRA's name “{printable(wanted)}” {reason}.", "Give one with --name.")
    return stem


def _lines(summary: LoraSummary, trained: Trained, width: int, everything: bool) -> Iterator[str]:
    yield printable(summary.name)
    yield from _table(_facts(summary, trained), width)
    if trained.settings:
        yield "How it was trained"
        yield from _table(trained.settings, width)
    if trained.folders:
        yield from _table([("picture folders", ", ".join(trained.folders))], width)
    if tags := summary.tags:
        yield f"Tags ({len(tags)})"
        shown = list(tags.items())[: None if everything else _FEW_TAGS]
        more = [f"and {len(tags) - len(shown)} more (--all)"] if len(tags) > len(shown) else []
        yield from _wrapped(", ".join([*(f"{tag} {count}" for tag, count in shown), *more]), "  ", width)
    yield "Hashes"
    yield from _table(_hashes(summary), width)
    if everything and summary.metadata:
        yield "Metadata"
        for key, text in sorted(summary.metadata.items()):
            yield f"  {printable(key)}: {printable(text)}"


def _facts(summary: LoraSummary, trained: Trained) -> list[tuple[str, str]]:
    base = FAMILY_NAMES[summary.family] + (", v-prediction" if summary.prediction else "")
    facts = [
        ("file", f"{summary.path.name}, {_size(summary.size)}"),
        ("kind", ", ".join(filter(None, [summary.kind, summary.layout and f"named as {summary.layout}"]))),
        ("for", base),
        ("trained on", summary.base),
        ("modules", _counted((_COMPONENTS.get(name, name), count) for name, count in summary.counts.items())),
        ("rank", _spread(summary.ranks)),
        ("alpha", _spread({_alpha(alpha): count for alpha, count in summary.alphas.items()})),
        ("strength", _spread(_scales(summary))),
        ("convolutions", "yes" if summary.has_conv else "no"),
        ("precision", ", ".join(PRECISIONS.get(dtype, dtype) for dtype in summary.dtypes)),
        ("trigger words", ", ".join(summary.trigger_words)),
        ("title", summary.metadata.get("modelspec.title", "")),
        ("author", summary.metadata.get("modelspec.author", "")),
        ("licence", summary.metadata.get("modelspec.license", "")),
        ("usage", summary.metadata.get("modelspec.usage_hint", "")),
        ("begun", trained.date("training_started_at")),
        ("finished", trained.date("training_finished_at") or summary.metadata.get("modelspec.date", "")),
    ]
    if not summary.modules:
        without = {"rank", "alpha", "strength", "convolutions", "modules"}
        facts = [(label, text) for label, text in facts if label not in without]
    return [(label, text) for label, text in facts if text]


def _hashes(summary: LoraSummary) -> list[tuple[str, str]]:
    hashes = summary.hashes
    legacy = hashes.legacy or hashes.recorded_legacy
    if hashes.recorded_legacy and hashes.legacy and hashes.recorded_legacy != hashes.legacy:
        legacy = f"{hashes.legacy} (recorded: {hashes.recorded_legacy})"
    return [
        ("sha256", hashes.sha256),
        ("AutoV2", hashes.auto_v2),
        ("sshs_model_hash", hashes.model),
        ("sshs_legacy_hash", legacy),
        ("A1111 and AutoV3", hashes.short),
        ("AutoV1", hashes.auto_v1),
    ]


def _table(rows: Iterable[tuple[str, str]], width: int) -> Iterator[str]:
    indent = " " * (_LABEL_WIDTH + 2)
    for label, text in rows:
        head = f"  {label}" + " " * max(_LABEL_WIDTH - cell_len(label), 1)
        first, *others = list(_wrapped(text, "", width - len(indent))) or [""]
        if cell_len(head) + cell_len(first) > width:
            yield head.rstrip()  # a long word, such as a hash, gets a line of its own
            yield from (f"    {line}" for line in (first, *others))
        else:
            yield f"{head}{first}"
            yield from (f"{indent}{line}" for line in others)


def _wrapped(text: str, indent: str, width: int) -> Iterator[str]:
    # A word longer than a line, such as a hash, stays whole: it can be copied.
    for line in textwrap.wrap(printable(text), max(width - len(indent), 20), break_long_words=False):
        yield indent + line


def _spread(counts: Mapping[Any, int]) -> str:
    """A value alone where all modules share it; else each with its number of modules, the commonest first."""
    if len(counts) == 1:
        return str(next(iter(counts)))
    shown = [f"{value} ({counted(count, 'module')})" for value, count in list(counts.items())[:6]]
    return ", ".join([*shown, *([f"and {len(counts) - 6} others"] if len(counts) > 6 else [])])


def _scales(summary: LoraSummary) -> dict[str, int]:
    return dict(Counter(f"{module.scale:.4g}" for module in summary.modules).most_common())


def _alpha(alpha: float | None) -> str:
    return "none (counts as the rank)" if alpha is None else f"{alpha:.6g}"


def _counted(counts: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts)


def _size(size: int) -> str:
    return f"{size / 1e6:,.1f} MB" if size >= 100_000 else f"{size:,} bytes"


def _say_rebuilt(rebuilt: Rebuilt, path: str, terminal: Terminal) -> None:
    terminal.say()
    terminal.say(f"Wrote {path}", verbatim=True)
    count = len(rebuilt.taken)
    terminal.say(
        f"{counted(count, 'setting')} {'is' if count == 1 else 'are'} the file's, the others are the defaults."
    )
    for line in _wrapped(", ".join(rebuilt.taken), "  ", terminal.width):
        terminal.say(line, verbatim=True)
    for key, value, why in rebuilt.left_out:
        terminal.say(f"  left out: {key} = {value[:80]} ({why})")
    terminal.say("Still to choose:")
    for sentence in rebuilt.to_choose:
        terminal.say(f"  {sentence}")


def _fields(summary: LoraSummary, trained: Trained) -> dict[str, Any]:
    hashes = summary.hashes
    return {
        "file": str(summary.path),
        "size": summary.size,
        "name": summary.name,
        "kind": summary.kind,
        "layout": summary.layout,
        "usable": not summary.refusal,
        "family": summary.family,
        "prediction": summary.prediction or None,
        "base": summary.base or None,
        "modules": dict(summary.counts),
        "ranks": {str(rank): count for rank, count in summary.ranks.items()},
        "alphas": {"none" if alpha is None else f"{alpha:g}": count for alpha, count in summary.alphas.items()},
        "convolutions": summary.has_conv,
        "dtypes": list(summary.dtypes),
        "trigger_words": list(summary.trigger_words),
        "tags": dict(summary.tags),
        "tag_frequency": {folder: dict(tags) for folder, tags in summary.tag_frequency.items()},
        "training": dict(trained.settings),
        "started": trained.date("training_started_at") or None,
        "finished": trained.date("training_finished_at") or None,
        "hashes": {
            "sha256": hashes.sha256,
            "auto_v1": hashes.auto_v1,
            "auto_v2": hashes.auto_v2,
            "auto_v3": hashes.short,
            "sshs_model_hash": hashes.model,
            "sshs_legacy_hash": hashes.legacy or hashes.recorded_legacy or None,
        },
        "problems": list(summary.problems),
        "metadata": dict(summary.metadata),
    }
