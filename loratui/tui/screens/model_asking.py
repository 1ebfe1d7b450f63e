"""What Model asks of disk and hub, each question a function for a thread that answers with one message."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

from loratui.errors import AccountError, BaseModelError
from loratui.tui.screens.model_rows import BaseRow, find_rows

if TYPE_CHECKING:
    from loratui.hub.downloads import Download
    from loratui.hub.gate import Answer
    from loratui.hub.login import Account, Tokens
    from loratui.hub.presence import Presence


@dataclass
class Found(Message):
    """The rows, and all downloads that there ever were; `turn` tells a late answer from the latest."""

    turn: int
    rows: list[BaseRow]
    downloads: "list[Download]"


@dataclass
class Looked(Message):
    """What the disk says of one base; None when its name means nothing."""

    base: str
    presence: "Presence | None"


@dataclass
class Asked(Message):
    """What the hub says of one base, or why it says nothing."""

    base: str
    answer: "Answer | None" = None
    refusal: BaseModelError | None = None
    no_room: str = ""
    presence: "Presence | None" = None


@dataclass
class Recognised(Message):
    """Who is signed in."""

    account: "Account | None"
    tokens: "Tokens | None"
    error: AccountError | None = None


@dataclass
class Downloading(Message):
    """A download was started, or could not be."""

    base: str
    download: "Download | None" = None
    error: BaseModelError | None = None


def find(turn: int, chosen: str, named: list[str], taken_out: list[str], install_to: list[str]) -> Found:
    """Look around on the disk; of what lies elsewhere only the chosen base is shown in spite of being taken out."""
    from loratui.hub.downloads import list_downloads

    downloads = list(list_downloads())
    unfinished = [download.base for download in downloads if download.progress().state != "finished"]
    others = [base for base in (*named, *unfinished) if base not in taken_out]
    return Found(turn, find_rows(chosen, others, install_to), downloads)


def look(base: str) -> Looked:
    """Look for one base on the disk."""
    from loratui.hub.presence import presence

    try:
        return Looked(base, presence(base))
    except BaseModelError:
        return Looked(base, None)


def ask(base: str) -> Asked:
    """Ask the hub about one base, and the disk whether it has room for it."""
    from loratui.hub.cache import partial_bytes
    from loratui.hub.gate import ask_hub
    from loratui.hub.models import locate
    from loratui.hub.presence import presence
    from loratui.hub.room import check_room

    try:
        location = locate(base)
        answer = ask_hub(location)
    except BaseModelError as error:
        return Asked(base, refusal=error)
    no_room = ""
    try:
        check_room(location, max(0, answer.lacking - partial_bytes(location.repo_id)))
    except BaseModelError as error:
        no_room = str(error)
    return Asked(base, answer, None, no_room, presence(base))


def recognise(*, with_hub: bool = True) -> Recognised:
    """Find out who is signed in, by name when the hub may be asked."""
    from loratui.hub.login import stored_tokens, who

    tokens = None
    try:
        tokens = stored_tokens()
        return Recognised(who() if with_hub and tokens.signed_in else None, tokens)
    except AccountError as error:
        return Recognised(None, tokens, error)


def start(base: str) -> Downloading:
    """Begin or go on with a download."""
    from loratui.hub.downloads import start_download

    try:
        return Downloading(base, start_download(base))
    except BaseModelError as error:
        return Downloading(base, error=error)


def stop(download: "Download") -> None:
    """End a download; that it has ended is seen by whoever follows it."""
    download.cancel()
