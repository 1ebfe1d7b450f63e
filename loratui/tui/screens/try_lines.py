"""The lines around Try's pictures: prompt, facts, the strip of strengths, what the worker is at, tag and paths.

Each is made for a width and is never cut in the middle of a letter.
"""

from pathlib import Path

from rich.cells import cell_len
from textual.content import Content

from loratui.environment.transfer import login, scp_from_here
from loratui.generation.grid_picture import BANDS
from loratui.profile.fields import split_lora
from loratui.profile.groups import in_titles
from loratui.runs.trying import LAST
from loratui.safe_text import printable
from loratui.shown_paths import shown_path
from loratui.tui.fitting import cut, cut_middle, cut_start, wrapped
from loratui.tui.glyphs import Glyphs
from loratui.tui.screens.try_trial import Trial

ADVICE = "everyday 0.7–0.9   strong 1.0–1.2   0.5–0.7 each when combining"
_HELP = (
    "The strength says how much the LoRA counts: <lora:NAME:0.8>. Both pictures have the same noise, so what differs "
    f"is the LoRA's doing.\n\n{ADVICE}\n\nToo weak, and the character is not there; too strong, and colours burn and "
    "every picture looks alike. k keeps the one you like: it is written into the cards that A1111 and Forge read."
)
_SHORTEST_BAR = 5
_MOST_ROWS_OF_REFUSAL = 8
_ALL = "? shows all"
_WITHOUT = "no LoRA"
_STANDING = {
    "waiting": "waiting for its turn",
    "starting": "starting: libraries are being loaded",
    "loading": "loading the base",
    "drawing": "drawing",
    "ready": "drawing",
    "away": "starting",
}


def prompt_line(trial: Trial, width: int, glyphs: Glyphs) -> Content:
    """The prompt in quotes, as much as fits."""
    text = " ".join(trial.wish.prompt.splitlines())
    return Content.assemble((cut(f"“{text}”", width, glyphs), "bold"))


def facts_line(trial: Trial, width: int, glyphs: Glyphs) -> Content:
    """Which epoch, seed, base and companions; on the right which of the rows, and what is kept."""
    file = trial.file
    facts = [
        f"epoch {file.epoch}" + (" (finished)" if file.label == LAST else "") + (", best" if file.is_best else ""),
        f"seed {trial.wish.seed}",
    ]
    facts += [f"on {Path(printable(trial.base)).name}"] if trial.wish.base else []
    facts += [f"with {lora_words(lora)}" for lora in trial.wish.other_loras]
    kept = trial.kept
    rows = trial.rows
    row = f"row {rows.index(trial.wish) + 1}/{len(rows)}" if len(rows) > 1 else ""
    is_kept = kept is not None and kept.label == file.label
    keeping = "   " * bool(row) + f"kept {kept.strength:g}" if kept is not None and is_kept else ""
    right = cell_len(row) + cell_len(keeping)
    left = cut("   ".join(facts), width - right - 2 * bool(right), glyphs)
    return Content.assemble(left, " " * (width - cell_len(left) - right), row, (keeping, "$text-success"))


def caption(strength: float) -> str:
    """What stands over a picture: its strength, and what that is good for."""
    if strength == 0:
        return "no LoRA"
    words = [band.words.split(" ", 1)[1] for band in BANDS[:2] if strength in band]
    return ", ".join([f"strength {label(strength)}", *words])


def strip_line(trial: Trial, width: int, glyphs: Glyphs) -> Content:
    """All strengths as numbers, each with a mark: drawn, being drawn, or not yet; those around the chosen one."""
    texts = [label(strength) for strength in trial.strengths]
    column = max(map(len, texts)) + 4
    texts = [text.rjust(column - 4) for text in texts]
    fitting = max(1, width // column)
    chosen = trial.strengths.index(trial.strength)
    first = min(max(0, chosen - fitting // 2), max(0, len(texts) - fitting))
    parts: list[tuple[str, str] | str] = []
    for place in range(first, min(first + fitting, len(texts))):
        strength, is_chosen = trial.strengths[place], place == chosen
        mark, style = _mark(trial, strength, glyphs)
        left, right = ("[", "]") if is_chosen else (" ", " ")
        chosen_style = "bold $text-accent" if is_chosen else "$text"
        parts += [(left + texts[place], chosen_style), (mark, style), (right, chosen_style), " "]
    return Content.assemble(*parts)


def state_line(trial: Trial, width: int, glyphs: Glyphs) -> Content:
    """What the worker is at, what was refused in as many rows as that takes, or what there is to know."""
    session = trial.session
    if refused := refusal_words(trial):
        rows = wrapped(refused, width)
        if len(rows) > _MOST_ROWS_OF_REFUSAL:
            end = cut(" ".join(rows[_MOST_ROWS_OF_REFUSAL - 1 :]), width - len(_ALL) - 1, glyphs)
            rows = [*rows[: _MOST_ROWS_OF_REFUSAL - 1], f"{end} {_ALL}"]
        return Content.assemble(("\n".join(rows), "$text-warning"))
    if session.pending:
        return _at_work(trial, width, glyphs)
    if trial.comparing[0]:
        words, share = trial.comparing
        return _with_bar(f"The run is {words}", share, width, glyphs)
    if trial.missing:
        wanted = "without" if trial.strength == 0 else f"without and with {label(trial.strength)}"
        wanted = wanted if len(trial.missing) == 2 or trial.missing == (0.0,) else f"with {label(trial.strength)}"
        unfinished = "" if trial.is_finished else " The run is not finished."
        return Content(cut(f"Not drawn yet: Enter draws {wanted}.{unfinished}", width, glyphs))
    return Content.assemble((cut(ADVICE, width, glyphs), "$faint"))


def refusal_words(trial: Trial) -> str:
    """Why the latest request was not drawn, and what to do; "" where it was not refused."""
    refusal = trial.session.refusal
    if refusal is None:
        return ""
    others = [printable(Path(split_lora(entry)[0]).name) for entry in trial.wish.other_loras]
    named = [name for name in others if name in refusal.what]
    words = (in_titles(refusal.what), in_titles(refusal.todo))
    return " ".join(filter(None, [*words, f"O takes {named[0]} out again." if named else ""]))


def tag_line(trial: Trial, width: int, glyphs: Glyphs) -> Content:
    """The tag for prompts, and where the grid is."""
    tag = cut(trial.tag if trial.strength else _WITHOUT, width, glyphs)
    room = width - cell_len(tag) - 4
    if trial.grid is None:
        words = "no grid yet" if trial.comparing[0] else "no grid yet: f draws it"
        return Content.assemble((tag, "$text-accent"), "    ", (cut(words, room, glyphs), "$faint"))
    grid = f"grid: {cut_start(shown_path(trial.grid), room - 6, glyphs)}" if room > 18 else ""
    return Content.assemble((tag, "$text-accent"), "    ", grid)


def fetch_line(trial: Trial, width: int, glyphs: Glyphs) -> Content:
    """How the grid, or before it is drawn the LoRA, is fetched from here over SSH; nothing without SSH."""
    file = trial.grid or trial.file.path
    if login() is None:
        return Content("")
    return Content.assemble((cut_middle(scp_from_here(file), width, glyphs), "$faint"))


def plain_lines(trial: Trial, refused: str = "") -> list[str]:
    """What a person takes along: tag, grid, picture, and the lines that fetch them; last, what was refused."""
    found = [("grid", trial.grid), ("LoRA", trial.file.path)]
    files = [(name, path) for name, path in found if path is not None]
    lines = [trial.tag, "", *(f"{name}: {path}" for name, path in files)]
    lines += ["", *(scp_from_here(path) for _, path in files)] if login() is not None else []
    lines += ["", f"Not done: {refused}"] if refused else []
    return [printable(line) for line in lines]


def help_text(trial: Trial | None, refused: str = "") -> str:
    """What was refused, how strengths are chosen, and the whole prompt."""
    parts = [f"Not done: {refused}"] if refused else []
    parts.append(_HELP)
    parts += [f"Prompt: {trial.wish.prompt}"] if trial is not None else []
    return "\n\n".join(parts)


def label(strength: float) -> str:
    """A strength as people write it: 0.8, 1.0."""
    return f"{strength:g}" if strength % 1 else f"{strength:.1f}"


def lora_words(entry: str) -> str:
    """One of the other LoRAs and its strength."""
    path, strength = split_lora(entry)
    return f"{printable(Path(path).stem)} {strength:g}"


def _mark(trial: Trial, strength: float, glyphs: Glyphs) -> tuple[str, str]:
    if trial.picture(strength) is not None:
        return glyphs.check, "$text-success"
    return (glyphs.current, "$text-accent") if strength in trial.coming else (glyphs.dot, "$faint")


def _at_work(trial: Trial, width: int, glyphs: Glyphs) -> Content:
    session = trial.session
    done, of = session.progress
    is_grid = not any(request.kind == "draw" for request in session.pending.values())
    if session.standing == "waiting":
        words = session.place or _STANDING["waiting"]
    elif session.standing == "loading":
        words = f"{_STANDING['loading']} {Path(printable(trial.base)).name}"
    else:
        words = _STANDING[session.standing] + (" the grid" if is_grid and session.standing == "drawing" else "")
    if not of or session.standing != "drawing":
        return Content(cut(f"{words.rstrip('.')}{glyphs.ellipsis}   x stops", width, glyphs))
    return _with_bar(words, done / of, width, glyphs, "   x stops")


def _with_bar(words: str, share: float, width: int, glyphs: Glyphs, after: str = "") -> Content:
    """What is done, and how far it is."""
    words = cut(words, width, glyphs)
    room = width - cell_len(words) - 2 - len(" 100 %") - len(after)
    if room < _SHORTEST_BAR:
        return Content(words)
    long = min(30, room)
    full = round(long * share)
    bar = (glyphs.bar_full * full, "$text-accent"), (glyphs.bar_empty * (long - full), "$faint")
    return Content.assemble(f"{words}  ", *bar, f" {int(100 * share):>3} %{after}")
