"""`profile new`, `list`, `show` and `path`."""

from loratui.command_line.terminal import Terminal
from loratui.errors import ProfileError
from loratui.profile.demo import demo_profile
from loratui.profile.layout import profile_text
from loratui.profile.store import find_profile, list_profiles, load_profile, new_profile, profile_name_of


def new(name: str, demo: bool, source: str, force: bool, terminal: Terminal) -> int:
    """Save a new profile: the defaults, the demo's, or another one's settings."""
    if demo and source:
        raise ProfileError("--demo and --from cannot be given together.", "Give one of them.")
    profile = demo_profile() if demo else load_profile(source) if source else None
    path = new_profile(name, profile, force)
    terminal.say(f"Wrote {path}")
    terminal.say(f"Edit it, then look at what it would do: loratui run {name} --dry-run")
    terminal.answer(name=name, path=str(path))
    return 0


def list_all(terminal: Terminal) -> int:
    """Name the saved profiles with their base and pictures."""
    listed = list_profiles()
    for entry in listed:
        if entry.profile is None:
            terminal.say(f"{entry.name}  {entry.error}")
        else:
            terminal.say(f"{entry.name}  {entry.profile.model.base}  {entry.profile.dataset.path}")
    if not listed:
        terminal.say("There are no saved profiles yet; `loratui profile new NAME` writes one.")
    terminal.answer(
        profiles=[{"name": entry.name, "path": str(entry.path), "error": entry.error or None} for entry in listed]
    )
    return 0


def show(name: str, terminal: Terminal) -> int:
    """Print a profile with all its settings as TOML, or as JSON."""
    profile = load_profile(name)
    for line in profile_text(profile, profile_name_of(find_profile(name))).splitlines():
        terminal.say(line)
    terminal.answer(**profile.model_dump(by_alias=True))
    return 0


def path(name: str, terminal: Terminal) -> int:
    """Print where a profile lies."""
    found = find_profile(name)
    load_profile(name)
    terminal.say(str(found.absolute()))
    terminal.answer(path=str(found.absolute()))
    return 0
