"""Looking through a dataset in a thread: each step tells the screen what it knows by then.

Names come first, so that the first picture is seen at once; then sizes and captions, then what decoding brings.
"""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from textual.message import Message

from loratui.dataset.checks import Examination
from loratui.dataset.folder_choice import Proposal, absolute, propose
from loratui.dataset.folders import Listing, find_folders
from loratui.dataset.problems import DatasetFault
from loratui.dataset.scan import FoundImage, Scan
from loratui.dataset.survey import Question, Survey, Surveyor
from loratui.dataset.tokens import CaptionTokens, load_tokens
from loratui.errors import DatasetError
from loratui.tui.screens.pictures_traces import Trace

if TYPE_CHECKING:
    from loratui.profile.schema import Model, Profile

_SECONDS_BETWEEN_NEWS = 0.15


class Superseded(Exception):
    """Something else is wanted by now."""


class _Of(Message, bubble=False):
    """News of one look; `look` tells it from the looks before it."""

    def __init__(self, look: int) -> None:
        super().__init__()
        self.look = look


class Listed(_Of):
    """The names are known."""

    def __init__(self, look: int, listings: tuple[Listing, ...]) -> None:
        super().__init__(look)
        self.listings = listings


class Nothing(_Of):
    """There is nothing to look at, and why."""

    def __init__(self, look: int, proposal: Proposal | None) -> None:
        super().__init__(look)
        self.proposal = proposal


class Scanned(_Of):
    """Sizes and captions are known."""

    def __init__(self, look: int, scan: Scan, tokens: CaptionTokens | None) -> None:
        super().__init__(look)
        self.scan = scan
        self.tokens = tokens


class Decoded(_Of):
    """Some more pictures have been decoded."""

    def __init__(self, look: int, done: int, results: Mapping[Path, Examination]) -> None:
        super().__init__(look)
        self.done = done
        self.results = results


class Surveyed(_Of):
    """All is known."""

    def __init__(self, look: int, survey: Survey) -> None:
        super().__init__(look)
        self.survey = survey


class Glanced(Message, bubble=False):
    """The traces of folders and files, as they are now; `moment` is that of `KnownTraces`."""

    def __init__(self, found: Mapping[str, Trace], moment: int) -> None:
        super().__init__()
        self.found = found
        self.moment = moment


def look_through(
    look: int,
    profile: "Profile",
    surveyor: Surveyor,
    post: Callable[[Message], object],
    is_superseded: Callable[[], bool],
) -> None:
    """Look through the pictures of `profile` and tell the screen by `post`.

    Args:
        look: Number of this look.
        profile: With absolute paths.
        surveyor: Remembers what was decoded before.
        post: Takes messages, from this thread.
        is_superseded: Asked now and then.

    Raises:
        Superseded: the answer was yes.
    """
    section = profile.dataset
    if not section.path.strip():
        post(Nothing(look, None))
        return
    root = absolute(section.path)
    try:
        listings = find_folders(root, section.repeats)[1]
        if section.regularisation_path.strip():
            listings += find_folders(absolute(section.regularisation_path), section.repeats, regularisation=True)[1]
        if not any(listing.pictures for listing in listings):
            raise DatasetFault("no-images", "", "")
    except DatasetFault as fault:
        proposal = propose(section.path, section.repeats)
        if proposal.state == "usable":  # so it is the folder for regularisation that is wrong
            todo = f"{fault.todo} It is the setting dataset.regularisation_path: press 4."
            proposal = Proposal(absolute(section.regularisation_path), "wrong", what=fault.what, todo=todo)
        post(Nothing(look, proposal))
        return
    post(Listed(look, listings))
    tokens = tokens_of(profile.model)
    news: dict[Path, Examination] = {}
    told = time.monotonic()

    def found(scan: Scan) -> None:
        _go_on(is_superseded)
        post(Scanned(look, scan, tokens))

    def decoded(done: int, image: FoundImage, result: Examination) -> None:
        nonlocal news, told
        news[image.path] = result
        if time.monotonic() - told < _SECONDS_BETWEEN_NEWS:
            return
        _go_on(is_superseded)
        post(Decoded(look, done, news))
        news, told = {}, time.monotonic()

    question = Question(
        section, profile.training.batch_size, profile.training.epochs, tokens.count if tokens is not None else None
    )
    survey = surveyor.look(question, found=found, tell=decoded)
    _go_on(is_superseded)
    post(Surveyed(look, survey))


def files_of(scan: Scan) -> list[Path]:
    """The pictures and captions that a scan has read."""
    captions = [image.caption_path for image in scan.images if image.caption_path is not None]
    return [*(image.path for image in scan.images), *captions]


def tokens_of(model: "Model") -> CaptionTokens | None:
    """The tokenizer of a base; None while it is not on this computer."""
    from loratui.hub.tokenizer_files import tokenizer_folder

    folder = tokenizer_folder(model)
    if folder is None:
        return None
    try:
        return load_tokens(folder)
    except DatasetError:
        return None


def _go_on(is_superseded: Callable[[], bool]) -> None:
    if is_superseded():
        raise Superseded
