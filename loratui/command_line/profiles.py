"""`profile new`, `list`, `show` and `path`."""

import os
import shlex
from pathlib import Path

from rich.cells import cell_len

from loratui.command_line.terminal import Terminal
from loratui.errors import ProfileError
from loratui.profile.complaints import in_one_line
from loratui.profile.demo import demo_profile
from loratui.profile.layout import profile_text
from loratui.profile.store import ListedProfile, find_profile, list_profiles, load_profile, new_profile, profile_name_of
from loratui.safe_text import printable


def new(name: str, demo: bool, source: str, force: bool, terminal: Terminal) -> int:
    """Save a new profile: the defaults, the demo's, or another one's settings."""
    if demo and source:
        raise ProfileError("--demo and --from cannot be given together.", "Give one of them.")
    profile = demo_profile() if demo else load_profile(source) if source else None
    path = new_profile(name, profile, force)
    terminal.say(f"Wrote {path}", verbatim=True)
    terminal.say(f"Edit it, then look at what it would do: loratui run {shlex.quote(name)} --dry-run")
    terminal.answer(name=name, path=str(path))
    return 0


def list_all(terminal: Terminal) -> int:
    """Name the saved profiles with their base and pictures."""
    listed = list_profiles()
    if listed:
        rows = [("NAME", "BASE", "PICTURES"), *map(_row, listed)]
        widths = [max((cell_len(row[column]) for row in rows if len(row) == 3), default=0) for column in (0, 1)]
        widths[0] = max(widths[0], *(cell_len(row[0]) for row in rows))
        for row in rows:
            cells = [cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=False)]
            terminal.say("  ".join([*cells[: len(row) - 1], row[-1]]).rstrip(), verbatim=True)
    else:
        terminal.say("There are no saved profiles yet; `loratui profile new NAME` writes one.")
    terminal.answer(
        profiles=[{"name": entry.name, "path": str(entry.path), "error": entry.error or None} for entry in listed]
    )
    return 0


def show(name: str, terminal: Terminal) -> int:
    """Print a profile with all its settings as TOML, or as JSON."""
    profile = load_profile(name)
    for line in profile_text(profile, profile_name_of(find_profile(name))).splitlines():
        terminal.say(line, verbatim=True)
    terminal.answer(**profile.model_dump(by_alias=True))
    return 0


def path(name: str, terminal: Terminal) -> int:
    """Print where a profile lies, one with mistakes too: they are mended there."""
    found = find_profile(name)
    mistakes = ""
    try:
        load_profile(name)
    except ProfileError as error:
        if not os.path.isfile(found):
            raise
        mistakes = error.what
        terminal.warn(f"warning: {in_one_line(mistakes)}")
    terminal.say(str(found.absolute()), verbatim=True)
    terminal.answer(path=str(found.absolute()), error=mistakes or None)
    return 0


def _row(entry: ListedProfile) -> tuple[str, ...]:
    """The cells of a profile in the list; what is wrong with one takes the place of all but the first."""
    if entry.profile is None:
        return printable(entry.name), _without_path(in_one_line(entry.error), entry.path)
    return printable(entry.name), printable(entry.profile.model.base), printable(entry.profile.dataset.path)


def _without_path(complaint: str, path: Path) -> str:
    return complaint.removeprefix(f"{printable(path)}: ").removeprefix(f"{printable(path)} ")
