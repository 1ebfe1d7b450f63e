"""What the screen of pictures knows of a caption while it is typed, on its way to the disk, and once it is there."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from textual.message import Message

from loratui.dataset.caption_files import EditableCaption
from loratui.dataset.caption_journal import Written
from loratui.dataset.problems import Problem, counted
from loratui.dataset.scan import FoundImage
from loratui.safe_text import printable
from loratui.tui.widgets.news import News


@dataclass(frozen=True)
class Edit:
    """A caption that is being typed.

    Attributes:
        picture: Whose caption it is.
        file: The caption file, which need not exist.
        found: What the file says.
        shown: What typing began with.
        is_kept: Whether that was typed before and could not be written.
    """

    picture: Path
    file: Path
    found: EditableCaption
    shown: str
    is_kept: bool


@dataclass(frozen=True)
class Change:
    """Captions to be written.

    Attributes:
        captions: For each file its caption.
        found: What each file said; one that says something else by then is left alone.
        label: What is done, for whoever takes it back.
        told: What to say once it is done; "" says nothing.
        is_typed: Whether it is one caption that somebody typed, to be kept where it cannot be written.
    """

    captions: Mapping[Path, str]
    found: Mapping[Path, EditableCaption]
    label: str
    told: str = ""
    is_typed: bool = False

    @property
    def kept(self) -> Mapping[Path, str]:
        """What is kept where it cannot be written."""
        return self.captions if self.is_typed else {}

    @property
    def outcome(self) -> Mapping[Path, EditableCaption]:
        """What the files will say afterwards."""
        return {path: self.found[path].edited(text) for path, text in self.captions.items()}

    def told_of(self, written: Written) -> str:
        """What to say of it."""
        if not written.left_alone:
            return self.told
        if self.is_typed:
            name = printable(written.left_alone[0].name)
            return f"{name} was changed meanwhile and left alone; Enter there brings your text back."
        left = f"{counted(len(written.left_alone), 'file')} changed meanwhile and left alone"
        return f"{left}; {counted(len(written.changed), 'caption')} written." if written.changed else f"{left}."


class Recaptioned(Message, bubble=False):
    """Caption files have changed, or could not be: what their pictures are trained with now, and what there is to say.

    `kept` is what was typed and could not be written.
    """

    def __init__(
        self,
        told: str,
        kind: News,
        images: list[FoundImage],
        problems: list[Problem],
        all_new: bool,
        kept: Mapping[Path, str],
    ) -> None:
        super().__init__()
        self.told = told
        self.kind = kind
        self.images = images
        self.problems = problems
        self.all_new = all_new
        self.kept = kept
