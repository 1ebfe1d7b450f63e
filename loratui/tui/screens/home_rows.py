"""What the rows of Home say: profiles and runs in columns, cut to the width by cells.

Knows text and widths. Imports nothing that reads a profile or a run, so that the first frame waits for nothing.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rich.cells import cell_len, set_cell_size

from loratui.quantities import countdown
from loratui.safe_text import printable
from loratui.tui.fitting import cut, cut_middle
from loratui.tui.glyphs import Glyphs
from loratui.tui.widgets.changing_lines import Role

if TYPE_CHECKING:
    from loratui.runs.glance import Glance
    from loratui.tui.screens.home_facts import Contents

Kind = Literal["heading", "text", "offer", "profile", "run", "demo", "own"]
_Piece = tuple[str, Role]

_NARROW = 80
_NAME, _BASE, _FOLDER, _STATE = 13, 17, 15, 11
_VERSION = 6
# A run's row has no base and no folder: its name may be longer.
_NAME_OF_RUN = 5
_OFFERED = 3
_WAYS = {
    "demo": ("Try the demo", "sixteen drawings, a tiny base: offline, no GPU, two minutes"),
    "own": ("Train your own", "10 to 50 pictures, each with its caption in a .txt beside it"),
}
_STATE_ROLES: dict[str, Role] = {
    "running": "accent",
    "queued": "accent",
    "finished": "good",
    "failed": "error",
    "interrupted": "warning",
    "stopped": "text",
}


@dataclass(frozen=True)
class ProfileEntry:
    """A saved profile.

    Attributes:
        folder: Of its pictures; "" where none is chosen.
        pictures: How many are there; None while nobody has counted, -1 where the folder has none or is gone.
        error: Why it cannot be read.
        last: Its newest run.
    """

    name: str
    base: str = ""
    folder: str = ""
    pictures: int | None = None
    error: str = ""
    last: "Glance | None" = None


@dataclass(frozen=True)
class Row:
    """A line of the list. Only rows with an id can be chosen.

    Attributes:
        made_from: The saved profile that the run was made from; "" where there is none.
    """

    kind: Kind
    id: str = ""
    text: str = ""
    profile: ProfileEntry | None = None
    run: "Glance | None" = None
    made_from: str = ""

    def matches(self, words: str) -> bool:
        """Whether a search for all of `words` finds the row. What is at work is never hidden."""
        if self.run is not None and self.run.is_busy:
            return True
        if self.profile is not None:
            text = f"{self.profile.name} {self.profile.base} {self.profile.folder} {self.profile.error}"
        elif self.run is not None:
            text = f"{self.run.run.name} {self.made_from} {self.run.state}"
        else:
            return True
        return all(word in text.lower() for word in words.lower().split())


_BLANK = Row("text")


def title_of(contents: "Contents") -> str:
    """What the terminal's title tells: `38 % emi 2:03` of the run at work, else nothing."""
    run = next((run for run in contents.runs if run.state == "running" and run.steps), None)
    if run is None:
        return ""
    left = f" {countdown(run.left)}" if run.left is not None else ""
    return f"{_percent(run)} % {printable(run.title)}{left}"


def row_line(row: Row, width: int, glyphs: Glyphs, now: float, *, at_cursor: bool = False) -> list[_Piece]:
    """A row's line in at most `width` cells."""
    sign: _Piece = (f"{glyphs.current if at_cursor else ' '} ", "accent")
    if row.profile is not None:
        return [sign, *_profile_parts(row.profile, width, glyphs, now)]
    if row.kind == "run" and row.run is not None:
        return [sign, *_run_parts(row.run, row.made_from, width, glyphs, now)]
    if row.kind == "heading":
        return [("  ", "text"), (_heading(row.text, width), "faint")]
    if row.kind == "offer":
        return [sign, (cut(row.text, width - 3, glyphs), "accent")]
    if row.kind in _WAYS:
        label, text = _WAYS[row.kind]
        return [sign, (set_cell_size(label, 17), "text"), (cut(text, width - 20, glyphs), "faint")]
    return [("  ", "text"), (cut(row.text, width - 3, glyphs), "faint")]


def rows_of(contents: "Contents | None", offers: "Sequence[Glance]", query: str, now: float) -> list[Row]:
    """The rows of the list: what ended meanwhile, profiles, runs; the first time, two ways to begin.

    Args:
        contents: None while nobody has looked yet.
        offers: Runs of whose end a person has not heard.
        query: Words that rows have to contain.
    """
    if contents is None:
        return [Row("text", text="Reading profiles and runs …")]
    if not contents.profiles and not contents.runs:
        begin = Row("text", text="Nothing is here yet. There are two ways to begin:")
        return [_BLANK, begin, _BLANK, Row("demo", "demo"), Row("own", "own")]
    rows = [
        Row("offer", f"offer:{run.run.name}", _offer(run, contents.profile_named(run), now), run=run)
        for run in offers[:_OFFERED]
    ]
    rows += [_BLANK] * bool(rows)
    if query:
        rows += [Row("text", text=f'Esc shows all rows: now only those with "{query}", and runs at work.'), _BLANK]
    profiles = [Row("profile", f"profile:{entry.name}", profile=entry) for entry in contents.profiles]
    runs = [Row("run", f"run:{run.run.name}", run=run, made_from=contents.profile_named(run)) for run in contents.runs]
    profiles, runs = ([row for row in some if row.matches(query)] for some in (profiles, runs))
    rows += [Row("heading", text="Profile"), *profiles]
    if not contents.profiles:
        rows.append(Row("text", text="None yet: n begins one from a folder of pictures."))
    return [*rows, _BLANK, Row("heading", text="Run"), *runs] if runs else rows


def when(then: float, now: float) -> str:
    """A time in six letters: `10:44` today, `3 Nov` this year, `2025` before."""
    moment, today = time.localtime(then), time.localtime(now)
    if moment[:3] == today[:3]:
        return time.strftime("%H:%M", moment)
    if moment.tm_year == today.tm_year:
        return f"{moment.tm_mday} {time.strftime('%b', moment)}"
    return str(moment.tm_year)


def state_word(run: "Glance") -> str:
    """What a run is at, in one word."""
    return "drawing" if run.draws else run.state


def when_of(run: "Glance") -> float:
    """The moment that a run's line tells: its end, or when it was last heard of."""
    return run.ended or run.moved


def _heading(text: str, width: int) -> str:
    """What stands above the columns: of runs where `text` is "Run", else of profiles."""
    name, base, folder = _widths(width)
    if text == "Run":
        return f"{text:<{name + _NAME_OF_RUN}} {'State':<{_STATE}} {'Step':>11}       {'Loss':>6} {'When':>6}"
    return f"{text:<{name}} {'Base':<{base}} {'Pictures':<{folder + 4}} {'Last run':<{_STATE}} {'When':>6} {'Loss':>6}"


def _widths(width: int) -> tuple[int, int, int]:
    spare = max(0, width - _NARROW)
    return _NAME + spare // 4, _BASE + spare // 3, _FOLDER + spare - spare // 4 - spare // 3


def _profile_parts(entry: ProfileEntry, width: int, glyphs: Glyphs, now: float) -> list[_Piece]:
    name_width, base_width, folder_width = _widths(width)
    parts: list[_Piece] = [(cut(entry.name, name_width, glyphs, pad=True) + " ", "text")]
    if entry.error:
        return [*parts, (cut(f"{glyphs.cross} {entry.error}", width - name_width - 4, glyphs), "error")]
    # Versions of a model differ in the last letters.
    base = cut_middle(_short(entry.base), base_width, glyphs, start=base_width - 1 - _VERSION, pad=True)
    parts.append((base + " ", "text"))
    if not entry.folder:
        parts.append((set_cell_size("no pictures yet", folder_width + 4) + " ", "faint"))
    else:
        count = "" if entry.pictures is None else str(max(0, entry.pictures))
        within = "in " if count else "   "
        parts.append((f"{count:>3} ", "warning" if count == "0" else "text"))
        room = folder_width + 4 - max(3, len(count)) - 1 - len(within)
        parts.append((within + cut(_short(entry.folder), room, glyphs, pad=True) + " ", "faint"))
    if entry.last is None:
        return [*parts, ("not trained yet", "faint")]
    return [*parts, *_result_parts(entry.last, now)]


def _result_parts(run: "Glance", now: float) -> list[_Piece]:
    return [
        (f"{state_word(run):<{_STATE}} ", _state_role(run)),
        (f"{when(when_of(run), now):>6} {_loss(run.loss):>6}", "text"),
    ]


def _run_parts(run: "Glance", made_from: str, width: int, glyphs: Glyphs, now: float) -> list[_Piece]:
    name_width = _widths(width)[0] + _NAME_OF_RUN
    steps = f"{run.step}/{run.steps}" if run.steps else ""
    percent = f"{_percent(run)} %" if run.steps and run.state != "finished" else ""
    before = name_width + 1 + _STATE + 1 + 11 + 1 + 5 + 1 + 6 + 1 + 6 + 2
    return [
        (set_cell_size(_names(run.title, made_from, name_width, glyphs), name_width) + " ", "text"),
        (f"{state_word(run):<{_STATE}} ", _state_role(run)),
        (f"{steps:>11} {percent:>5} {_loss(run.loss):>6} {when(when_of(run), now):>6}  ", "text"),
        (cut(_note(run), width - before - 3, glyphs), "faint"),
    ]


def _names(title: str, profile: str, width: int, glyphs: Glyphs) -> str:
    """The name of a run's LoRA, and that of its profile where it is another: `emi (demo)`."""
    if not profile or profile == title:
        return _with_version(title, width, glyphs)
    room = width - len(" ()")
    long = min(cell_len(printable(title)), max(room - cell_len(printable(profile)), room // 2))
    return f"{_with_version(title, long, glyphs)} ({cut(profile, room - long, glyphs)})"


def _with_version(title: str, width: int, glyphs: Glyphs) -> str:
    """A name in at most `width` cells: one run of a profile differs from the next in the last letters."""
    return cut_middle(title, width, glyphs, start=max(width - 1 - _VERSION, width // 3))


def _offer(run: "Glance", made_from: str, now: float) -> str:
    """`emi finished 10:44: Enter to try it`."""
    was = run.state if run.state in ("finished", "failed") else f"was {run.state}"
    at = f" at step {run.step} of {run.steps}" if run.can_go_on and run.steps else ""
    then = "Enter goes on" if run.can_go_on else "Enter to try it" if run.lora else "Enter to see it"
    name = f"{run.title} ({made_from})" if made_from not in ("", run.title) else run.title
    return f"{name} {was} {when(when_of(run), now)}{at}: {then}"


def _note(run: "Glance") -> str:
    if run.state == "queued":
        return f"{_ordinal(run.place)} in queue" if run.place else ""
    if run.state == "running":
        return f"left {countdown(run.left)}" if run.left is not None else ""
    return "Enter goes on" if run.can_go_on else ""


def _percent(run: "Glance") -> int:
    return min(100, 100 * run.step // run.steps) if run.steps else 0


def _state_role(run: "Glance") -> Role:
    return "accent" if run.draws else _STATE_ROLES[run.state]


def _loss(loss: float | None) -> str:
    if loss is None:
        return ""
    return f"{loss:.4f}" if abs(loss) < 10 else f"{loss:.3g}"


def _short(path: str) -> str:
    """The last part of a path or of a hub id: what tells it from others in few letters."""
    return path.rstrip("/").rpartition("/")[2] or path


def _ordinal(number: int) -> str:
    endings = {1: "st", 2: "nd", 3: "rd"}
    ending = "th" if number % 100 in (11, 12, 13) else endings.get(number % 10, "th")
    return f"{number}{ending}"
