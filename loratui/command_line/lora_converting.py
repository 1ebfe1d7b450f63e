"""`lora convert` and `lora merge`: what was written and what a person should know about it.

Only says what `lora_file` did; names may come from a stranger's file.
"""

from collections.abc import Sequence

from loratui.command_line.terminal import Terminal
from loratui.lora_file.converting import LayoutName, convert_lora
from loratui.lora_file.families import FAMILY_NAMES
from loratui.lora_file.merging import Merged, merge_loras, read_ingredient
from loratui.lora_file.precisions import PRECISIONS, Precision


def convert_file(file: str, to: LayoutName, output: str, terminal: Terminal, *, force: bool) -> int:
    """Write the LoRA at `file` in another layout and say where.

    Args:
        file, output: As they were typed; `output` may be empty.
        to: The layout.
        terminal: Where the report goes.
        force: Replace a file of that name.

    Raises:
        LoratuiError: the file cannot be converted, or nothing can be written.
    """
    converted = convert_lora(file, to, output or None, force=force)
    family = f" of {FAMILY_NAMES[converted.family]}" if converted.family != "unknown" else ""
    terminal.say(f"Wrote {converted.path}", verbatim=True)
    terminal.say(f"{_modules(converted.modules)}{family}; weights unchanged")
    terminal.say(f"from {converted.source_layout} to {to}")
    for remark in converted.remarks:
        terminal.say(remark, style="yellow")
    terminal.answer(
        file=str(converted.path),
        source=file,
        layout=to,
        source_layout=converted.source_layout,
        family=converted.family,
        modules=converted.modules,
        remarks=list(converted.remarks),
    )
    return 0


def merge_files(
    files: Sequence[str],
    output: str,
    terminal: Terminal,
    *,
    rank: int | None,
    precision: Precision | None,
    force: bool,
) -> int:
    """Add up LoRA files as one and say where it is and how exact.

    Args:
        files: Each with its weights, as they were typed.
        output: Name or path.
        terminal: Where the report goes.
        rank: The highest rank of a module, or None.
        precision: Of the weights, or None for that of the files.
        force: Replace a file of that name.

    Raises:
        LoratuiError: the files cannot be merged, or nothing can be written.
    """
    ingredients = [read_ingredient(text) for text in files]
    merged = merge_loras(ingredients, output, rank=rank, precision=precision, force=force)
    terminal.say(f"Wrote {merged.path}", verbatim=True)
    alpha = f"alpha {merged.alpha:.6g}" if merged.alpha is not None else "alphas as they were"
    terminal.say(
        f"{_modules(sum(merged.ranks.values()))}, rank {_ranks(merged)}, {alpha}, "
        f"{PRECISIONS.get(merged.dtype, merged.dtype)}"
    )
    if merged.lowest:
        key, share = merged.lowest
        terminal.say(f"{merged.kept:.2%} of the effect is kept; least, {share:.2%}, of")
        terminal.say(f"  {key}", verbatim=True)
    for remark in merged.remarks:
        terminal.say(remark, style="yellow")
    terminal.answer(
        file=str(merged.path),
        sources=[{"file": str(one.path), "text_encoder": one.text, "unet": one.unet} for one in ingredients],
        layout=merged.layout,
        modules=sum(merged.ranks.values()),
        ranks={str(number): count for number, count in merged.ranks.items()},
        alpha=merged.alpha,
        dtype=merged.dtype,
        kept=merged.kept,
        lowest={"module": merged.lowest[0], "kept": merged.lowest[1]} if merged.lowest else None,
        remarks=list(merged.remarks),
    )
    return 0


def _modules(count: int) -> str:
    return "1 module" if count == 1 else f"{count:,} modules"


def _ranks(merged: Merged) -> str:
    shown = [str(rank) if len(merged.ranks) == 1 else f"{rank} ({_modules(n)})" for rank, n in merged.ranks.items()]
    return ", ".join([*shown[:4], *([f"and {len(shown) - 4} others"] if len(shown) > 4 else [])])
