"""Typing captions: the line below the picture, what the model will see of it, writing it and taking it back.

Only what was really typed is written, one thing after the other in the thread of `dataset/caption_queue.py`, and looked
at again by the same check that a run begins with. What could not be written stays here until the caption is opened
again.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from loratui.crash import write_crash_log
from loratui.dataset.caption_files import read_for_editing, refuse_read_only
from loratui.dataset.caption_journal import CaptionJournal
from loratui.dataset.caption_queue import CaptionQueue
from loratui.dataset.captions import with_trigger
from loratui.dataset.problems import DatasetFault, Problem, counted
from loratui.dataset.scan import FoundImage, Scan, fallback_caption, scan_caption_again
from loratui.dataset.survey import Survey
from loratui.dataset.tags import complete_tag, tag_counts
from loratui.errors import LoratuiError
from loratui.safe_text import printable
from loratui.tui.screens.pictures_changes import Change, Edit, Recaptioned
from loratui.tui.screens.pictures_list import PictureList
from loratui.tui.screens.pictures_looking import Surveyed
from loratui.tui.screens.pictures_panel import CaptionPanel
from loratui.tui.screens.pictures_view import PicturesView
from loratui.tui.session import Session
from loratui.tui.widgets.news import News

# With more captions at once it is quicker to look through the folder anew.
_FEW = 20
_SECONDS_TO_FINISH = 2.0


class PicturesEditing(PicturesView):
    """The pictures' screen with captions that can be typed."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._edit: Edit | None = None
        self._kept: dict[Path, str] = {}
        self._queue = CaptionQueue(self._failed)
        self._act_later = False
        self._newest: tuple[int, Survey] | None = None

    def action_act(self) -> None:
        """Edit the caption of the picture under the cursor."""
        path = self.current
        if path is None:
            return
        if not self._queue.is_foreseeable:
            self._act_later = True  # a change is being taken back
            return
        file = self._caption_path(path)
        try:
            refuse_read_only(file)
            found = self._queue.foreseen(file) or read_for_editing(file)
        except DatasetFault as fault:
            self.say(f"{fault.what} {fault.todo}", "error")
            return
        # A text field would send them to the terminal as they are.
        text = "".join(character for character in found.text.replace("\t", " ") if printable(character) == character)
        kept = self._kept.get(file, text)
        if kept == text:
            self._kept.pop(file, None)
        if kept != text:
            self.say("Not written yet: Enter writes your text, Esc leaves the file as it is.", "warning")
        elif text != found.text:
            self.say("Control characters are left out.", "warning")
        elif found.encoding != "UTF-8":
            self.say(f"Read as {found.encoding}; any change, even a space, is saved as UTF-8.")
        self._edit = Edit(path, file, found, kept, kept != text)
        tags = partial(complete_tag, known=tag_counts(self.album.captions))
        self.query_one(CaptionPanel).edit(kept, "what the picture shows, such as: Emi, girl, smiling, night", tags)
        self._show_typed(kept)

    def on_caption_panel_typed(self, event: CaptionPanel.Typed) -> None:
        """Show what the model would see, or what the search finds."""
        if self._edit is None:
            self.search(event.text)
        else:
            self._show_typed(event.text)

    def on_caption_panel_done(self, event: CaptionPanel.Done) -> None:
        """Keep what was typed, and go on with a neighbour if an arrow ended it."""
        edit, self._edit = self._edit, None
        if edit is None:
            self.search("" if event.escaped else event.text)
        else:
            self._take_typed(edit, event.text, event.rows, escaped=event.escaped)
        pictures = self.query_one(PictureList)
        pictures.focus()
        self.show_caption()
        if event.rows and edit is not None:
            pictures.action_move(event.rows)
            if self.current != edit.picture:
                self.action_act()

    def _take_typed(self, edit: Edit, text: str, rows: int, *, escaped: bool) -> None:
        is_changed = text != edit.shown
        if edit.is_kept and escaped:
            self._kept.pop(edit.file, None)
        elif is_changed or (edit.is_kept and not rows):
            label = f"caption of {printable(edit.picture.name)}"
            told = f"{printable(edit.file.name)} is saved; z takes it back."
            self.write(Change({edit.file: text}, {edit.file: edit.found}, label, told, is_typed=True))

    async def finish_editing(self) -> None:
        """Take what is being typed, and wait until it is written, or for a disk that does not answer."""
        if not self.is_mounted:
            return
        text = self.query_one(CaptionPanel).take()
        if text is not None and self._edit is not None:
            edit, self._edit = self._edit, None
            self._take_typed(edit, text, 0, escaped=False)
            self.query_one(PictureList).focus()
            self.show_caption()
        end = time.monotonic() + _SECONDS_TO_FINISH
        # Where typing has ended just now, its message is still on its way.
        while (self._edit is not None or not self._queue.is_idle) and time.monotonic() < end:
            await asyncio.sleep(0.01)

    def begin_search(self) -> None:
        """Have a text typed that names or captions contain."""
        self._edit = None
        self.query_one(CaptionPanel).edit(self.album.query, "a part of a name or a caption")

    def search(self, query: str) -> None:
        """Show only the pictures whose name or caption contains `query`; "" shows all."""
        self.album.search(query.strip())
        self.show_all()

    def _show_typed(self, text: str) -> None:
        image = self.album.found.get(self._edit.picture) if self._edit is not None else None
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

    def write(self, change: Change) -> None:
        """Have captions written after all that is being written already."""
        for path in change.captions:
            self._kept.pop(path, None)
        self._queue.put(partial(self._write, self.journal, change), change.outcome)

    def _write(self, journal: CaptionJournal, change: Change) -> Callable[[], None]:
        try:
            with self._traces.own_write(change.captions):
                written = journal.write(change.captions, change.label, change.found)
        except LoratuiError as error:
            return partial(self._tell, f"{error.what} {error.todo}", "error", [], change.kept)
        if not written.changed and not written.left_alone:
            return self._tell_nothing
        changed, told = [*written.changed, *written.left_alone], change.told_of(written)
        if written.left_alone:
            return partial(self._tell, told, "warning", changed, change.kept)
        return partial(self._tell, told, "good", changed)

    def _undo(self, journal: CaptionJournal) -> Callable[[], None]:
        try:
            with self._traces.own_write(journal.last_files):
                undone = journal.undo()
        except LoratuiError as error:
            return partial(self._tell, f"{error.what} {error.todo}", "error", [])
        if undone is None:
            return partial(self._tell_nothing, "There is nothing left to take back.")
        told = f"Taken back: {undone.label}."
        if undone.left_alone:
            told += f" {counted(len(undone.left_alone), 'file')} changed since and left alone."
        changed = [*undone.restored, *undone.left_alone]
        kind: News = "warning" if undone.left_alone else "good"
        return partial(self._tell, told, kind, changed)

    def _tell_nothing(self, told: str = "") -> None:
        self.post_message(Recaptioned(told, "note", [], [], False, {}))

    def _failed(self, error: Exception) -> None:
        told = write_crash_log(error)
        self.post_message(Recaptioned(f"{told.what} {told.todo}", "error", [], [], True, {}))

    def _tell(self, told: str, kind: News, changed: list[Path], kept: Mapping[Path, str] | None = None) -> None:
        """From the queue's thread: look at the changed captions again, or at all, and have it shown."""
        all_new = not 0 < len(changed) <= _FEW
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
        self.post_message(Recaptioned(told, kind, images, problems, all_new, kept or {}))
        if survey is not None and images:
            self._newest = (self._look, survey.after_edit(changed))
            self.post_message(Surveyed(*self._newest))

    def on_recaptioned(self, message: Recaptioned) -> None:
        """Show the new captions, and say what was done."""
        self._kept.update(message.kept)
        if message.told:
            self.say(message.told, message.kind)
        if message.all_new or self._is_looking:
            # What a look has read already may be older than what was written just now.
            self.look()
        for image in message.images:
            self.album.take_caption(image, [one for one in message.problems if one.path == image.caption_path])
        self.query_one(PictureList).show_album(self.album)
        self.show_caption()
        self.refresh_bindings()
        if self._act_later and self._queue.is_foreseeable:
            self._act_later = False
            if self.query_one(PictureList).has_focus:
                self.action_act()

    def action_undo(self) -> None:
        """Take the last change of captions back."""
        self._queue.put(partial(self._undo, self.journal), None)
