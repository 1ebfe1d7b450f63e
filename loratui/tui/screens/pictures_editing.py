"""Typing captions: the line below the picture, what the model will see of it, writing it and taking it back.

Captions are written by `dataset/caption_files.py` in a thread, and looked at again by the same check that a run
begins with.
"""

import threading
from collections.abc import Mapping
from pathlib import Path

from textual import work
from textual.message import Message

from loratui.dataset.caption_files import read_for_editing
from loratui.dataset.captions import with_trigger
from loratui.dataset.problems import DatasetFault, Problem, counted
from loratui.dataset.scan import FoundImage, Scan, fallback_caption, scan_caption_again
from loratui.dataset.survey import Survey
from loratui.dataset.tags import TagCount, complete_tag, tag_counts
from loratui.errors import LoratuiError
from loratui.safe_text import printable
from loratui.tui.frame import News
from loratui.tui.screens.pictures_list import PictureList
from loratui.tui.screens.pictures_looking import Surveyed
from loratui.tui.screens.pictures_panel import CaptionPanel
from loratui.tui.screens.pictures_view import PicturesView
from loratui.tui.session import Session

# With more captions at once it is quicker to look through the folder anew.
_FEW = 20


class Recaptioned(Message, bubble=False):
    """Caption files have changed: what their pictures are trained with now, and what there is to say about it."""

    def __init__(self, told: str, kind: News, images: list[FoundImage], problems: list[Problem], all_new: bool) -> None:
        super().__init__()
        self.told = told
        self.kind = kind
        self.images = images
        self.problems = problems
        self.all_new = all_new


class PicturesEditing(PicturesView):
    """The pictures' screen with captions that can be typed."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._edited: Path | None = None
        self._tags: tuple[TagCount, ...] = ()
        self._writing = threading.Lock()
        self._newest: tuple[int, Survey] | None = None

    def action_act(self) -> None:
        """Edit the caption of the picture under the cursor."""
        path = self.current
        if path is None:
            return
        try:
            found = read_for_editing(self._caption_path(path))
        except DatasetFault as fault:
            self.say(f"{fault.what} {fault.todo}", "error")
            return
        # A text field would send them to the terminal as they are.
        text = "".join(character for character in found.text.replace("\t", " ") if printable(character) == character)
        if text != found.text:
            self.say("Control characters are left out.", "warning")
        elif found.encoding != "UTF-8":
            self.say(f"The file was {found.encoding}; it is written as UTF-8.")
        self._edited = path
        self._tags = tag_counts(self.album.captions)
        panel = self.query_one(CaptionPanel)
        panel.edit(text, "what the picture shows, such as: Emi, girl, smiling, night")
        self._show_typed(text)

    def on_caption_panel_typed(self, event: CaptionPanel.Typed) -> None:
        """Show what the model would see, or what the search finds."""
        if self._edited is None:
            self.search(event.text)
        else:
            self._show_typed(event.text)

    def on_caption_line_completing(self) -> None:
        """Complete the tag from those of the other captions."""
        line = self.query_one(CaptionPanel).line
        completed = complete_tag(line.value, line.cursor_position, self._tags) if line and self._edited else None
        if line is not None and completed is not None:
            line.value, line.cursor_position = completed

    def on_caption_panel_done(self, event: CaptionPanel.Done) -> None:
        """Keep what was typed, and go on with a neighbour if an arrow ended it."""
        path, self._edited = self._edited, None
        if path is None:
            self.search("" if event.escaped else event.text)
        else:
            self.write({self._caption_path(path): event.text}, f"caption of {printable(path.name)}", "")
        pictures = self.query_one(PictureList)
        pictures.focus()
        self.show_caption()
        if event.rows and path is not None:
            pictures.action_move(event.rows)
            if self.current != path:
                self.action_act()

    def begin_search(self) -> None:
        """Have a text typed that names or captions contain."""
        self._edited = None
        self.query_one(CaptionPanel).edit(self.album.query, "a part of a name or a caption")

    def search(self, query: str) -> None:
        """Show only the pictures whose name or caption contains `query`; "" shows all."""
        self.album.search(query.strip())
        self.show_all()

    def _show_typed(self, text: str) -> None:
        image = self.album.found.get(self._edited) if self._edited is not None else None
        panel, section = self.query_one(CaptionPanel), self.album.section
        if image is None:
            panel.show([])
            return
        trigger = "" if image.folder.regularisation else section.trigger
        typed = text.strip()
        caption = with_trigger(typed, trigger) if typed else fallback_caption(image.folder, section.trigger)
        panel.show(self.seen(caption, panel.rows, has_file=bool(typed)))

    def _caption_path(self, path: Path) -> Path:
        image = self.album.found.get(path)
        if image is not None and image.caption_path is not None:
            return image.caption_path
        return path.with_suffix(self.album.section.caption_extension)

    @work(thread=True, exit_on_error=False, group="captions")
    def write(self, captions: Mapping[Path, str], label: str, told: str) -> None:
        with self._writing:
            try:
                changed = self.journal.write(captions, label)
            except LoratuiError as error:
                self._tell(f"{error.what} {error.todo}", "error", [], all_new=True)
                return
            if changed:
                self._tell(told, "good", list(changed), all_new=len(changed) > _FEW)

    @work(thread=True, exit_on_error=False, group="captions")
    def _take_back(self) -> None:
        with self._writing:
            try:
                undone = self.journal.undo()
            except LoratuiError as error:
                self._tell(f"{error.what} {error.todo}", "error", [], all_new=True)
                return
            if undone is None:
                return
            told = f"Taken back: {undone.label}."
            if undone.left_alone:
                told += f" {counted(len(undone.left_alone), 'file')} changed since and left alone."
            changed = [*undone.restored, *undone.left_alone]
            self._tell(told, "warning" if undone.left_alone else "good", changed, all_new=len(changed) > _FEW)

    def _tell(self, told: str, kind: News, changed: list[Path], *, all_new: bool) -> None:
        """From a thread: look at the changed captions again, and have it shown."""
        self.undo_label = self.journal.last
        section, survey = self.album.section, self.album.survey
        if self._newest is not None and self._newest[0] == self._look:
            survey = self._newest[1]  # the screen may not have taken it yet
        images: list[FoundImage] = []
        problems: list[Problem] = []
        for path in [] if all_new else changed:
            for image in list(self.album.found.values()):
                if image.path.parent == path.parent and image.path.stem == path.stem:
                    alone = scan_caption_again(Scan(path.parent, (image.folder,), (image,), ()), section, path)
                    images += alone.images
                    problems += alone.problems
        self.post_message(Recaptioned(told, kind, images, problems, all_new))
        if survey is not None and images:
            self._newest = (self._look, survey.after_edit(changed))
            self.post_message(Surveyed(*self._newest))

    def on_recaptioned(self, message: Recaptioned) -> None:
        """Show the new captions, and say what was done."""
        if message.told:
            self.say(message.told, message.kind)
        if message.all_new or self._is_looking:
            # What a look has read already may be older than what was written just now.
            self.look()
        for image in message.images:
            self.album.take_caption(image, [one for one in message.problems if one.path == image.caption_path])
        self.query_one(PictureList).redraw()
        self.show_caption()
        self.refresh_bindings()

    def action_undo(self) -> None:
        """Take the last change of captions back."""
        self._take_back()
