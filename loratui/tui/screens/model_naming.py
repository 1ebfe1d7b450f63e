"""Bases by name: what is typed is judged at every key, paths are completed, addresses are made short.

Those that were found are remembered for the next time.
"""

from functools import partial
from pathlib import Path

from loratui.errors import BaseModelError
from loratui.tui.background import in_thread
from loratui.tui.dialogs.disk_entry import DiskEntry
from loratui.tui.frame import StepScreen
from loratui.tui.path_completion import complete_model_file
from loratui.tui.session import Session

_NAMED, _TAKEN_OUT = "named bases", "bases taken out"
_MOST_NAMED = 8
_MOST_TAKEN_OUT = 100
_TEXT = (
    "owner/name, owner/repo/file.safetensors, a pasted Hugging Face address,\n"
    "a diffusers folder or a .safetensors file (Tab completes), or demo"
)


class NamedBases:
    """The bases that a person named, for the list of every profile: one that nobody has found goes with the program."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._unsure: list[str] = []

    @property
    def all(self) -> list[str]:
        """All of them, the latest first."""
        return [*self._unsure, *self._kept]

    @property
    def taken_out(self) -> list[str]:
        """Those that a person does not want to see, although something else tells of them."""
        return [base for base in self._session.recall(_TAKEN_OUT, []) if isinstance(base, str)]

    def add(self, base: str) -> None:
        """Have a base that was named; it is to be found yet."""
        self._forget(base)
        self._unsure.insert(0, base)
        self._session.remember(_TAKEN_OUT, [one for one in self.taken_out if one != base])

    def found(self, base: str) -> None:
        """Remember a base that was named: it is on this computer, or on the hub."""
        if base in self._unsure:
            self._forget(base)
            self._session.remember(_NAMED, [base, *self._kept][:_MOST_NAMED])

    def take_out(self, base: str) -> None:
        """Show a base no more, until it is named again."""
        self._forget(base)
        self._session.remember(_TAKEN_OUT, [base, *self.taken_out][:_MOST_TAKEN_OUT])

    @property
    def _kept(self) -> list[str]:
        return [base for base in self._session.recall(_NAMED, []) if isinstance(base, str)]

    def _forget(self, base: str) -> None:
        self._unsure = [one for one in self._unsure if one != base]
        if base in self._kept:
            self._session.remember(_NAMED, [one for one in self._kept if one != base])


async def ask_for_base(screen: StepScreen) -> str | None:
    """The base that the person names, as a profile keeps it; None for Esc."""
    typed = await screen.app.push_screen_wait(
        DiskEntry("Another base", _TEXT, check=complaint_about, complete=complete_model_file)
    )
    return None if typed is None else await in_thread(partial(as_kept, typed))


def complaint_about(text: str) -> str:
    """What is wrong with a base's name, or ""."""
    from loratui.hub.location import FORMS
    from loratui.hub.models import locate

    try:
        locate(text)
    except BaseModelError as error:
        # The forms stand above the line anyway.
        return f"{error.what} {error.todo.replace(FORMS, '')}".rstrip()
    return ""


def as_kept(text: str) -> str:
    """A base's name as a profile keeps it: absolute paths, and ids instead of addresses where these say no more.

    Raises:
        BaseModelError: the name means nothing.
    """
    from loratui.hub.models import locate

    location = locate(text)
    if location.kind == "demo":
        return "demo"
    if location.path is not None:
        return str(Path(location.path).absolute())
    if location.revision != "main":
        return text.strip()
    return f"{location.repo_id}/{location.filename}" if location.filename else location.repo_id
