"""Asking for a base by name: what is typed is judged at every key, paths are completed, addresses are made short."""

from pathlib import Path

from loratui.errors import BaseModelError
from loratui.tui.dialogs import Entry
from loratui.tui.frame import StepScreen
from loratui.tui.path_completion import complete_model_file

_TEXT = (
    "owner/name, owner/repo/file.safetensors, a pasted Hugging Face address,\n"
    "a diffusers folder or a .safetensors file (Tab completes), or demo"
)


async def ask_for_base(screen: StepScreen) -> str | None:
    """The base that the person names, as a profile keeps it; None for Esc."""
    typed = await screen.app.push_screen_wait(
        Entry("Another base", _TEXT, check=complaint_about, complete=complete_model_file)
    )
    return None if typed is None else as_kept(typed)


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
